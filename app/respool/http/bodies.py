"""Request bodies: read within a limit, inflated, and parsed once."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import brotli
import zstandard
from starlette.requests import Request as HTTPRequest

from respool.errors import RequestError
from respool.protocol.events import json_kind, loads

DEFAULT_LIMIT = 32 * 1024 * 1024  # bytes, also after inflation


async def read_object(request: HTTPRequest, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """The JSON object that is the body. Raises RequestError, as the API answers such requests."""
    body = await _read(request, limit)
    for coding in reversed(request.headers.get("content-encoding", "").lower().split(",")):
        if (coding := coding.strip()) not in ("", "identity"):
            body = _inflate(body, coding, limit)
    try:
        value = loads(body.decode())
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise _not_json(f"{error.msg[0].lower()}{error.msg[1:]} at {place}") from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    if not isinstance(value, dict):
        raise RequestError(
            f"Invalid body: expected a JSON object, but got {json_kind(value)} instead.", code="invalid_type"
        )
    return value


async def _read(request: HTTPRequest, limit: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
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
    return _zlib(body, most, zlib.MAX_WBITS | 16)


def _undeflate(body: bytes, most: int) -> bytes:
    # "deflate" is the zlib format by the standard, and raw deflate by some senders.
    try:
        return _zlib(body, most, zlib.MAX_WBITS)
    except zlib.error:
        return _zlib(body, most, -zlib.MAX_WBITS)


def _zlib(body: bytes, most: int, wbits: int) -> bytes:
    inflator = zlib.decompressobj(wbits)
    data = inflator.decompress(body, most)
    if len(data) < most and not inflator.eof:
        raise EOFError("it ends too early")
    return data


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
    with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
        return reader.read(most)


_CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "zstd": _unzstd,
    "gzip": _gunzip,
    "br": _unbrotli,
    "deflate": _undeflate,
}


def _not_json(problem: str) -> RequestError:
    return RequestError(f"We could not parse the JSON body of your request: {problem}.", code="invalid_json")


def _too_large(limit: int) -> RequestError:
    return RequestError(
        f"The request body is too large: expected at most {limit} bytes.",
        status=413,
        code="request_too_large",
    )
