"""The native format: JSON Lines, an optional header and then one event a line.

    {"respool": 1, "request": {...}, "status": 200}        header, optional
    [0.412, {"type":"response.created",...}]               seconds since the line before, event
    [null, {"type":"response.in_progress",...}]            no time known: the pace decides
    [0.020, ": keep-alive\n\n"]                            a text is sent as it is: see formats.sse
    {"type":"response.completed",...}                      the same, shorter

Blank lines and lines that start with ``#`` are skipped. The event's text is taken from the line
as it stands. See docs/format.md.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any

from respool.errors import RecordingError, printable
from respool.protocol.events import Event, dumps, json_kind, not_json
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse, response_id
from respool.recordings.recording import FORMAT_VERSION, Recording, Verbatim

SUFFIXES = (".jsonl", ".ndjson")

_DECODER = json.JSONDecoder()
_WHITESPACE = " \t\r"
_HEAD = 64 * 1024  # bytes from which the format is recognised
_BEGINNING = re.compile(
    rb'\{\s*"respool"|\{\s*"type"\s*:\s*"(?:response\.|error"|keepalive")|\[\s*(?:[\d.]+|null)\s*,\s*[{"]'
)
_BOM = b"\xef\xbb\xbf"
_EVENT_TYPE = re.compile(r"[a-z_-]+[.:].+|error|keepalive")


def sniff(data: bytes) -> bool:
    """Return True if most of the first lines look like JSON, and one is a header or an event."""
    head = data[:_HEAD]
    lines = [raw.strip() for _, raw in islice(_lines(head), 20)]
    if len(data) > _HEAD and lines and not head.endswith(b"\n") and head.rstrip().endswith(lines[-1]):
        cut = lines.pop()  # an incomplete line
        if not lines:
            return bool(_BEGINNING.match(cut)) and not _goes_on(cut)
    if lines and (lines[0] == b"[" or lines[0].startswith((b"[{", b"[ {"))):  # an array, one event a line
        return False
    like_json = [line for line in lines if line.startswith((b"{", b"["))]
    return 2 * len(like_json) > len(lines) and any(map(_is_native, like_json))


def _goes_on(cut: bytes) -> bool:
    """Return True if a line that begins so holds several values one after the other."""
    try:
        value, end = _DECODER.raw_decode(cut.decode(errors="ignore"))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and len(cut) > end + 1


def _is_native(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if isinstance(value, list):
        return (
            len(value) == 2
            and isinstance(value[1], dict | str)
            and type(value[0]) in (int, float, type(None))
        )
    type_, inner = value.get("type"), value.get("data")
    if isinstance(inner, dict) and inner.get("type") == type_:  # a wrapper
        return False
    return "respool" in value or (isinstance(type_, str) and bool(_EVENT_TYPE.fullmatch(type_)))


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the turns of a file. Each damage has path, line and column."""
    from respool.recordings.formats.fast_jsonl import read_event  # late: see there

    builder = TurnBuilder(name)
    for number, raw in _lines(data):
        try:
            if found := read_event(raw, number):
                builder.event(*found)
            else:
                _read_line(raw.removesuffix(b"\n"), number, builder)
        except ValueError as error:
            on_damage(_damage(error, path, number))
    for line in builder.unused_headers():
        on_damage(RecordingError('the header is followed by no event and has no "body"', path, line))
    return builder.finish()


def _damage(error: ValueError, path: str, line: int) -> RecordingError:
    match error:
        case _LineError():
            return RecordingError(error.cause, path, line, error.column)
        case UnicodeDecodeError():
            problem = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
            return RecordingError(problem, path, line, error.start + 1)
        case _:
            return RecordingError(str(error), path, line)


def write(recordings: Iterable[Recording]) -> str:
    """Return the text of a file that holds these recordings as its turns.

    Reading it gives the same headers, gaps and event texts, but for white space between JSON's tokens:
    a line end within an event becomes a space, and white space around an event is lost. An event
    without a ``type``, which has that of its ``event:`` line, loses it.
    """
    return "".join(
        f"{line}\n"
        for turn, recording in enumerate(recordings, start=1)
        for line in _write_lines(recording, turn)
    )


