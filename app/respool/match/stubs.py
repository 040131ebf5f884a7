"""Stubs: rules of the user, match -> play, and the choice of the one that answers a request.

The stub with the lowest `priority` answers, of equal ones the first in the file. `StubSet.answer` takes a
session's `StubState` and returns the next one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from respool.errors import printable
from respool.faults.fault import Fault
from respool.match.context import Context
from respool.match.matchers import Condition, ConditionPart
from respool.match.patterns import PatternSet, escaped
from respool.match.plays import Play
from respool.match.values import LONGEST_SEARCHED, TextTest
from respool.recordings.hold_points import HoldPoint
from respool.recordings.steer_rule import SteerRule

STARTED = "Started"  # the first state of a scenario, named as in WireMock
PRIORITY = 5  # the default of a stub, as in WireMock
_MOST_COMPARED = 200_000  # pairs of stubs that are searched for one that shadows the other


@dataclass(frozen=True, slots=True)
class Scenario:
    """A state across several requests: the one in which the stub answers, and the one that follows."""

    name: str
    requires: str | None = None
    becomes: str | None = None


@dataclass(frozen=True, slots=True)
class Stub:
    """A rule.

    pace      the fields of `Pace` that replace those of the server's pace
    times     how many times it answers in each session; None: always
    priority  the lowest answers first
    ids       ``recorded`` or ``fresh``; None: the server's setting
    hold      the places at which the stream waits
    steer     the effect of a steer, on a WebSocket; None: that of the recording
    place     path:line
    source    the plain data of a stub that is in no file
    """

    name: str
    match: Condition
    play: Play
    pace: Mapping[str, Any] | None = None
    faults: tuple[Fault, ...] = ()
    times: int | None = None
    priority: int = PRIORITY
    ids: str | None = None
    scenario: Scenario | None = None
    hold: tuple[HoldPoint, ...] = ()
    steer: SteerRule | None = None
    place: str = ""
    source: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def always(self) -> bool:
        """True if it answers each request that its condition holds for."""
        return self.times is None and (self.scenario is None or self.scenario.requires is None)


@dataclass(frozen=True, slots=True)
class StubState:
    """The stubs' part of a session: how many times each has answered, and the states of scenarios."""

    answered: Mapping[str, int] = field(default_factory=dict)
    scenarios: Mapping[str, str] = field(default_factory=dict)

    def allows(self, stub: Stub) -> bool:
        """Return True if a stub may answer now."""
        if stub.times is not None and self.answered.get(stub.name, 0) >= stub.times:
            return False
        scenario = stub.scenario
        return (
            scenario is None
            or scenario.requires is None
            or self.scenarios.get(scenario.name, STARTED) == scenario.requires
        )

    def after(self, stub: Stub) -> "StubState":
        """Return the state after a stub has answered: this object if nothing changes."""
        answered, scenarios = self.answered, self.scenarios
        if stub.times is not None:
            answered = {**answered, stub.name: answered.get(stub.name, 0) + 1}
        if stub.scenario and stub.scenario.becomes is not None:
            scenarios = {**scenarios, stub.scenario.name: stub.scenario.becomes}
        if answered is self.answered and scenarios is self.scenarios:
            return self
        return StubState(answered, scenarios)


@dataclass(frozen=True, slots=True)
class StubMatch:
    """The stub that answers, and the session's next state."""

    stub: Stub
    why: str
    state: StubState


@dataclass(frozen=True, slots=True)
class NearStub:
    """A stub that does not answer, and descriptions of what does not hold."""

    stub: Stub
    failed: tuple[str, ...]

    @property
    def line(self) -> str:
        """A line for a message or a log."""
        return f"stub {printable(self.stub.name)}: not {', not '.join(self.failed)}"


_NEW = StubState()

# Keys of the index of stubs, the most selective first.
_KEYS = ("previous_stub", "last_user_text", "tool_output", "tools", "model")


