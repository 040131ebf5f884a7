"""TurnBuilder: cuts the events of a file that holds several responses into turns."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.errors import Effect, RecordingError
from respool.protocol.events import CREATED, ENDING_TYPES, Event, loads
from respool.recordings.formats.depth import MAX_DEPTH, check_depth, too_deep
from respool.recordings.recording import (
    Entry,
    Header,
    ReadRecording,
    Recording,
    Row,
    TimedEvent,
    Verbatim,
    turn_name,
)

# Called by a reader for each damaged place. If it returns, the reader goes on with the rest.
OnDamage = Callable[[RecordingError], None]


def refuse(damage: RecordingError) -> None:
    """Raise damage, but not notes. The default OnDamage: a file with one damaged line is not used at all."""
    if damage.effect is Effect.REFUSED:
        raise damage


@dataclass(slots=True, eq=False)
class _Turn:
    header: Header = field(default_factory=Header)
    line: int | None = None  # of the header
    rows: list[Row] = field(default_factory=list)  # of its events
    captured: dict[int, list[Verbatim]] = field(
        default_factory=dict
    )  # texts, by the row before which they are
    frames: dict[int, str] = field(default_factory=dict)  # of rows that are not framed as the API does it
    begun: bool = False  # with an event of the response; a keepalive is none
    ended: bool = False
    response_id: object = None
    open: set[str] = field(default_factory=set)  # ids of its responses that have not ended
    several: bool = False  # two of its responses were open at a time
    follows: "_Turn | None" = None  # the turn before on its lane, which may go on
    left_out: bool = False
    at: int = 0  # the builder's count after its last event
    moment: float = 0.0  # the builder's moment then

    @property
    def used(self) -> bool:
        return not self.left_out and (bool(self.rows) or self.header.body is not None)

    def is_another(self, response_id: object, of_agent: bool) -> bool:
        """Return True if a response that is created now begins another turn: one of an agent does not."""
        return self.ended or (self.begun and self.response_id != response_id and not of_agent)

    def end_response(self, response_id: object) -> None:
        """End one response, and the turn with its last one."""
        self.several = self.several or len(self.open) > 1
        if self.several:
            self.open.discard(repr(response_id))
        else:
            self.open.clear()
        self.ended = not self.open

    def take(self, other: "_Turn") -> None:
        """Append the events of another turn."""
        count = len(self.rows)
        self.captured |= {place + count: texts for place, texts in other.captured.items()}
        self.frames |= {place + count: frame for place, frame in other.frames.items()}
        self.rows += other.rows
        self.open |= other.open
        self.several = True


# Events that may follow the end of their response.
_LATE = ("response.failed", "response.steer.", "response.inject.")


def lane_of(data: Any) -> str | None:
    """Return the lane of a socket's frame; None for the default lane."""
    lane = data.get("stream_id") if isinstance(data, dict) else None
    return lane if isinstance(lane, str) else None


def response_id(data: Mapping[str, Any]) -> object:
    """Return the id of the response that an event is about, if it holds one; `data` is its parsed text."""
    response = data.get("response")
    return response.get("id") if isinstance(response, dict) else None