def _write_lines(recording: Recording, turn: int) -> Iterator[str]:
    fields = recording.header.fields
    if fields or turn > 1:  # the header line separates two turns
        yield dumps({"respool": FORMAT_VERSION, **fields})
    for timed in recording.entries:
        if isinstance(timed, Verbatim) or timed.frame is not None:
            captured = timed.text if isinstance(timed, Verbatim) else timed.frame
            yield f"[{'null' if timed.gap is None else repr(timed.gap)}, {dumps(captured)}]"
            continue
        text = timed.event.text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
        if timed.gap is not None:
            yield f"[{timed.gap!r}, {text}]"
        elif "type" in timed.event.data:
            yield text
        else:
            yield f"[null, {text}]"


class _LineError(ValueError):
    def __init__(self, cause: str, column: int) -> None:
        self.cause = cause
        self.column = column


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are no comments and not blank, with their numbers and line ends.

    Only LF ends a line: U+2028 and its like are legal inside a JSON string.
    """
    for number, raw in enumerate(BytesIO(data.removeprefix(_BOM)), start=1):
        if not raw.isspace() and not raw.startswith(b"#"):
            yield number, raw


def _read_line(raw: bytes, number: int, builder: TurnBuilder) -> None:
    line = raw.decode()
    gap, default_type = None, None  # a bare event must have a type: without one it could be anything
    start = _skip(line, 0)
    if line[start] == "[":
        gap, start = _read_gap(line, start)
        default_type = "message"
    data, end = _scan(line, start)
    if default_type and isinstance(data, str):
        _end_of_line(line, _expect(line, end, "]"))
        _read_captured(data, gap, number, builder)
        return
    _end_of_line(line, _expect(line, end, "]") if default_type else end)
    if default_type is None and isinstance(data, dict) and "respool" in data:
        builder.header(data, number)
        return
    try:
        event = Event.from_object(line[start:end], data, default_type)
    except ValueError as error:
        raise _LineError(str(error), start + 1) from None
    builder.event((gap, event.text, event.type, number), response_id(data))


def _read_captured(text: str, gap: float | None, number: int, builder: TurnBuilder) -> None:
    """Read captured text. `gap` is that of its first event or comment."""
    from respool.recordings.formats.sse import Reader

    gaps = iter((gap,))
    reader = Reader(builder, "", lambda damage: None, lines=(number,), gap_of=lambda: next(gaps, 0.0))
    reader.read(text)


def _read_gap(line: str, start: int) -> tuple[float | None, int]:
    """Return the gap of ``[gap, event]``, and the offset of the event's text."""
    at = _skip(line, start + 1)
    value, end = _scan(line, at)
    event = _skip(line, _expect(line, end, ","))
    if value is None:
        return None, event
    try:
        gap = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        gap = math.inf
    if not 0 <= gap < math.inf:
        shown = printable(line[at:end], 40) if type(value) in (int, float) else json_kind(value)
        raise _LineError(f"a gap is a number of seconds, 0 or more, or null, but this is {shown}", at + 1)
    return gap, event


def _scan(line: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(line, at)
    except json.JSONDecodeError as error:
        raise _LineError(not_json(error), error.pos + 1) from None
    except RecursionError:
        raise _LineError("the JSON is nested too deeply", at + 1) from None
    except ValueError as error:  # a number of thousands of digits
        raise _LineError(f"not JSON that can be read: {error}", at + 1) from None


def _expect(line: str, at: int, token: str) -> int:
    at = _skip(line, at)
    if not line.startswith(token, at):
        raise _LineError(f'expected "{token}" here: a line is [gap, event] or the bare event', at + 1)
    return at + 1


def _end_of_line(line: str, at: int) -> None:
    at = _skip(line, at)
    if at < len(line):
        rest = line[at:].strip()
        hint = ": two events run together?" if rest.lstrip(", ")[:1] in ("{", "[") else ""
        shown = printable(rest, 40)
        raise _LineError(f"expected the end of the line, but it goes on with {shown}{hint}", at + 1)


def _skip(line: str, at: int) -> int:
    while at < len(line) and line[at] in _WHITESPACE:
        at += 1
    return at
