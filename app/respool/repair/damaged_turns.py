"""DamagedTurn: one response of a file, with its damages. Also the removal of surplus events."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from respool.errors import RecordingError
from respool.protocol.event_types import EVENT_TYPES, EventKind
from respool.protocol.events import TERMINAL_TYPES
from respool.protocol.several_responses import run_together
from respool.recordings.recording import Header, Recording, TimedEvent
from respool.repair.damaged_stream import JSON, DamagedStream

# Reason why an event is surplus: the option that leaves it out.
SURPLUS: Mapping[str, str] = {
    "a duplicate of an earlier event": "--drop-duplicates",
    "after the end of the response": "--drop-after-end",
}
_DUPLICATE, _LATE = SURPLUS

# Kinds of events that may repeat the same text, if there are no sequence numbers.
_MAY_REPEAT = frozenset({EventKind.DELTA, EventKind.STATUS, EventKind.CONNECTION, None})


@dataclass(slots=True)
class DamagedTurn:
    """One response of a file: its sound events, and the damages among them."""

    header: Header
    events: list[TimedEvent]
    damages: list[RecordingError] = field(default_factory=list)

    @property
    def damaged(self) -> set[int]:
        """The places of the damages in the stream."""
        before = sorted(map(_line, self.events))
        return {bisect_left(before, damage.line) for damage in self.damages if damage.line is not None}

    @property
    def ended(self) -> bool:
        """True if it has a terminal event."""
        return any(timed.event.type in TERMINAL_TYPES for timed in self.events)


def split_turns(recordings: Sequence[Recording], damages: Sequence[RecordingError]) -> list[DamagedTurn]:
    """Return the turns of a file, with the damages of each."""
    turns = [turn for recording in recordings for turn in _split(recording)]
    begins = [(_line(turn.events[0]), at) for at, turn in enumerate(turns) if turn.events]
    ends = [max(map(_line, turn.events), default=0) for turn in turns]
    ended = [turn.ended for turn in turns]
    for damage in damages:
        line = damage.line or 0
        begun = bisect_left(begins, (line, 0))
        at = begins[begun - 1][1] if begun else 0
        # A damage after the end of a turn belongs to the next one.
        late = ended[at] and ends[at] < line
        turns[min(at + late, len(turns) - 1)].damages.append(damage)
    return turns


def _split(recording: Recording) -> Iterator[DamagedTurn]:
    """Yield the turns of a recording: another response after the end of one is a turn of its own, even if its
    `response.created` is lost."""
    turn = DamagedTurn(recording.header, [])
    response_id: object = None
    if run_together(timed.event for timed in recording.events):
        turn.events += recording.events
        yield turn
        return
    for timed in recording.events:
        response = timed.event.data.get("response")
        own = response.get("id") if isinstance(response, dict) else None
        if own and own != response_id and turn.ended:
            yield turn
            turn = DamagedTurn(Header(), [])
        response_id = own or response_id
        turn.events.append(timed)
    yield turn


def drop_surplus(turn: DamagedTurn, stream: DamagedStream, allowed: Collection[str]) -> list[JSON]:
    """Leave out the surplus events, and return a fix for each. Raise RecordingError, with the name of the
    option, if an event may not be left out."""
    surplus = dict(_find_surplus(turn.events, stream))
    dropped: list[JSON] = []
    for place, reason in surplus.items():
        timed = turn.events[place]
        if SURPLUS[reason] not in allowed:
            cause = f"{timed.event.type} is {reason}; {SURPLUS[reason]} leaves it out"
            raise RecordingError(cause, line=timed.line)
        dropped.append({"line": timed.line, "dropped": f"{timed.event.type}, {reason}"})
    turn.events = [timed for place, timed in enumerate(turn.events) if place not in surplus]
    return dropped


def _find_surplus(events: Sequence[TimedEvent], stream: DamagedStream) -> Iterator[tuple[int, str]]:
    seen: set[tuple[int | None, str]] = set()
    ended = False
    for place, timed in enumerate(events):
        row = EVENT_TYPES.get(timed.event.type)
        kind = row.kind if row else None
        own = stream.numbers[place]
        again = (own, timed.event.text) in seen
        if again and (own is not None or (kind not in _MAY_REPEAT and stream.troubled(place, place))):
            yield place, _DUPLICATE
        elif ended and kind is not EventKind.CONNECTION:
            yield place, _LATE
        seen.add((own, timed.event.text))
        ended = ended or timed.event.type in TERMINAL_TYPES


def _line(timed: TimedEvent) -> int:
    return timed.line or 0
