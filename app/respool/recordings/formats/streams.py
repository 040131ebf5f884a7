"""What of a parsed document is a stream of the Responses API: text, chunks of it, or event objects."""

import base64
import binascii
import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from respool.errors import RecordingError
from respool.protocol.events import compact_recorded, loads
from respool.recordings.formats import encodings, moments
from respool.recordings.formats.document import Object, looks_like_json, parse_json

MAX_BODY = 64 * 1024 * 1024  # bytes that a compressed body of a document may become

_FIELD = re.compile(r"(?:data|event|id|retry|)(?::|$)")
_API_DATA = re.compile(
    r'^(?:event: ?(?:response\.|error)|data: ?\{.*"type"\s*:\s*"(?:response\.|error"))', re.MULTILINE
)
_DATA = re.compile(r"^data: ?(\{.*)$", re.MULTILINE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n ]{40,}={0,2}\s*")
_ENDED = re.compile(r"response\.(?:completed|failed|incomplete)")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){20,}")

_FEWEST_BYTES = 20  # of a stream
_DEEPEST_WRAPPER = 4
_MOST_IN_WRAPPER = 40  # values that are looked at in a wrapper of any shape
_OF_EXCHANGES = frozenset({"request", "requests", "response", "responses", "interactions"})
# What clients send over a socket, which has a type like those of events.
_CREATE = "response.create"
_OF_CLIENTS = frozenset({_CREATE, "response.cancel", "response.inject", "response.steer"})

# Where a wrapper of an SDK, a log or a recorder keeps the event, the likeliest first.
_WRAPPED = (
    "data", "event", "raw", "raw_event", "payload", "chunk", "message", "value", "body", "json", "params",
    "log", "text", "content", "line", "msg", "item", "frame", "response",
)  # fmt: skip
_TEXT_OF_CHUNK = (
    "b64",
    "base64",
    "data",
    "chunk",
    "text",
    "body",
    "content",
    "raw",
    "string",
    "value",
    "bytes",
    "sse",
)


@dataclass(frozen=True, slots=True)
class Piece:
    """An event by itself: its JSON text, the name of its ``event:`` line, its moment in seconds."""

    text: str
    type: str | None = None
    moment: float | None = None
    request: Mapping[str, Any] | None = None  # a frame of the client, which asked for what follows; no event


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it was found: `text` of server-sent events, or `pieces`.

    `arrivals` are offsets up to which the text had arrived, and when, in seconds; `relative` says that
    moments count from the request. `skipped` is how many elements held no event.
    """

    text: str | None = None
    pieces: tuple[Piece, ...] = ()
    arrivals: tuple[tuple[int, float], ...] = ()
    relative: bool = False
    skipped: int = 0


class NeedsTexts(Exception):
    """The document's events are objects, of which the text is wanted: it is to be parsed again."""


def find(value: Any, located: bool = True) -> Stream | None:
    """The stream that a value of a document is; None if it is none. Raises NeedsTexts."""
    if isinstance(value, bytes):
        return _of_bytes(value)
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, list) and value:
        if (data := bytes_of(value)) is not None:
            return _of_bytes(data)
        return _of_chunks(value) or _of_objects(value, located)
    return None


def bytes_of(value: list[Any]) -> bytes | None:
    """The bytes of which a list tells the numbers; None where it does not."""
    if len(value) < _FEWEST_BYTES or type(value[0]) is not int:
        return None
    if not all(type(one) is int and 0 <= one < 256 for one in value):
        return None
    return bytes(value)


def is_event(value: Any) -> bool:
    """Whether a value is an event of the Responses API, by itself."""
    if not isinstance(value, dict):
        return False
    type_ = value.get("type")
    if not isinstance(type_, str) or _is_realtime(value):
        return False
    return (type_.startswith("response.") and type_ not in _OF_CLIENTS) or is_error(value)


def is_error(value: Mapping[str, Any]) -> bool:
    """Whether an object is the API's ``error`` event: with a number, or with the fields of its error."""
    if value.get("type") != "error" or "session_id" in value:
        return False
    inner = value.get("error")
    details: Mapping[str, Any] = inner if isinstance(inner, dict) else value
    return "sequence_number" in value or ("message" in details and {"code", "param"} <= details.keys())


def _is_realtime(value: Mapping[str, Any]) -> bool:
    """Whether it is an event of the Realtime API, whose types look the same."""
    return isinstance(value.get("event_id"), str) and "sequence_number" not in value


