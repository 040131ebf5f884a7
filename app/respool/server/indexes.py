"""Indexes: the lookup tables of a decision. Each is made on first use, and again when the store's files
change."""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from respool import options
from respool.errors import NoMatchingRecording, escaped, printable
from respool.match.recorded import Forms, Recorded, RecordedIndex
from respool.match.rules import STRICTNESS
from respool.match.turn_choice import ON_EXHAUSTED, TurnFacts, TurnIndex, facts, is_error
from respool.match.whole import whole_recorded
from respool.play.offload import offload
from respool.recordings.recording import Recording
from respool.recordings.steer_rule import SteerRule
from respool.recordings.store import Store
from respool.server.rule_set import Playable, RuleSet, named, playable, read_rule_set

if TYPE_CHECKING:  # modules for misses and for stubs are imported where they are used
    from respool.match.near import Near, NearIndex, WouldSend
    from respool.match.stubs import Stub

logger = logging.getLogger("respool")

ON_MISS = ("error", "improvise", "record")  # what answers a request that nothing else does
ASKS_UPSTREAM = ("never", "stubs", "recorded", "misses", "always")
SUCCESSOR = "(successor)"  # the name of a Script that is played after a steer
_ENTRY = 1024  # bytes: to index a recording takes about as long as to read so many
_MOST_KEPT = 1000  # indexes of turns, and what stubs play


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """The options of matching.

    default       the recording that answers if nothing else does
    match         how far a request may differ from a recorded one, one of STRICTNESS; None: as in match.yaml
    on_miss       the answer if nothing matches: an ``error``, an improvised one, or, with ``record``, the
                  upstream's, depending on `asks_upstream`
    on_exhausted  what follows the last turn of a recording: an ``error``, the ``last`` again, or a ``loop``
    asks_upstream which requests go to an upstream. ``never``: none; ``stubs``: those of stubs with ``proxy``;
                  ``recorded``: the same, and others are answered only if their request is recorded;
                  ``misses``: also those that nothing answers; ``always``: all but those that name a
                  recording or have a stub

    Raises OptionError for an unknown word.
    """

    default: str | None = None
    match: str | None = options.maybe_choice(STRICTNESS)
    on_miss: str = options.choice("error", ON_MISS)
    on_exhausted: str = options.choice("error", ON_EXHAUSTED)
    asks_upstream: str = options.choice(ASKS_UPSTREAM[0], ASKS_UPSTREAM)

    def __post_init__(self) -> None:
        options.read_options(self, options.out_of_range)


class _Answer:
    """The answer of a recording, equal to one with the same events. Most are never compared."""

    __slots__ = ("recording",)

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Answer) and self._value() == other._value()

    __hash__ = None  # type: ignore[assignment]

    def _value(self) -> object:
        header = self.recording.header
        return header.status, header.body, [timed.event.text for timed in self.recording.events]


def _log_new_problems(before: RuleSet, now: RuleSet) -> None:
    """Log the errors in rule files that were not there before."""
    known = {str(problem) for problem in before.problems}
    for problem in map(str, now.problems):
        if problem not in known:
            logger.warning("mistake %s", escaped(problem))


