"""Choosing the turn of a recording that a request asks for. The content of the request decides, not a
counter.

1. Lineage: the request continues a response that was turn N of this recording.
2. Outputs: the input has the output of earlier turns, found by its ids or, if those were made afresh, by its
   content. The n-th of several equal outputs is that of the n-th turn that has it.
3. Recorded requests: the turn whose own request has the same shape and the same last items.
4. Shape: after n runs of the assistant's output comes turn n + 1.

Turns that are errors are no part of a history: a request that got one gets the turn after it when it is sent
again.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from respool.errors import OptionError, TurnsExhausted
from respool.match.request import items_of, text_of
from respool.match.signatures import Item, Signature, calls_of, clean, ids_of, is_output, signature
from respool.protocol.events import TERMINAL_TYPES
from respool.protocol.items import type_of
from respool.protocol.snapshot import fold
from respool.recordings.recording import Recording

ON_EXHAUSTED = ("error", "last", "loop")

# A turn that is an error, and the digest of the request that got it, so that it plays once.
Used = tuple[int, str]


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """The facts about a turn of a recording that decide."""

    output: Sequence[Item] = ()
    request: Mapping[str, Any] = field(default_factory=dict)  # empty: unknown
    failed: bool = False  # an HTTP error, an `error` event, a failed response, or a stream without its end
    id: str = ""  # of the response


@dataclass(frozen=True, slots=True)
class ChosenTurn:
    """The turn to play. `number` counts from 1."""

    number: int
    why: str
    used: Used | None = None  # to be kept in the session


@dataclass(frozen=True, slots=True)
class _Place:
    turn: int  # from 0
    covers: tuple[int, ...]  # numbers of the outputs that it is for, unique in the recording


def facts(recording: Recording) -> TurnFacts:
    """Return the facts about a recording. It folds all events: keep the result."""
    header = recording.header
    if recording.plain:
        response = header.body if isinstance(header.body, dict) else {}
    else:
        response = fold(timed.event for timed in recording.events)
    output = response.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    return TurnFacts(tuple(items), header.request, is_error(recording), str(response.get("id") or ""))


def is_error(recording: Recording) -> bool:
    """Return True if a turn is an error: see `TurnFacts.failed`."""
    if recording.plain:
        body = recording.header.body
        return recording.header.status >= 400 or (isinstance(body, dict) and body.get("status") == "failed")
    types = [timed.event.type for timed in recording.events]
    return "error" in types or "response.failed" in types or TERMINAL_TYPES.isdisjoint(types)


class TurnIndex:
    """The turns of one recording, indexed to choose the one for a request. Immutable."""

    def __init__(self, turns: Sequence[TurnFacts]) -> None:
        self.turns = tuple(turns)
        self._by_id: dict[str, list[_Place]] = defaultdict(list)
        self._sound: dict[Signature, list[_Place]] = defaultdict(list)
        self._broken: dict[Signature, list[_Place]] = defaultdict(list)  # turns that are errors
        number = 0
        for place, turn in enumerate(self.turns):
            by_signature = self._broken if turn.failed else self._sound
            messages = []
            for item in turn.output:
                here = _Place(place, (number,))
                for id_ in ids_of(item):
                    self._by_id[id_].append(here)
                if found := signature(item):
                    by_signature[found].append(here)
                if type_of(item) == "message":
                    messages.append((number, text_of(item)))
                number += 1
            if len(messages) > 1:  # chat clients make one message of them
                covers = tuple(one for one, _ in messages)
                joined = {clean(glue.join(text for _, text in messages)) for glue in ("", "\n", "\n\n")}
                for text in joined:
                    by_signature["message", text].append(_Place(place, covers))
        self._runs = [_runs(items_of(turn.request)) if turn.request else None for turn in self.turns]
        self.fails = any(turn.failed for turn in self.turns)  # only with errors does a request's digest count
        self._sound_turns = [place for place, turn in enumerate(self.turns) if not turn.failed]

    def has(self, id: str) -> bool:
        """Return True if an output has this id."""
        return id in self._by_id

    def choose(
        self,
        body: Mapping[str, Any],
        *,
        digest: str = "",
        previous: int | None = None,
        ids: Mapping[str, int] | None = None,
        used: Collection[Used] = (),
        on_exhausted: str = "error",
    ) -> ChosenTurn:
        """Return the turn that a request asks for.

        digest        of the request: equal for a request and its retry
        previous      turn, from 1, of `previous_response_id` or of the conversation's last response, if that
                      was a play of this recording
        ids           turns, from 1, by the ids that plays of them have, if those were made afresh
        used          the `used` of earlier results in this session
        on_exhausted  what plays after the last turn: the ``last``, the first again (``loop``), or nothing

        The only turn of a recording always answers. Raise TurnsExhausted.
        """
        if on_exhausted not in ON_EXHAUSTED:
            raise OptionError(f"on-exhausted is {on_exhausted}, expected {', '.join(ON_EXHAUSTED)}")
        count = len(self.turns)
        if count == 1:
            return ChosenTurn(1, "the only turn")
        items = items_of(body)
        base, why = self._base(items, previous, ids or {}, loop=on_exhausted == "loop")
        return self._not_used(base, why, digest, used, on_exhausted)

    def _base(
        self, items: Sequence[Item], previous: int | None, ids: Mapping[str, int], *, loop: bool
    ) -> tuple[int, str]:
        """Return the turn that is meant, from 0, before skipping errors that are used up; it may be past the
        last."""
        seen, strangers = self._seen(items, ids, loop=loop)
        if previous is not None and previous - 1 >= seen:
            return previous, f"continues turn {previous}"
        if seen >= 0:
            return seen + 1, f"the input has the output of turn {seen % len(self.turns) + 1}"
        runs = _runs(items)
        if (place := self._by_request(items, runs)) is not None:
            return place, "the input has the shape and the last items of this turn's recorded request"
        if strangers and not runs:
            place = self._first_that_calls(strangers)
            return place + 1, f"the input answers a call, and turn {place + 1} is the first that has one"
        why = f"the input has {runs} run{'' if runs == 1 else 's'} of output"
        sound = self._sound_turns
        if not runs:
            return 0, "the input has no output of an earlier turn"
        # The turn after the n-th that is no error.
        return (sound[runs - 1] + 1 if runs <= len(sound) else len(self.turns) + runs - len(sound)), why

    def _seen(self, items: Sequence[Item], ids: Mapping[str, int], *, loop: bool) -> tuple[int, list[Item]]:
        """Return the last turn, from 0, with output in the input (-1: none), and the outputs of tools without
        a call. With `loop`, a second round through the turns counts on."""
        count = len(self.turns)
        at = -1  # the last turn seen
        taken: dict[int, int] = {}  # numbers of outputs, and the round in which they were found
        made_here: set[str] = set()
        strangers = []
        for item in items:
            if (answers := calls_of(item)) is not None:
                if answers in made_here:
                    continue
                if (turn := self._turn_of_id(answers, ids)) is None:
                    strangers.append(item)
                else:
                    at = max(at, turn)
                continue
            if not is_output(item):
                continue
            made_here.update(ids_of(item))
            known = [ids[id_] - 1 for id_ in ids_of(item) if id_ in ids]
            if known:
                at = max(at, known[0])
                continue
            places = self._places(item)
            if not places:
                continue
            found = _next(places, taken, at, count, loop=loop)
            if found is not None:
                turn, place = found
                taken.update(dict.fromkeys(place.covers, turn // count))
                at = max(at, turn)
        return at, strangers

    def _turn_of_id(self, id: str, ids: Mapping[str, int]) -> int | None:
        if id in ids:
            return ids[id] - 1
        places = self._by_id.get(id)
        return places[0].turn if places else None

    def _places(self, item: Item) -> Sequence[_Place]:
        for id_ in ids_of(item):
            if places := self._by_id.get(id_):
                return places
        found = signature(item)
        if found is None:
            return ()
        return self._sound.get(found) or self._broken.get(found) or ()

    def _by_request(self, items: Sequence[Item], runs: int) -> int | None:
        """Return the turn with a recorded request of as many runs, and the same items after the last one."""
        last = None
        for place, recorded in enumerate(self._runs):
            if recorded == runs:
                last = last or _after_output(items)
                if last and _after_output(items_of(self.turns[place].request)) == last:
                    return place
        return None

    def _first_that_calls(self, outputs: Sequence[Item]) -> int:
        wanted = Counter(_CALL_OF.get(type_of(item), "function_call") for item in outputs)
        for place, turn in enumerate(self.turns):
            if not turn.failed and wanted <= Counter(map(type_of, turn.output)):
                return place
        return 0

    def _not_used(
        self, base: int, why: str, digest: str, used: Collection[Used], on_exhausted: str
    ) -> ChosenTurn:
        count = len(self.turns)
        if base >= count:
            if on_exhausted == "error":
                raise TurnsExhausted(base, count, why)
            if on_exhausted == "last":
                base, why = count - 1, f"{why}, which is the last; it is played again"
            else:
                base, why = base % count, f"{why}, which is the last; from the first again"
        place = base
        while self.turns[place].failed and (place + 1, digest) in used and place + 1 < count:
            place += 1
        if place > base:
            before = (
                f"turn {base + 1} is an error" if place == base + 1 else f"turns {base + 1} to {place} are"
            )
            errors = "" if place == base + 1 else " errors"
            why = f"{why}; {before}{errors} that this request had before"
        number = place + 1
        return ChosenTurn(number, why, (number, digest) if self.turns[place].failed else None)


_CALL_OF: Mapping[str, str] = {
    "custom_tool_call_output": "custom_tool_call",
    "computer_call_output": "computer_call",
    "local_shell_call_output": "local_shell_call",
    "shell_call_output": "shell_call",
    "apply_patch_call_output": "apply_patch_call",
    "mcp_approval_response": "mcp_approval_request",
    "tool_search_output": "tool_search_call",
}


def _next(
    places: Sequence[_Place], taken: Mapping[int, int], at: int, count: int, *, loop: bool
) -> tuple[int, _Place] | None:
    """Return the place of an output after the last turn seen: the first free one at or after it, else an
    earlier one (it was late), else one in the next round. The turn counts on over rounds."""
    round_ = max(at, 0) // count
    free = [place for place in places if all(taken.get(one, -1) < round_ for one in place.covers)]
    for place in free:
        if place.turn + round_ * count >= at:
            return place.turn + round_ * count, place
    if loop and at % count == count - 1:  # all turns of this round are over
        return places[0].turn + (round_ + 1) * count, places[0]
    if free:
        return free[-1].turn + round_ * count, free[-1]
    return None


def _runs(items: Sequence[Item]) -> int:
    """Return the number of runs of output in an input; reasoning alone is none."""
    made = [is_output(item) for item in items if type_of(item) != "reasoning"]
    return sum(now and not before for before, now in pairwise([False, *made]))


def _after_output(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Return types and texts of the items after the last output."""
    last = max((place for place, item in enumerate(items) if is_output(item)), default=-1)
    return [(type_of(item), clean(text_of(item))) for item in items[last + 1 :]]
