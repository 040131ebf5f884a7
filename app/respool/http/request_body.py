"""Request bodies: read within a limit, inflated, and parsed once."""

import asyncio
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.types import Message

from respool.errors import RequestError
from respool.http.body_limits import DEFAULT_LIMIT, MAX_TEXT, check_body
from respool.http.client_limits import bytes_of
from respool.http.sending.connection import Steering, steering_headers
from respool.play.offload import LARGE
from respool.protocol import fast_json
from respool.protocol.events import json_kind, nests_deeper, not_json
from respool.server.heavy import heavy

T = TypeVar("T")

_SMALL = 4096  # bytes of a compressed body that is inflated at once, up to `LARGE`
_DEEPEST = 200  # levels; Python's own limit is 1000 calls, and a level may take several


async def read_object(request: HTTPRequest, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """Return the JSON object that is the body. Raise RequestError, as the API answers such requests."""
    return await parse_body(await read_body(request, limit))


async def read_body(
    request: HTTPRequest, limit: int = DEFAULT_LIMIT, steered: Steering | None = None
) -> bytes:
    """Return the body, inflated; `steered` are the request's `steering_headers`, if they are known. Raise
    RequestError if it, inflated or not, has more than `limit` bytes."""
    for name, value in request.scope["headers"]:
        if name == b"content-length":
            length = value.lstrip(b"0")
            if length.isdigit() and (len(length) > 15 or int(length) > limit):
                raise _too_large(limit)
            break
    message = await request.receive()  # not `request.stream()`, which costs four times as much
    body: bytes = message.get("body", b"")
    if message.get("more_body", False) or message["type"] == "http.disconnect" or len(body) > limit:
        body = await _rest(request, message, limit)
    steered = steering_headers(request.scope) if steered is None else steered
    if steered and (codings := steered.get(b"content-encoding")):
        for coding in reversed(",".join(codings).lower().split(",")):
            if (coding := coding.strip()) not in ("", "identity"):
                body = await _inflate(body, coding, limit)
                if held := bytes_of(request.scope):
                    held.take(len(body))
    if len(body) > LARGE:
        await check_body(body, limit)
    return body


async def parse_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is, as `parse_object` reads it; a large one in steps. Raise
    RequestError."""
    if len(body) <= LARGE:
        return parse_object(body)
    try:
        value = fast_json.decode(body)
    except Exception as error:
        if len(body) > MAX_TEXT:  # to read it twice would take too long
            raise _not_json(str(error)) from None
        await asyncio.sleep(0)
        value = _read_carefully(body)
    await asyncio.sleep(0)
    return _object(value, body)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is, nested no deeper than 200 levels. Raise RequestError."""
    try:
        value = fast_json.decode(body)
    except Exception:  # of any kind: the careful reader decides
        value = _read_carefully(body)
    return _object(value, body)


def _object(value: Any, body: bytes) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(
            f"Invalid body: expected a JSON object, but got {json_kind(value)} instead.", code="invalid_type"
        )
    if len(body) > LARGE or body.count(b"[") + body.count(b"{") > _DEEPEST:  # else it cannot be deeper
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
    """Refuse what nests deeper than all that walks through it can follow. Raise RequestError."""
    if nests_deeper(value, _DEEPEST):
        raise _not_json("it is nested too deeply")


async def _rest(request: HTTPRequest, message: Message, limit: int) -> bytes:
    """Return the whole body, of which `message` has the first part. Raise RequestError for more than `limit`
    bytes, ClientDisconnect if the client leaves."""
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await request.receive()


async def beside(size: float, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function: in a thread, if it has a body of more than `LARGE` bytes to work on."""
    return await heavy(partial(function, *arguments)) if size > LARGE else function(*arguments)


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