class Indexes:
    """The indexes of a store."""

    def __init__(self, store: Store, options: MatchOptions) -> None:
        self.store = store
        self.options = options
        self._version = -1
        self._rule_set = RuleSet()
        self._recorded: RecordedIndex | None = None
        self._near: NearIndex | None = None
        self._facts: WeakKeyDictionary[Recording, TurnFacts] = WeakKeyDictionary()
        self._turns: OrderedDict[str, tuple[tuple[Recording, ...], TurnIndex]] = OrderedDict()
        self._successors: OrderedDict[int, tuple[SteerRule, Playable]] = OrderedDict()
        self._plays: OrderedDict[int, tuple[Stub, int, Playable]] = OrderedDict()

    @property
    def rule_set(self) -> RuleSet:
        """The rules of the store's files."""
        if self._version != (version := self.store.version):
            before, self._rule_set = self._rule_set, read_rule_set(self.store)
            if self._version >= 0:  # those of the first load are printed at the start
                _log_new_problems(before, self._rule_set)
            self._recorded = self._near = None
            self._version = version
        return self._rule_set

    @property
    def recorded(self) -> RecordedIndex:
        """The recordings with a recorded request."""
        rules = self.rule_set.rules
        if (index := self._recorded) is None:
            found = self._with_requests()
            index = offload(
                len(found) * _ENTRY,
                ("recorded", self._version),
                lambda: RecordedIndex(self._entries(found), rules),
            )
            self._recorded = index
        return index

    def _with_requests(self) -> list[tuple[str, int, Recording]]:
        return [
            (name, number, turn)
            for name in self.store.names
            for number, turn in enumerate(self.store.turns(name), 1)
            # In a Script, it may be some parameters.
            if turn.header.request and ("input" in turn.header.request or not turn.scripted)
        ]

    def _entries(self, found: Sequence[tuple[str, int, Recording]]) -> list[Recorded]:
        whole: Sequence[Mapping[str, Any] | None] = [None] * len(found)
        if any(turn.header.request.get("previous_response_id") for _, _, turn in found):
            whole = whole_recorded([self.facts(turn) for _, _, turn in found])
        return [
            Recorded(name, number, turn.header.request, is_error(turn), _Answer(turn), complete)
            for (name, number, turn), complete in zip(found, whole, strict=True)
        ]

    def nearest(self, forms: Forms) -> "tuple[Near, ...]":
        """Return the recordings with the nearest requests."""
        from respool.match.near import NearIndex

        index = self.recorded
        if self._near is None:
            self._near = NearIndex(index)
        return self._near.nearest(forms, self._would_send, strictness=self.options.match)

    def facts(self, recording: Recording) -> TurnFacts:
        """Return the facts about a recording, cached: they need all its events folded."""
        if (known := self._facts.get(recording)) is None:
            known = self._facts[recording] = facts(recording)
        return known

    def turns(self, series: str, turns: tuple[Recording, ...]) -> TurnIndex:
        """Return the index of a series of turns."""
        known = self._turns.get(series)
        if known is None or known[0] != turns:
            known = self._turns[series] = turns, TurnIndex([self.facts(turn) for turn in turns])
            if len(self._turns) > _MOST_KEPT:
                self._turns.popitem(last=False)
        return known[1]

    def playable(self, stub: "Stub") -> Playable:
        """Return what a stub plays, the same recordings at each call. Raise RecordingError."""
        version = self.store.version
        known = self._plays.get(id(stub))
        if known is None or known[0] is not stub or known[1] != version:
            known = self._plays[id(stub)] = stub, version, playable(stub, self.store)
            if len(self._plays) > _MOST_KEPT:
                self._plays.popitem(last=False)
        return known[2]

    def successor(self, rule: SteerRule) -> Playable | None:
        """Return what a rule plays after a steer; None if it names nothing. Raise NoMatchingRecording for
        a recording that is not there."""
        if rule.successor is None:
            return None
        if isinstance(rule.successor, str):
            if (found := named(self.store, rule.successor)) is None:
                nearest = ", ".join(self.store.nearest(rule.successor))
                raise NoMatchingRecording(
                    f"No recording is named {printable(rule.successor)}, as steer says"
                    + (f"; nearest: {nearest}." if nearest else ".")
                )
            return found
        known = self._successors.get(id(rule))
        if known is None or known[0] is not rule:
            from respool.match.plays import Play, recordings_of

            turns = recordings_of(Play(script=rule.successor), SUCCESSOR)
            known = self._successors[id(rule)] = rule, Playable(SUCCESSOR, turns)
            if len(self._successors) > _MOST_KEPT:
                self._successors.popitem(last=False)
        return known[1]

    def _would_send(self, entry: Recorded) -> "WouldSend | None":
        from respool.match.near import would_send

        turns = self.store.turns(entry.name)
        return would_send(turns[entry.turn - 1]) if entry.turn <= len(turns) else None
