"""Streams of the Responses API in a parsed document: text, chunks of it, or event objects."""

import base64
import binascii
import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from respool.errors import RecordingError
from respool.protocol.events import loads
from respool.recordings.formats import encodings, moments
from respool.recordings.formats.document import looks_like_json, parse_json
from respool.recordings.formats.event_objects import CREATE, Piece, is_event, piece_of, request_in
from respool.recordings.formats.turn_builder import lane_of

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
class FoundStream:
    """A stream as it was found: `text` of server-sent events, or `pieces`.

    `arrivals` are offsets up to which the text had arrived, and when, in seconds. `relative` is True if
    moments count from the request. `skipped` is the number of elements without an event.
    """

    text: str | None = None
    pieces: tuple[Piece, ...] = ()
    arrivals: tuple[tuple[int, float], ...] = ()
    relative: bool = False
    skipped: int = 0


class NeedsTexts(Exception):
    """The document has events as objects, and their texts are needed: it must be parsed again."""


def find(value: Any, located: bool = True) -> FoundStream | None:
    """Return the stream in a value of a document; None if it is none. Raise NeedsTexts."""
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
    """Return the bytes that a list holds as numbers; None if it is no such list."""
    if len(value) < _FEWEST_BYTES or type(value[0]) is not int:
        return None
    if not all(type(one) is int and 0 <= one < 256 for one in value):
        return None
    return bytes(value)


def holds_events(text: str) -> bool:
    """Return True if a text is one of server-sent events, and has an event of the API."""
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


def _of_bytes(value: bytes) -> FoundStream | None:
    if value[:2] == b"\x1f\x8b":
        try:
            value = encodings.inflate(value, most=MAX_BODY)
        except RecordingError:
            return None
    return _of_text(value.decode(errors="surrogateescape"), nested=True)


def unpack(text: str) -> bytes | None:
    """Return the content of a text in base64 or hexadecimal digits; None if it is none."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None


def _of_text(text: str, nested: bool = False) -> FoundStream | None:
    if text.startswith('"') and not nested:  # JSON in a string of JSON
        try:
            inner = loads(text)
        except ValueError:
            return None
        return _of_text(inner, nested=True) if isinstance(inner, str) else None
    if "response" not in text and "error" not in text:
        if nested or len(text) < 40 or (data := unpack(text)) is None:
            return None
        return _of_bytes(data)
    if text.startswith("HTTP/") and (body := re.split(r"\r?\n\r?\n", text, maxsplit=1)[1:]):
        text = body[0]  # an answer with its head
    if holds_events(text):
        return FoundStream(text=text)
    if looks_like_json(text) and '"type"' in text and "response." in text:
        try:
            document = parse_json(text, located=True)
        except RecordingError:
            return None
        if isinstance(document.value, list):
            return _of_objects(document.value, located=True)
        return _of_objects([document.value], located=True) if is_event(document.value) else None
    return None


def _of_chunks(elements: Sequence[Any]) -> FoundStream | None:
    """Return the stream that joined texts make: unchanged, or each with the line end that it has lost."""
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
        return FoundStream(text=joined)
    known = [at for at in arrivals if at is not None]
    return FoundStream(text=joined, arrivals=tuple(zip(ends, known, strict=True)), relative=known[0] < 1e6)


def with_gaps(stream: FoundStream, chunks: Sequence[Any], gaps: Sequence[float]) -> FoundStream:
    """Return the stream with the arrivals of its chunks; `gaps` are the seconds before each of them."""
    if stream.text is None or len(chunks) != len(gaps):
        return stream
    if not all(isinstance(chunk, str) for chunk in chunks) or sum(map(len, chunks)) != len(stream.text):
        return stream
    ends = accumulate(map(len, chunks))
    return replace(stream, arrivals=tuple(zip(ends, accumulate(gaps), strict=True)), relative=True)


def _of_objects(elements: Sequence[Any], located: bool) -> FoundStream | None:
    """Return the stream of event objects, in wrappers or not. Most elements must be events, or none is."""
    found: list[Piece] = []
    skipped = 0
    of_the_api = False
    relative = of_a_socket = False
    types: set[str] = set()
    for element in elements:
        if (request := request_in(element)) is not None:
            wrapped = isinstance(element, dict) and element.get("type") != CREATE
            at = moments.of(element) if wrapped else None
            body = {name: value for name, value in request.items() if name != "stream_id"}
            of_a_socket = True
            found.append(Piece("", moment=at, request=body, lane=lane_of(request)))
            continue
        if (found_here := piece_of(element, located, of_a_socket=of_a_socket)) is None:
            skipped += 1
            if skipped > 16 and not found:
                return None
            continue
        event, piece = found_here
        of_the_api = of_the_api or is_event(event) or of_a_socket
        types.add(str(event.get("type")))
        relative = relative or (piece.moment is not None and piece.moment < 1e6)
        found.append(piece)
    if not of_the_api or (skipped > len(found) and not {"response.created", "response.completed"} <= types):
        return None
    if any(piece.text == "" and piece.request is None for piece in found):
        raise NeedsTexts
    return FoundStream(pieces=tuple(found), skipped=skipped, relative=relative)