class StubSet:
    """Stubs in the order in which they are tried. Immutable: add a stub by making another set. `given` has
    them in their original order."""

    def __init__(self, stubs: Iterable[Stub]) -> None:
        self.given = tuple(stubs)
        # sorted keeps the order of equals
        self.stubs = tuple(sorted(self.given, key=lambda stub: stub.priority))
        self._by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._searched: list[int] = []  # stubs that search the user's last text
        self._others: list[int] = []
        patterns = []
        for number, stub in enumerate(self.stubs):
            if key := _key(stub.match):
                self._by_key[key].append(number)
            elif (pattern := _pattern(stub.match)) is not None:
                self._searched.append(number)
                patterns.append(pattern)
            else:
                self._others.append(number)
        self._patterns = PatternSet(patterns)

    def __len__(self) -> int:
        return len(self.stubs)

    def __iter__(self) -> Iterator[Stub]:
        return iter(self.stubs)

    def answer(self, context: Context, state: StubState = _NEW) -> StubMatch | None:
        """Return the stub that answers, and the session's next state; None if none does."""
        if not self.stubs:
            return None
        for number in self._candidates(context):
            stub = self.stubs[number]
            if state.allows(stub) and stub.match.holds(context):
                held = ", ".join(part.shown for part in stub.match.parts) or "any request"
                return StubMatch(stub, f"stub {stub.name}: {held}", state.after(stub))
        return None

    def near(self, context: Context, state: StubState = _NEW, most: int = 3) -> tuple[NearStub, ...]:
        """Return the stubs with the fewest parts that do not hold."""
        found = []
        for stub in self.stubs:
            failed = stub.match.failed(context)
            if not state.allows(stub):
                failed.append(_why_not(stub, state))
            if failed:
                found.append(NearStub(stub, tuple(failed)))
        found.sort(key=lambda near: len(near.failed))
        return tuple(found[:most])

    def shadowed(self) -> list[tuple[Stub, Stub]]:
        """Return pairs of stubs: one that can never answer, and the one that always answers before it.

        Only what follows from the conditions as written is found; with very many stubs, not all pairs are
        compared.
        """
        before = [stub for stub in self.stubs if stub.always]
        place = {stub.name: number for number, stub in enumerate(self.stubs)}
        found: dict[str, tuple[Stub, Stub]] = {}
        pairs = (
            (one, other) for other in self.stubs for one in before if place[one.name] < place[other.name]
        )
        for one, other in islice(pairs, _MOST_COMPARED):
            if other.name not in found and one.match.follows_from(other.match):
                found[other.name] = (other, one)
        return list(found.values())

    def _candidates(self, context: Context) -> Sequence[int]:
        found = [numbers for key in _keys_of(context) if (numbers := self._by_key.get(key))]
        if self._searched:
            text = context.last_user_text[:LONGEST_SEARCHED]
            found.append([self._searched[place] for place in self._patterns.search(text)])
        if not found:
            return self._others
        return sorted({*self._others, *(number for numbers in found for number in numbers)})


def _pattern(condition: Condition) -> str | None:
    """Return a pattern that the user's last text must match for a condition to hold, if there is one."""
    for part in condition.parts:
        if part.name == "last_user_text" and isinstance(part.value, TextTest):
            if part.value.regex is not None:
                return part.value.regex.text
            if part.value.contains is not None:
                return escaped(part.value.contains)
    return None


def _key(condition: Condition) -> tuple[str, str] | None:
    """Return a key that a request must have for a condition to hold, if one is enough to find the stub."""
    parts = {part.name: part for part in condition.parts}
    for name in _KEYS:
        if name in parts and (value := _exact(parts[name])) is not None:
            return name, value
    return None


def _exact(part: ConditionPart) -> str | None:
    match part.value:
        case TextTest(equals=str() as text):
            return text
        case str() as text:
            return text
        case tuple() as names if names:
            return str(names[0])
        case {"name": str() as name}:
            return name
        case _:
            return None


def _keys_of(context: Context) -> Iterator[tuple[str, str]]:
    if context.previous_stub is not None:
        yield "previous_stub", context.previous_stub
    yield "last_user_text", context.last_user_text
    for name in {name for name, _, _ in context.tool_outputs}:
        yield "tool_output", name
    for name in context.tools:
        yield "tools", name
    if isinstance(model := context.body.get("model"), str):
        yield "model", model


def _why_not(stub: Stub, state: StubState) -> str:
    scenario = stub.scenario
    if scenario and scenario.requires is not None:
        now = state.scenarios.get(scenario.name, STARTED)
        if now != scenario.requires:
            return f'scenario {scenario.name} in state "{scenario.requires}", it is in "{now}"'
    return f"answering more than {stub.times} times"
