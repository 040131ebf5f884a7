"""Request bodies: read within a limit, inflated, and parsed once."""

import json
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import brotli
import zstandard
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest

from respool.errors import RequestError
from respool.http.connection import header_values
from respool.protocol import quick_json
from respool.protocol.events import json_kind, not_json

DEFAULT_LIMIT = 32 * 1024 * 1024  # bytes, also after inflation
_MOST_PARTS = 100  # members of gzip, frames of zstd
_DEEPEST = 200  # levels; Python's own limit is 1000 calls, and a level may take several
_ZSTD_STEP = 256  # bytes, which may inflate to some megabytes


async def read_object(request: HTTPRequest, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """The JSON object that is the body. Raises RequestError, as the API answers such requests."""
    return parse_object(await read_body(request, limit))


async def read_body(request: HTTPRequest, limit: int = DEFAULT_LIMIT) -> bytes:
    """The body, inflated. Raises RequestError if it, inflated or not, has more than `limit` bytes."""
    body = await _read(request, limit)
    if codings := header_values(request.scope, b"content-encoding"):
        for coding in reversed(",".join(codings).lower().split(",")):
            if (coding := coding.strip()) not in ("", "identity"):
                body = _inflate(body, coding, limit)
    return body


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Raises RequestError."""
    try:
        value = quick_json.decode(body)
    except Exception:  # whatever it was: the careful reader has the last word
        value = _read_carefully(body)
    if not isinstance(value, dict):
        raise RequestError(
            f"Invalid body: expected a JSON object, but got {json_kind(value)} instead.", code="invalid_type"
        )
    return value


def _read_carefully(body: bytes) -> Any:
    try:
        text = body.decode()
        # Of a byte order mark only `loads` says what it is.
        return json.loads(text) if text.startswith("\ufeff") else _DECODER.decode(text)
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        problem = not_json(error).removeprefix("not JSON: ")
        raise _not_json(f"{problem} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except ValueError as error:
        raise _not_json(str(error)) from None


def check_depth(value: Any) -> None:
    """Refuse what nests deeper than all that walks through it can follow. Raises RequestError."""
    level, depth = [value], 0
    while level := [
        member
        for holder in level
        if isinstance(holder, dict | list)
        for member in (holder.values() if isinstance(holder, dict) else holder)
    ]:
        depth += 1
        if depth > _DEEPEST:
            raise _not_json("it is nested too deeply")


async def _read(request: HTTPRequest, limit: int) -> bytes:
    for length in header_values(request.scope, b"content-length")[:1]:
        length = length.lstrip("0")
        if length.isdecimal() and (len(length) > 15 or int(length) > limit):
            raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:  # as `request.stream()` does it, at a quarter of its cost
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _inflate(body: bytes, coding: str, limit: int) -> bytes:
    inflate = _CODINGS.get(coding)
    if inflate is None:
        known = ", ".join(_CODINGS)
        raise RequestError(
            f"Unsupported content encoding: expected one of {known}.",
            status=415,
            code="unsupported_content_encoding",
        )
    try:
        inflated = inflate(body, limit + 1)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        raise RequestError(
            f"The body is not valid {coding}: {error}.", code="invalid_content_encoding"
        ) from None
    if len(inflated) > limit:
        raise _too_large(limit)
    return inflated


def _gunzip(body: bytes, most: int) -> bytes:
    data, rest = _zlib(body, most, zlib.MAX_WBITS | 16)
    members = 1
    while rest and len(data) < most:
        member, rest = _zlib(rest, most - len(data), zlib.MAX_WBITS | 16)
        data += member
        members = _one_more(members)
    return data


def _undeflate(body: bytes, most: int) -> bytes:
    # "deflate" is the zlib format by the standard, and raw deflate by some senders.
    try:
        return _zlib(body, most, zlib.MAX_WBITS)[0]
    except zlib.error:
        return _zlib(body, most, -zlib.MAX_WBITS)[0]


def _zlib(body: bytes, most: int, wbits: int) -> tuple[bytes, bytes]:
    """What `body` inflates to, `most` bytes of it, and what follows it."""
    inflator = zlib.decompressobj(wbits)
    data = inflator.decompress(body, most)
    if len(data) < most and not inflator.eof:
        raise EOFError("it ends too early")
    return data, inflator.unused_data


def _one_more(parts: int) -> int:
    """A compressed body may have several parts one after the other. Each costs, however small it is."""
    if parts == _MOST_PARTS:
        raise EOFError(f"it has more than {_MOST_PARTS} parts")
    return parts + 1


def _unbrotli(body: bytes, most: int) -> bytes:
    inflator = brotli.Decompressor()
    data = bytearray(inflator.process(body, output_buffer_limit=most))
    while len(data) < most and not inflator.is_finished():
        more = inflator.process(b"", output_buffer_limit=most - len(data))
        if not more:
            raise EOFError("it ends too early")
        data += more
    return bytes(data)


def _unzstd(body: bytes, most: int) -> bytes:
    data = bytearray()
    frames = 1
    inflator = zstandard.ZstdDecompressor().decompressobj()
    # It has no limit of its own: little at a time, so that a bomb is noticed while it is small.
    for start in range(0, len(body), _ZSTD_STEP):
        step = body[start : start + _ZSTD_STEP]
        while step and len(data) < most:
            if inflator.eof:
                frames = _one_more(frames)
                inflator = zstandard.ZstdDecompressor().decompressobj()
            data += inflator.decompress(step)
            step = inflator.unused_data if inflator.eof else b""
    if len(data) < most and not inflator.eof:
        raise EOFError("it ends too early")
    return bytes(data)


_CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "zstd": _unzstd,
    "gzip": _gunzip,
    "br": _unbrotli,
    "deflate": _undeflate,
}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")  # though Python would take it


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("it has a number that is too large")  # and could not be written as JSON again
    return number


# Made once: to make one costs more than to read a small body.
_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)


def _not_json(problem: str) -> RequestError:
    return RequestError(f"We could not parse the JSON body of your request: {problem}.", code="invalid_json")


def _too_large(limit: int) -> RequestError:
    return RequestError(
        f"The request body is too large: expected at most {limit} bytes.",
        status=413,
        code="request_too_large",
    )
