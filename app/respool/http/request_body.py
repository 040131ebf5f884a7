"""Request bodies: read within a limit, inflated, and parsed once."""

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest

from respool.errors import RequestError
from respool.http.sending.connection import header_values, steering
from respool.protocol import fast_json
from respool.protocol.events import json_kind, nests_deeper, not_json

T = TypeVar("T")

DEFAULT_LIMIT = 32 * 1024 * 1024  # bytes, also after inflation
MAX_VALUES = 50_000  # objects, arrays, members and strings of arrays in a body; see `_check_values`
LARGE = 64 * 1024  # bytes from which a body is looked at in pieces, so that other requests go on
_PIECE = 1024 * 1024  # bytes
_SMALL = 4096  # bytes of a compressed body that is inflated at once, up to `LARGE`
_DEEPEST = 200  # levels; Python's own limit is 1000 calls, and a level may take several


async def read_object(request: HTTPRequest, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """The JSON object that is the body. Raises RequestError, as the API answers such requests."""
    return parse_object(await read_body(request, limit))


async def read_body(request: HTTPRequest, limit: int = DEFAULT_LIMIT) -> bytes:
    """The body, inflated. Raises RequestError if it, inflated or not, has more than `limit` bytes."""
    body = await _read(request, limit)
    if codings := steering(request.scope, b"content-encoding"):
        for coding in reversed(",".join(codings).lower().split(",")):
            if (coding := coding.strip()) not in ("", "identity"):
                body = await _inflate(body, coding, limit)
    if len(body) > LARGE:
        await _check_values(body)
    return body


async def _check_values(body: bytes) -> None:
    """Refuse a body of so many values that to read and to check them would hold up all other requests.

    What begins a value in JSON is counted, without reading it: braces and brackets within texts count, too.
    Raises RequestError.
    """
    found = 0
    for start in range(0, len(body), _PIECE):
        piece = body[start : start + _PIECE]
        found += piece.count(b"{") + piece.count(b"[") + piece.count(b'":') + piece.count(b'","')
        found += sum(piece.count(b",%d" % digit) for digit in range(10))
        if found > MAX_VALUES:
            raise RequestError(
                f"The request body has too many values: expected at most {MAX_VALUES} objects, arrays, "
                "members and elements.",
                status=413,
                code="too_many_values",
            )
        await asyncio.sleep(0)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is, nested no deeper than 200 levels. Raises RequestError."""
    try:
        value = fast_json.decode(body)
    except Exception:  # whatever it was: the careful reader has the last word
        value = _read_carefully(body)
    if not isinstance(value, dict):
        raise RequestError(
            f"Invalid body: expected a JSON object, but got {json_kind(value)} instead.", code="invalid_type"
        )
    if body.count(b"[") + body.count(b"{") > _DEEPEST:  # else it cannot be deeper
        check_depth(value)
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
    if nests_deeper(value, _DEEPEST):
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


async def beside(size: int, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function: in a thread, if it has a body of more than `LARGE` bytes to work on."""
    return await asyncio.to_thread(function, *arguments) if size > LARGE else function(*arguments)


async def _inflate(body: bytes, coding: str, limit: int) -> bytes:
    from respool.protocol.codings import CODINGS, DAMAGE  # late: see there

    inflate = CODINGS.get(coding)
    if inflate is None:
        known = ", ".join(CODINGS)
        raise RequestError(
            f"Unsupported content encoding: expected one of {known}.",
            status=415,
            code="unsupported_content_encoding",
        )
    try:
        # Of a small body a large one may come.
        inflated = inflate(body, min(limit, LARGE) + 1) if len(body) <= _SMALL else None
        if inflated is None or len(inflated) > LARGE:
            inflated = await asyncio.to_thread(inflate, body, limit + 1)
    except DAMAGE as error:
        raise RequestError(
            f"The body is not valid {coding}: {error}.", code="invalid_content_encoding"
        ) from None
    if len(inflated) > limit:
        raise _too_large(limit)
    return inflated


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
