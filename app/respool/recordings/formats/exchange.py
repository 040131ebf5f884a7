"""An exchange: a request and its answer, as other tools store it; converted to turns."""

import json
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from respool.errors import Effect, RecordingError, RespoolError
from respool.protocol.events import Event, loads
from respool.recordings.formats import found_streams
from respool.recordings.formats.found_streams import FoundStream
from respool.recordings.formats.sse import Reader
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, lane_of, response_id
from respool.recordings.recording import FORMAT_VERSION, Header

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# They describe bytes that are not kept, or are private.
_DROPPED = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection", "set-cookie", "cookie"}
)

_STATUS_KEYS = ("status", "status_code", "statusCode", "StatusCode", "code", "http_status", "response_status")
_HEADER_KEYS = ("headers", "header", "ResponseHeaders", "response_headers", "responseHeaders", "rawHeaders")
REQUEST_KEYS = (
    "request", "req", "when", "RequestBody", "request_body", "requestBody", "httpRequest", "requestPayload",
    "request_payload", "request_json", "originalRequest",
)  # fmt: skip
_BODY_KEYS = (
    "body",
    "body_content",
    "canonical_json",
    "json",
    "postData",
    "bodyAsText",
    "bodyJson",
    "body_json",
    "data",
    "content",
    "string",
    "text",
    "b64",
    "base64_string",
    "base64",
    "payload",
    "parsed_body",
    "params",
    "raw",
    "bodyPatterns",
    "equalToJson",
    "value",
)
_INPUT_KEYS = ("inputs", "input", "body")  # beside an answer, in traces and in nock's recordings  # fmt: skip
_RECORDED_KEYS = (
    "recorded", "recorded_at", "recordedAt", "captured_at", "capturedAt", "startedDateTime", "timestamp",
    "created_at", "createdAt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FoundExchange:
    """A request and its answer. `pointer` is its place in the document."""

    pointer: str
    stream: FoundStream | None = None  # None: the answer is no stream, but `body`
    body: Any = None
    request: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    recorded: str | None = None
    started: float | None = None  # when the request was sent, seconds since the epoch
    settled: bool = False  # its request is known


def add(
    exchange: FoundExchange, builder: TurnBuilder, path: str, on_damage: OnDamage, *, only: bool = False
) -> None:
    """Add the turns of an exchange. With `only`, the document is nothing but this one stream."""
    fields = _fields(exchange)
    stream = exchange.stream
    if stream is None:
        builder.end()
        builder.begin(Header({"respool": FORMAT_VERSION, **fields, "body": exchange.body}))
        builder.end()
        return
    if fields or not only:
        builder.end()
        builder.begin(Header({"respool": FORMAT_VERSION, **fields}))
    if stream.text is not None:
        Reader(
            builder, path, on_damage, places=False, place=exchange.pointer, moment_of=_moments(exchange)
        ).read(stream.text)
    else:
        _add_pieces(exchange, stream, builder, path, on_damage)
    if not only:
        builder.end()


def _add_pieces(
    exchange: FoundExchange, stream: FoundStream, builder: TurnBuilder, path: str, on_damage: OnDamage
) -> None:
    last = 0.0 if stream.relative else exchange.started
    if any(piece.request is not None for piece in stream.pieces):
        builder.end()
    warm_ups = 0
    common = _fields(replace(exchange, headers={}))  # a socket's headers belong to its upgrade
    for piece in stream.pieces:
        gap = None
        if piece.moment is not None:
            gap = None if last is None else round(max(0.0, piece.moment - last), 6)
            last = piece.moment
        if piece.request is not None:
            warm_up = piece.request.get("generate") is False
            warm_ups += warm_up
            fields = {"respool": FORMAT_VERSION, **common, "request": _plain(piece.request)}
            builder.request(Header(fields), piece.lane, gap, left_out=warm_up)
            continue
        try:
            value = loads(piece.text)
            event = Event.from_object(piece.text, value, piece.type)
            event.text.encode()
        except ValueError as error:
            on_damage(RecordingError(f"{exchange.pointer}: {error}", path, effect=Effect.CAPTURED))
            continue
        if event.type == "error" and isinstance(value.get("error"), dict):
            answer = {"status": _status_in(value), "body": {"error": value["error"]}}
            if builder.refuse(lane_of(value), answer, gap):
                continue
        builder.event((gap, event.text, event.type, None), response_id(value))
    if warm_ups:
        what = f"{warm_ups} of its requests are warm-ups, which play nothing"
        on_damage(RecordingError(f"{exchange.pointer}: {what}", path, effect=Effect.SKIPPED))
    if stream.skipped:
        what = f"{stream.skipped} of {stream.skipped + len(stream.pieces)} entries hold no event"
        where = f"{exchange.pointer}: " if exchange.pointer else ""
        on_damage(RecordingError(f"{where}{what}", path, effect=Effect.SKIPPED))


def _status_in(error: Mapping[str, Any]) -> int:
    """Return the HTTP status of an error frame of a socket."""
    status = error.get("status")
    return status if type(status) is int and 400 <= status < 600 else 400


def _moments(exchange: FoundExchange) -> Any:
    """Return a function from an offset in the text to its time of arrival, in seconds since the request.
    None if the times are not known."""
    stream = exchange.stream
    if stream is None or not stream.arrivals:
        return None
    ends = [end for end, _ in stream.arrivals]
    start = 0.0 if stream.relative else exchange.started
    if start is None:
        start = stream.arrivals[0][1]

    def moment(offset: int) -> float | None:
        place = min(bisect_left(ends, offset), len(ends) - 1)
        return stream.arrivals[place][1] - start

    return moment


def _fields(exchange: FoundExchange) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if exchange.request:
        fields["request"] = dict(exchange.request)
    if exchange.status is not None and 200 <= exchange.status <= 599 and exchange.status != 200:
        fields["status"] = exchange.status
    if exchange.headers:
        fields["headers"] = dict(exchange.headers)
    if exchange.recorded:
        fields["recorded"] = exchange.recorded
    if exchange.pointer:
        fields["pointer"] = exchange.pointer
    return fields


def headers_of(value: Any) -> dict[str, str]:
    """Return headers from any shape: an object of strings or lists, or a list of names and values."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, list) and len(value) % 2 == 0 and all(isinstance(one, str) for one in value):
        pairs = list(zip(value[::2], value[1::2], strict=True))  # Node's rawHeaders
    elif isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and "name" in item:
                pairs.append((item["name"], item.get("value")))
            elif isinstance(item, dict) and "key" in item:
                pairs.append((item["key"], item.get("value")))
            elif isinstance(item, list) and len(item) == 2:
                pairs.append((item[0], item[1]))
    found: dict[str, str] = {}
    for name, text in pairs:
        if isinstance(text, list):
            text = ", ".join(str(one) for one in text)
        name, text = str(name).lower(), str(text).strip()
        if _TOKEN.fullmatch(name) and name not in _DROPPED and text.isascii() and text.isprintable():
            found[name] = text
    return found


def status_of(value: Any) -> int | None:
    """Return a status in any shape: a number, its digits, or an object that has it as its code."""
    if isinstance(value, dict):
        value = value.get("code")
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) == 3 else None
    return value if type(value) is int and 100 <= value <= 599 else None


def request_of(value: Any, depth: int = 5) -> dict[str, Any]:
    """Return the body of a request in any shape; {} if it is not for the Responses API."""
    if isinstance(value, list) and (data := found_streams.bytes_of(value)) is not None:
        value = data
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        text: str | None = value
        if not value.lstrip().startswith("{"):
            unpacked = found_streams.unpack(value)
            text = unpacked.decode(errors="replace") if unpacked else None
        try:
            value = loads(text) if text else None
        except ValueError:
            return {}
    if isinstance(value, list):  # the matchers of a mock server
        equal = [one for one in value if isinstance(one, dict) and "equalToJson" in one]
        value = next(iter(equal or value), None) if equal or len(value) == 1 else None
    if not isinstance(value, dict) or not depth:
        return {}
    if "input" in value or ("model" in value and "messages" not in value):
        return _plain(value)
    for key in _BODY_KEYS:
        if key in value and (found := request_of(value[key], depth - 1)):
            return found
    return {}


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value with JSON's types only; YAML has more."""
    with suppress(ValueError, TypeError, RecursionError, RespoolError):
        if len(text := json.dumps(value, default=str)) < 32 * 1024 * 1024:
            plain: dict[str, Any] = json.loads(text)
            return plain
    return {}


def codings_of(ancestors: Sequence[Any]) -> str:
    """Return the content codings of an answer's body, from the nearest headers around it; "" without any."""
    for around in reversed(ancestors):
        if isinstance(around, dict):
            for headers in (around[key] for key in _HEADER_KEYS if around.get(key)):
                return _coding_in(headers)
    return ""


def _coding_in(headers: Any) -> str:
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    for pair in pairs:
        name, value = (pair.get("name"), pair.get("value")) if isinstance(pair, dict) else (None, None)
        if isinstance(pair, list | tuple) and len(pair) == 2:
            name, value = pair
        if isinstance(name, str) and name.lower() == "content-encoding":
            return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ""


def metadata(ancestors: Sequence[Any]) -> dict[str, Any]:
    """Return the request, status, headers and date of a stream's exchange, from the nearest object around it
    that has each."""
    found: dict[str, Any] = {}
    for around in reversed(ancestors):
        if not isinstance(around, dict):
            continue
        if "status" not in found:
            codes = (status_of(around[key]) for key in _STATUS_KEYS if key in around)
            if (status := next((code for code in codes if code is not None), None)) is not None:
                found["status"] = status
        if "headers" not in found:
            for key in _HEADER_KEYS:
                if around.get(key) and (headers := headers_of(around[key])):
                    found["headers"] = headers
                    break
        answer = around.get("response")
        if isinstance(answer, dict):  # beside the chunks of its body
            if "status" not in found and (status := status_of(answer.get("status"))) is not None:
                found["status"] = status
            if "headers" not in found and (headers := headers_of(answer.get("headers"))):
                found["headers"] = headers
        if "recorded" not in found:
            texts = (around.get(key) for key in _RECORDED_KEYS)
            if text := next((text for text in texts if isinstance(text, str) and text[:4].isdigit()), None):
                found["recorded"] = text
        for key in REQUEST_KEYS:
            if key in around and (request := request_of(around[key])):
                return {**found, "request": request}
        if any(key in around for key in REQUEST_KEYS):
            return found
        for key in _INPUT_KEYS:
            if isinstance(around.get(key), dict) and "input" in (request := request_of(around[key])):
                return {**found, "request": request}
    return found
