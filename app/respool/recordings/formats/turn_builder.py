"""Where one response ends and the next begins, for formats that hold several in one file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.errors import Effect, RecordingError
from respool.protocol.events import CREATED, ENDING_TYPES, Event, nests_deeper
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

# What a reader calls for each damaged place. When it returns, the reader goes on with what is sound.
OnDamage = Callable[[RecordingError], None]


def refuse(damage: RecordingError) -> None:
    """Raise a damage, as the usual OnDamage: a file with one damaged line is not used at all. Let notes
    pass."""
    if damage.effect is Effect.REFUSED:
        raise damage


# After these a response that is created is another one; `response.failed` may follow an error.


@dataclass(slots=True)
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

    @property
    def used(self) -> bool:
        return bool(self.rows) or self.header.body is not None

    def is_another(self, response_id: object) -> bool:
        """Return True if a response that is created now is another than this turn's."""
        return self.ended or (self.begun and self.response_id != response_id)


MAX_DEPTH = 500  # levels: what is nested deeper cannot be read and written everywhere


def too_deep(text: str) -> bool:
    """Return True if a JSON text is nested deeper than MAX_DEPTH."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _NESTING.finditer(text):
        match found.group():
            case "[" | "{":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case "]" | "}":
                depth -= 1
    return False


def check_depth(value: Any) -> None:
    """Raise ValueError for a JSON value that is nested deeper than MAX_DEPTH."""
    if nests_deeper(value, MAX_DEPTH):
        raise ValueError(f"the JSON is nested deeper than {MAX_DEPTH} levels")


_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def response_id(data: Mapping[str, Any]) -> object:
    """Return the id of the response that an event is about, if it holds one; `data` is its parsed text."""
    response = data.get("response")
    return response.get("id") if isinstance(response, dict) else None


class TurnBuilder:
    """Collects events, and cuts them into turns.

    A turn begins with a header, and with a `response.created` that follows a terminal event or has
    another response's id. So a connection that was cut and tried again is two turns, while one
    response in which `response.created` was sent twice stays one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._turns: list[_Turn] = []
        self._waiting: list[Verbatim] = []  # texts of which it is not known yet to which turn they belong

    def header(self, fields: Mapping[str, Any], line: int) -> None:
        """Begin a turn, with the header of that line. Raise ValueError for a bad one."""
        check_depth(fields)
        self._turns.append(_Turn(Header(fields), line))

    def begin(self, header: Header, line: int | None = None) -> None:
        """Begin a turn with a header that no line of the file holds. Raise ValueError for a bad one."""
        check_depth(header.fields)
        self._turns.append(_Turn(header, line))

    def end(self) -> None:
        """End the current turn: nothing that follows belongs to it."""
        if self._turns:
            self._turns[-1].ended = True
            self._close()

    def _close(self) -> None:
        turn = self._turns[-1]
        if self._waiting and turn.rows:
            turn.captured.setdefault(len(turn.rows), []).extend(self._waiting)
        self._waiting = []

    def verbatim(self, text: Verbatim) -> None:
        """Add what was captured between two events. What follows the end of a turn begins the next one."""
        turn = self._turns[-1] if self._turns else None
        if turn is None or turn.ended or not turn.rows:
            self._waiting.append(text)
        else:
            turn.captured.setdefault(len(turn.rows), []).append(text)

    def event(self, row: Row, response_id: object, frame: str | None = None) -> None:
        """Add an event, and how it was framed. Raise ValueError where no event may follow."""
        type_ = row[2]
        if too_deep(row[1]):
            raise ValueError(f"the JSON is nested deeper than {MAX_DEPTH} levels")
        turn = self._turns[-1] if self._turns else None
        if turn is None or (type_ == CREATED and turn.is_another(response_id)):
            turn = _Turn()
            self._turns.append(turn)
        rows = turn.rows
        if not rows and turn.header.body is not None:  # an event is only where there is no body
            raise ValueError('the header has a "body", so no event may follow it')
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
        if type_ in ENDING_TYPES:
            turn.ended = True

    def done(self) -> None:
        """Take the sentinel ``[DONE]``: the current turn has ended."""
        if self._turns:
            turn = self._turns[-1]
            turn.ended = True
            turn.header = Header({**turn.header.fields, "done": True})

    def unused_headers(self) -> list[int | None]:
        """Return the lines of headers that are followed by no event and have no body: they promise one."""
        return [turn.line for turn in self._turns if not turn.used]

    def finish(self) -> tuple[Recording, ...]:
        """Return the recordings, one for each turn that has something to play."""
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
