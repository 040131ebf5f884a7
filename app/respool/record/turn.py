"""RecordedTurn: one exchange, for a file of the native format."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from respool.protocol.events import TERMINAL_TYPES, Event, dumps, loads
from respool.record.frame_splitter import SplitFrame
from respool.record.redaction import Redactor
from respool.recordings.recording import FORMAT_VERSION

_DIGITS = 6  # of a gap: microseconds


@dataclass(frozen=True, slots=True)
class RawJSON:
    """A JSON text that is written unchanged: key order, number formats and escapes stay."""

    text: str

    @property
    def one_line(self) -> str:
        """The text without line ends; in valid JSON they stand between tokens only."""
        return self.text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").strip()


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """A frame, and the seconds since the one before it; for the first, since the request was sent."""

    gap: float
    frame: SplitFrame

    def render(self) -> str:
        """Return the line of a file."""
        frame = self.frame
        gap = repr(round(self.gap, _DIGITS))
        if frame.plain and frame.text is not None:
            return f"[{gap}, {frame.text}]\n"
        return f"[{gap}, {dumps(frame.before + (frame.text or '') + frame.after)}]\n"


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """A request, the head of its answer, its frames, and how it ended. Nothing is redacted yet.

    `fields` are those of the header line, in order; RawJSON values are written unchanged.
    """

    fields: Mapping[str, Any]
    lines: Sequence[RecordedLine] = ()

    def header_line(self) -> str:
        """Return the header line."""
        members = {"respool": FORMAT_VERSION, **self.fields}
        shown = ", ".join(
            f"{dumps(name)}: {value.one_line if isinstance(value, RawJSON) else dumps(value)}"
            for name, value in members.items()
        )
        return f"{{{shown}}}\n"

    def render(self) -> str:
        """Return the lines of a file."""
        return self.header_line() + "".join(line.render() for line in self.lines)

    def redacted(self, redactor: Redactor) -> "RecordedTurn":
        """Return the turn without secrets."""
        fields = {name: _redacted(value, redactor) for name, value in self.fields.items()}
        frames = redact_frames([line.frame for line in self.lines], redactor.events, redactor.url)
        lines = [RecordedLine(line.gap, frame) for line, frame in zip(self.lines, frames, strict=True)]
        return RecordedTurn(fields, lines)

    @property
    def ended(self) -> bool:
        """True if it has a terminal event."""
        return any(line.frame.type in TERMINAL_TYPES or line.frame.type == "error" for line in self.lines)

    @property
    def seconds(self) -> float:
        """The seconds from the request to the last frame."""
        return math.fsum(line.gap for line in self.lines)

    def response_id(self) -> str:
        """Return the id of the response; "" if it is not known."""
        body = self.fields.get("body")
        found = json_object(body.text) if isinstance(body, RawJSON) else {}
        response = found.get("response", found) if found else self.first_response()
        id_ = response.get("id") if isinstance(response, dict) else None
        return id_ if isinstance(id_, str) else ""

    def first_response(self) -> dict[str, Any]:
        """Return the Response object of the first event that has one; an empty one if none has."""
        for line in self.lines:
            if line.frame.text is not None and '"response"' in line.frame.text:
                response = json_object(line.frame.text).get("response")
                return response if isinstance(response, dict) else {}
        return {}

    def first_sequence_number(self) -> int | None:
        """Return the sequence number of the first event that has one."""
        numbers = (sequence_number(line.frame) for line in self.lines)
        return next((number for number in numbers if number is not None), None)

    def last_sequence_number(self) -> int:
        """Return the highest sequence number of an event; -1 if there is none."""
        numbers = (sequence_number(line.frame) for line in self.lines)
        return max((number for number in numbers if number is not None), default=-1)


def redact_frames(
    frames: Sequence[SplitFrame],
    events: Callable[[Sequence[str]], Sequence[str]],
    plain: Callable[[str], str],
) -> list[SplitFrame]:
    """Return the redacted frames: `events` redacts their events' texts, `plain` the text around them."""
    texts = events([frame.before if frame.text is None else frame.text for frame in frames])
    found = []
    for frame, text in zip(frames, texts, strict=True):
        if frame.text is None:
            found.append(replace(frame, before=text))
        elif frame.plain:
            found.append(replace(frame, text=text))
        else:
            found.append(replace(frame, before=plain(frame.before), text=text, after=plain(frame.after)))
    return found


def sequence_number(frame: SplitFrame) -> int | None:
    """Return the sequence number of a frame's event, if it has one."""
    if frame.text is None:
        return None
    try:
        return Event.parse(frame.text, frame.type or None).sequence_number
    except ValueError:
        return None


def json_object(text: str) -> dict[str, Any]:
    """Return the object that a JSON text holds; an empty one if it holds none."""
    try:
        value = loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def json_or_text(data: bytes) -> RawJSON | str:
    """Return a body for a header: JSON unchanged, anything else as text."""
    try:
        text = data.decode()
        loads(text)
    except ValueError:
        return data.decode(errors="replace")
    return RawJSON(text)


def _redacted(value: Any, redactor: Redactor) -> Any:
    match value:
        case RawJSON():
            return RawJSON(redactor.body(value.text))
        case str():
            return redactor.url(value)
        case dict():
            return {name: _redacted(one, redactor) for name, one in value.items()}
        case _:
            return value