class TurnBuilder:
    """Collects events, and cuts them into turns.

    A turn begins with a header, and with a `response.created` that follows a terminal event or has
    another response's id. So a connection that was cut and tried again is two turns, while one
    response in which `response.created` was sent twice stays one.

    Of a socket, each lane (`stream_id`) has turns of its own. Where the first response goes on after another
    was created, they run at a time in one stream, as those of several agents do: that is one turn.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._turns: list[_Turn] = []
        self._waiting: list[Verbatim] = []  # texts that may belong to this turn or to the next
        self._lanes: dict[str | None, _Turn] = {}  # the current turn of each lane
        self._requested: dict[str | None, deque[_Turn]] = {}  # unanswered requests of each lane
        self._turn: _Turn | None = None  # the default lane's, kept so that most events need no look-up
        self._unclaimed: _Turn | None = None  # a header before the first event, which shows its lane
        self._count = 0  # events and requests read so far
        self._moment = 0.0  # of the last of them
        self._untimed = 0  # the count at the last event without a time

    def header(self, fields: Mapping[str, Any], line: int) -> None:
        """Begin a turn, with the header of that line. Raise ValueError for a bad one."""
        self.begin(Header(fields), line)

    def begin(self, header: Header, line: int | None = None) -> None:
        """Begin a turn. Raise ValueError for a bad header."""
        check_depth(header.fields)
        self._lanes, self._requested, self._turn = {}, {}, None
        self._unclaimed = _Turn(header, line, at=self._count, moment=self._moment)
        self._turns.append(self._unclaimed)

    def request(self, header: Header, lane: str | None, gap: float | None, *, left_out: bool = False) -> None:
        """Begin a turn on a lane of a socket, after the lane's earlier requests. `gap` is the time since the
        event or request before; with `left_out`, the turn is not in the recording."""
        check_depth(header.fields)
        self._pass(gap)
        self._unclaimed = None
        turn = _Turn(header, left_out=left_out, at=self._count, moment=self._moment)
        self._turns.append(turn)
        self._requested.setdefault(lane, deque()).append(turn)

    def refuse(self, lane: str | None, fields: Mapping[str, Any], gap: float | None) -> bool:
        """Answer the next request of a lane with an HTTP error: `fields` of its header. Return False if no
        request waits, or a response is under way."""
        turn, requested = self._lanes.get(lane), self._requested.get(lane)
        if not requested or (turn is not None and not turn.ended):
            return False
        self._pass(gap)
        turn = self._lanes[lane] = requested.popleft()
        turn.header = Header({**turn.header.fields, **fields})
        turn.ended = True
        return True

    def end(self) -> None:
        """End the current turns: later events begin new ones."""
        self._requested = {}
        for turn in self._lanes.values():
            turn.ended, turn.follows = True, None
            turn.open.clear()
        if self._turns:
            self._turns[-1].ended = True
            self._close()

    def _close(self) -> None:
        turn = self._turns[-1]
        if self._waiting and turn.rows:
            turn.captured.setdefault(len(turn.rows), []).extend(self._waiting)
        self._waiting = []

    def verbatim(self, text: Verbatim) -> None:
        """Add a text captured between two events. After the end of a turn it belongs to the next one."""
        turn = self._turns[-1] if self._turns else None
        if turn is None or turn.ended or not turn.rows:
            self._waiting.append(text)
        else:
            turn.captured.setdefault(len(turn.rows), []).append(text)

    def event(self, row: Row, response_id: object, frame: str | None = None) -> None:
        """Add an event with its captured frame. Raise ValueError where no event may follow."""
        gap, text, type_, line = row
        if too_deep(text):
            raise ValueError(f"the JSON is nested deeper than {MAX_DEPTH} levels")
        turn = self._turn
        if (
            turn is None  # most events continue the turn; only the others need the look-up below
            or response_id is not None
            or type_ == CREATED
            or self._requested
            or '"stream_id"' in text
        ):
            lane = lane_of(loads(text)) if '"stream_id"' in text else None
            turn = self._turn_of(lane, type_, response_id, text)
            self._turn = turn if lane is None else None
        rows = turn.rows
        if not rows and turn.header.body is not None:  # a turn has events or a body
            raise ValueError('the header has a "body", so no event may follow it')
        if turn.at != self._count:  # events of other turns came in between
            known = gap is not None and turn.at >= self._untimed
            row = (round(self._moment + (gap or 0.0) - turn.moment, 6) if known else None, text, type_, line)
        self._count += 1
        if gap is None:
            self._untimed = self._count
        else:
            self._moment += gap
        turn.at, turn.moment = self._count, self._moment
        if frame is not None:
            turn.frames[len(rows)] = frame
        if self._waiting:
            turn.captured.setdefault(len(rows), []).extend(self._waiting)
            self._waiting = []
        rows.append(row)
        if response_id is not None and turn.response_id is None:
            turn.response_id = response_id
        if not turn.begun:
            turn.begun = type_.startswith("response.")
        if type_ == CREATED:
            turn.open.add(repr(response_id))
        elif type_ in ENDING_TYPES:
            turn.end_response(response_id)

    def _pass(self, gap: float | None) -> None:
        self._count += 1
        self._moment += gap or 0.0
        if gap is None:
            self._untimed = self._count

    def _turn_of(self, lane: str | None, type_: str, response_id: object, text: str) -> _Turn:
        """Return the turn of an event."""
        turn = self._lanes.get(lane)
        if turn is None and self._unclaimed is not None:
            turn, self._unclaimed = self._unclaimed, None
        requested = self._requested.get(lane)
        if turn is None or self._begins(turn, type_, response_id, text, bool(requested)):
            turn = requested.popleft() if requested else self._add(turn)
        elif response_id is not None and turn.response_id not in (None, response_id):
            turn = self._merged(turn, response_id)
        self._lanes[lane] = turn
        return turn

    def _add(self, before: _Turn | None) -> _Turn:
        """Add a turn without a header. `before` is the turn before it on its lane."""
        at, moment = (self._count, self._moment) if before is None else (before.at, before.moment)
        turn = _Turn(follows=before, at=at, moment=moment)
        self._turns.append(turn)
        return turn

    def _begins(self, turn: _Turn, type_: str, response_id: object, text: str, requested: bool) -> bool:
        """Return True if an event begins a new turn on its lane."""
        if type_ == CREATED:
            return turn.is_another(response_id, '"agent"' in text and bool(loads(text).get("agent")))
        if not requested or not turn.ended:
            return False
        return type_ == "error" or (type_.startswith("response.") and not type_.startswith(_LATE))

    def _merged(self, turn: _Turn, response_id: object) -> _Turn:
        """Return the turn of a response that goes on after others were created. Merge their turns into it."""
        since = [turn]
        while (before := since[-1].follows) is not None:
            if repr(response_id) in before.open:
                for one in reversed(since):
                    before.take(one)
                    self._turns.remove(one)
                before.at, before.moment = turn.at, turn.moment
                return before
            since.append(before)
        return turn

    def done(self) -> None:
        """End the current turn: its stream has the sentinel ``[DONE]``."""
        if self._turns:
            turn = self._turns[-1]
            turn.ended = True
            turn.open.clear()
            turn.header = Header({**turn.header.fields, "done": True})

    def unused_headers(self) -> list[int | None]:
        """Return the lines of headers without a body that no event follows."""
        return [turn.line for turn in self._turns if not turn.used]

    def finish(self) -> tuple[Recording, ...]:
        """Return the recordings, one for each turn with an event or a body."""
        used = [turn for turn in self._turns if turn.used]
        if self._turns:
            self._close()
        return tuple(
            _recording(turn_name(self._name, number), turn) for number, turn in enumerate(used, start=1)
        )


def _recording(name: str, turn: _Turn) -> Recording:
    if not turn.captured and not turn.frames:
        return ReadRecording.of(name, turn.header, turn.rows)
    entries: list[Entry] = []
    for place, (gap, text, kind, line) in enumerate(turn.rows):
        entries += turn.captured.get(place, ())
        entries.append(TimedEvent(gap, Event(text, kind), line, turn.frames.get(place)))
    return Recording.of_entries(name, turn.header, [*entries, *turn.captured.get(len(turn.rows), ())])