def holds_events(text: str) -> bool:
    """Whether a text is that of server-sent events, and one of them is the API's."""
    first = next((line for line in text[:4096].splitlines() if line.strip()), "")
    if not _FIELD.match(first.strip()) or not _API_DATA.search(text):
        return False
    for found in _DATA.finditer(text):
        try:
            value = loads(found[1])
        except ValueError:
            continue
        if isinstance(value, dict) and (is_event(value) or "type" not in value):
            return True
    return bool(re.search(r"^event: ?response\.", text, re.MULTILINE)) and "event_id" not in text[:2000]


def _of_bytes(value: bytes) -> Stream | None:
    if value[:2] == b"\x1f\x8b":
        try:
            value = encodings.inflate(value, most=MAX_BODY)
        except RecordingError:
            return None
    return _of_text(value.decode(errors="surrogateescape"), nested=True)


def unpack(text: str) -> bytes | None:
    """What a text in base64 or hexadecimal digits stands for; None if it is none."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None


def _of_text(text: str, nested: bool = False) -> Stream | None:
    if "response" not in text and "error" not in text:
        if nested or len(text) < 40 or (data := unpack(text)) is None:
            return None
        return _of_bytes(data)
    if text.startswith("HTTP/") and (body := re.split(r"\r?\n\r?\n", text, maxsplit=1)[1:]):
        text = body[0]  # an answer with its head
    if holds_events(text):
        return Stream(text=text)
    if looks_like_json(text) and '"type"' in text and "response." in text:
        try:
            document = parse_json(text, located=True)
        except RecordingError:
            return None
        if isinstance(document.value, list):
            return _of_objects(document.value, located=True)
        return _of_objects([document.value], located=True) if is_event(document.value) else None
    return None


def _of_chunks(elements: Sequence[Any]) -> Stream | None:
    """Texts that make a stream when they are joined: as they are, or each with the line end that it lost."""
    chunks: list[str] = []
    arrivals: list[float | None] = []
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode  # a character may be cut
    for element in elements:
        at: float | None = None
        in_object = isinstance(element, dict)
        if isinstance(element, list) and len(element) == 2 and isinstance(element[1], str | bytes | list):
            at = moments.seconds(element[0]) if isinstance(element[0], float) else None
            element = element[1]
        elif isinstance(element, dict):
            at = moments.of(element)
            held = (element.get(key) for key in _TEXT_OF_CHUNK)
            element = next(
                (
                    one
                    for one in held
                    if isinstance(one, str | bytes) or (isinstance(one, list) and bytes_of(one))
                ),
                None,
            )
        if isinstance(element, str) and (len(element) >= 40 or element.endswith("=")) and ":" not in element:
            element = unpack(element) or element
        if isinstance(element, list):
            element = bytes_of(element)
        if isinstance(element, bytes):
            element = decode(element)
        if not isinstance(element, str):
            return None
        if in_object and "response.created" in element and _ENDED.search(element):
            return None  # a list of streams
        chunks.append(element)
        arrivals.append(at)
    if "data:" not in (joined := "".join(chunks)):
        return None
    if not any("\n" in chunk for chunk in chunks):
        chunks = [f"{chunk}\n" for chunk in chunks]
    elif all(
        chunk.startswith(("data:", "event:", "id:", ":")) and not chunk.endswith("\n") for chunk in chunks
    ):
        chunks = [f"{chunk}\n\n" for chunk in chunks]
    joined = "".join(chunks)
    if not holds_events(joined):
        return None
    ends = list(accumulate(map(len, chunks)))
    if any(at is None for at in arrivals):
        return Stream(text=joined)
    known = [at for at in arrivals if at is not None]
    return Stream(text=joined, arrivals=tuple(zip(ends, known, strict=True)), relative=known[0] < 1e6)


def with_gaps(stream: Stream, chunks: Sequence[Any], gaps: Sequence[float]) -> Stream:
    """The stream of these chunks, each of which came so many seconds after the one before."""
    if stream.text is None or len(chunks) != len(gaps):
        return stream
    if not all(isinstance(chunk, str) for chunk in chunks) or sum(map(len, chunks)) != len(stream.text):
        return stream
    ends = accumulate(map(len, chunks))
    return replace(stream, arrivals=tuple(zip(ends, accumulate(gaps), strict=True)), relative=True)


def _of_objects(elements: Sequence[Any], located: bool) -> Stream | None:
    """Event objects, in wrappers or not. Most elements must be events, or none is."""
    found: list[Piece] = []
    skipped = 0
    of_the_api = False
    relative = False
    types: set[str] = set()
    for element in elements:
        if (request := _request_in(element)) is not None:
            at = moments.of(element) if isinstance(element, dict) and "type" not in element else None
            found.append(Piece("", moment=at, request=request))
            continue
        if (found_here := _piece(element, located)) is None:
            skipped += 1
            if skipped > 16 and not found:
                return None
            continue
        event, piece = found_here
        of_the_api = of_the_api or is_event(event)
        types.add(str(event.get("type")))
        relative = relative or (piece.moment is not None and piece.moment < 1e6)
        found.append(piece)
    if not of_the_api or (skipped > len(found) and not {"response.created", "response.completed"} <= types):
        return None
    if any(piece.text == "" and piece.request is None for piece in found):
        raise NeedsTexts
    return Stream(pieces=tuple(found), skipped=skipped, relative=relative)


def _request_in(element: Any) -> Mapping[str, Any] | None:
    """What a frame of a socket asks for, where it was sent by the client."""
    for _ in range(3):
        if isinstance(element, str) and _CREATE in element[:200_000] and element.lstrip()[:1] == "{":
            try:
                element = loads(element)
            except ValueError:
                return None
        if not isinstance(element, dict):
            return None
        if element.get("type") == _CREATE:
            inner = element.get("response")
            asked = inner if isinstance(inner, dict) and "input" in inner else element
            return {name: value for name, value in asked.items() if name not in ("type", "event_id")}
        element = next((element[key] for key in _WRAPPED if isinstance(element.get(key), dict | str)), None)
    return None


def _piece(element: Any, located: bool) -> tuple[Mapping[str, Any], Piece] | None:
    at = None
    if isinstance(element, list) and len(element) == 2 and isinstance(element[0], int | float | None):
        at = moments.seconds(element[0]) if isinstance(element[0], float) else None
        element = element[1]
    elif isinstance(element, dict):
        at = moments.of(element)
    if (event := _event_in(element, _DEEPEST_WRAPPER)) is None:
        return None
    plain = compact_recorded(event) if located else ""
    text = event.text if isinstance(event, Object) else plain
    return event, Piece(text, None, at if event is not element else None)


def _event_in(value: Any, depth: int) -> dict[str, Any] | None:
    """The event in a wrapper, or itself."""
    if isinstance(value, str):
        return _event_in_text(value)
    if not isinstance(value, dict) or not depth:
        return None
    type_ = value.get("type")
    if is_event(value) or (isinstance(type_, str) and _may_come_along(value, type_)):
        inner = value.get("data")
        if not (isinstance(inner, dict) and is_event(inner)):
            return value
    for key in _WRAPPED:
        if key in value and (event := _event_in(value[key], depth - 1)) is not None and is_event(event):
            return event
    return _only_event(value) if depth == _DEEPEST_WRAPPER else None


def _only_event(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """The only event below a wrapper of any shape; None where there are several, or it is an exchange."""
    found: list[dict[str, Any]] = []
    waiting: list[Any] = [value]
    for _ in range(_MOST_IN_WRAPPER):
        if not waiting:
            break
        one = waiting.pop()
        if isinstance(one, str) and len(one) >= _FEWEST_BYTES:
            one = _event_in_text(one)
        if isinstance(one, dict) and is_event(one):
            found.append(one)
        elif isinstance(one, dict) and not _OF_EXCHANGES.isdisjoint(one):
            return None
        elif isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
    return found[0] if len(found) == 1 and not waiting else None


def _may_come_along(value: Mapping[str, Any], type_: str) -> bool:
    """Whether it is an event that comes along with those of the API."""
    return type_ == "keepalive" or (type_ == "error" and ("error" in value or "message" in value))


def _event_in_text(text: str) -> dict[str, Any] | None:
    """The only event in a text: JSON, or one server-sent event."""
    if "response." not in text[:200_000] and '"error"' not in text:
        return None
    text = text.strip()
    if not text.startswith("{"):
        lines = [line for line in text.splitlines() if line.startswith("data:")]
        if len(lines) != 1:
            return None
        text = lines[0][5:].strip()
    try:
        value = parse_json(text, located=True).value
    except RecordingError:
        return None
    return value if isinstance(value, Object) and is_event(value) else None
