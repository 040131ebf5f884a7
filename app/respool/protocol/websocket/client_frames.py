"""Client frames: parsing and checks of the frames that clients send on a socket.

Only the frame itself is checked here. The body of a create is checked as over HTTP; the connection checks the
references of a steer.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from respool.errors import RequestError
from respool.protocol import parameter_errors
from respool.protocol.events import json_kind, loads, not_json
from respool.protocol.websocket import socket_errors

_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_STEER_MEMBERS = frozenset({"type", "previous_response_id", "input"})
_STEER_PARTS = frozenset({"input_text", "input_image", "input_file"})
_NOT_OF_THE_BODY = frozenset({"type", "stream_id", "generate"})


@dataclass(frozen=True, slots=True)
class Create:
    """``response.create``.

    body       the body of the equivalent POST with ``stream``
    stream_id  the lane; None: the default lane
    generate   False: a warm-up, which plays nothing
    size       of the frame, in bytes
    error      the error to answer it with, when its turn on the lane comes
    """

    body: Mapping[str, Any]
    stream_id: str | None = None
    generate: bool = True
    size: int = 0
    error: RequestError | None = None

    @property
    def previous_response_id(self) -> str | None:
        """The response that the create continues."""
        id_ = self.body.get("previous_response_id")
        return id_ if isinstance(id_, str) and id_ else None


@dataclass(frozen=True, slots=True)
class Steer:
    """``response.steer``. With a `problem`, the answer is ``invalid_input``."""

    previous_response_id: str
    input: Any
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Inject:
    """``response.inject`` of the multi-agent beta."""

    response_id: str
    input: list[Any]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame without an answer: ``response.processed``, which Codex sends."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """An invalid frame: the answer is `error`, on this lane if it is known."""

    error: RequestError
    stream_id: str | None = None
    closes: bool = False  # the server closes the connection after the error


class ReadText(str):
    """An empty string in place of a frame's text that was parsed outside of the event loop, to `frame`."""

    frame: "ClientFrame"


ClientFrame = Create | Steer | Inject | Ignored | Invalid


def parse(text: str, *, multi_agent: bool = False) -> ClientFrame:
    """Parse the text of a frame. Never raise.

    `multi_agent`: the handshake had the header ``OpenAI-Beta: responses_multi_agent=v1``.
    """
    if isinstance(text, ReadText):
        return text.frame
    try:
        data = loads(text)
    except json.JSONDecodeError as error:
        return Invalid(socket_errors.invalid_json(f"it is {not_json(error)} at character {error.pos}"))
    except ValueError as error:
        return Invalid(socket_errors.invalid_json(f"it cannot be read: {error}"))
    if not isinstance(data, dict):
        return Invalid(socket_errors.invalid_json(f"this is {json_kind(data)}"))
    stream_id = data.get("stream_id")
    named = isinstance(stream_id, str) and _STREAM_ID.fullmatch(stream_id) is not None
    type_ = data.get("type")
    read = _READERS.get(type_) if isinstance(type_, str) else None
    if read is None or (read is _inject and not multi_agent):
        shown = type_ if isinstance(type_, str) else json_kind(type_)
        return Invalid(socket_errors.unsupported_event_type(shown), stream_id if named else None)
    if "stream_id" in data and not named and read is _create:
        return Invalid(socket_errors.invalid_stream_id())
    return read(data, size_of(text))


def size_of(text: str) -> int:
    """Return the size of a text frame, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _create(data: Mapping[str, Any], size: int) -> ClientFrame:
    # `stream` has no effect here, but the agents SDK and Codex send it.
    body = {name: value for name, value in data.items() if name not in _NOT_OF_THE_BODY} | {"stream": True}
    generate = data.get("generate", True)
    error = None
    if not isinstance(generate, bool):
        error = parameter_errors.invalid_type("generate", "a boolean", generate)
    elif body.get("background") is True:
        error = socket_errors.background_not_supported()
    return Create(body, data.get("stream_id"), generate is not False, size, error)


def _steer(data: Mapping[str, Any], size: int) -> ClientFrame:
    id_, given = data.get("previous_response_id"), data.get("input")
    known = id_ if isinstance(id_, str) else ""
    return Steer(known, given, _steer_problem(data) or (None if known else _NO_TARGET))


_NO_TARGET = "'previous_response_id' must be a non-empty string"


def _steer_problem(data: Mapping[str, Any]) -> str | None:
    extra = next((name for name in data if name not in _STEER_MEMBERS), None)
    if extra is not None:
        return f"'{extra}' is not allowed; expected only 'type', 'previous_response_id' and 'input'"
    given = data.get("input")
    if isinstance(given, str) and given:
        return None
    if not isinstance(given, list) or not given:
        return "'input' must be a non-empty string or a non-empty array of user messages"
    return next(
        (problem for place, item in enumerate(given) if (problem := _item_problem(item, place))), None
    )


def _item_problem(item: Any, place: int) -> str | None:
    where = f"'input[{place}]'"
    if not isinstance(item, dict) or item.get("type", "message") != "message" or item.get("role") != "user":
        return f"{where} must be a message of the role 'user'"
    content = item.get("content")
    if isinstance(content, str):
        return None
    parts = content if isinstance(content, list) else []
    types = [part.get("type") if isinstance(part, dict) else None for part in parts]
    if types and all(isinstance(type_, str) and type_ in _STEER_PARTS for type_ in types):
        return None
    return f"the content of {where} must be a string or parts of input_text, input_image or input_file"


def _inject(data: Mapping[str, Any], size: int) -> ClientFrame:
    id_, given = data.get("response_id"), data.get("input")
    if not isinstance(id_, str) or not id_:
        return Invalid(
            socket_errors.invalid_inject("'response_id' must be a non-empty string", "response_id"),
            closes=True,
        )
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        return Invalid(
            socket_errors.invalid_inject("'input' must be a non-empty array of items", "input"), closes=True
        )
    return Inject(id_, given)


def _ignored(data: Mapping[str, Any], size: int) -> ClientFrame:
    return Ignored()


_READERS: Mapping[str, Callable[[Mapping[str, Any], int], ClientFrame]] = MappingProxyType(
    {
        "response.create": _create,
        "response.steer": _steer,
        "response.inject": _inject,
        "response.processed": _ignored,
    }
)
