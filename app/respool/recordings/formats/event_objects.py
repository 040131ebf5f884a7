"""Events of the Responses API as objects: by themselves, in wrappers of SDKs and logs, and in text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respool.errors import RecordingError
from respool.protocol.events import compact_recorded, loads
from respool.recordings.formats import moments
from respool.recordings.formats.document import TextObject, parse_json

_FEWEST_BYTES = 20  # of an event
_DEEPEST_WRAPPER = 4
_MOST_IN_WRAPPER = 40  # values that are looked at in a wrapper of any shape
_OF_EXCHANGES = frozenset({"request", "requests", "response", "responses", "interactions"})
# The type of a client's create over a socket: it looks like that of an event.
CREATE = "response.create"
_OF_CLIENTS = frozenset({CREATE, "response.cancel", "response.inject", "response.steer"})

# The members in which wrappers of SDKs, logs and recorders keep the event, the likeliest first.
_WRAPPED = (
    "data", "event", "raw", "raw_event", "payload", "chunk", "message", "value", "body", "json", "params",
    "log", "text", "content", "line", "msg", "item", "frame", "response",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """An event by itself: its JSON text, the name of its ``event:`` line, its moment in seconds."""

    text: str
    type: str | None = None
    moment: float | None = None
    request: Mapping[str, Any] | None = None  # of a client's frame, which is no event
    lane: str | None = None  # of that frame: its `stream_id`


def is_event(value: Any) -> bool:
    """Return True if a value is an event of the Responses API, by itself."""
    if not isinstance(value, dict):
        return False
    type_ = value.get("type")
    if not isinstance(type_, str) or _is_realtime(value):
        return False
    return (type_.startswith("response.") and type_ not in _OF_CLIENTS) or is_error(value)


def is_error(value: Mapping[str, Any]) -> bool:
    """Return True if an object is the API's ``error`` event: it has a sequence number, or an error's
    fields."""
    if value.get("type") != "error" or "session_id" in value:
        return False
    inner = value.get("error")
    details: Mapping[str, Any] = inner if isinstance(inner, dict) else value
    return "sequence_number" in value or ("message" in details and {"code", "param"} <= details.keys())


def _is_realtime(value: Mapping[str, Any]) -> bool:
    """Return True if it is an event of the Realtime API, which has similar types."""
    return isinstance(value.get("event_id"), str) and "sequence_number" not in value


def request_in(element: Any) -> Mapping[str, Any] | None:
    """Return the request in a client's frame of a socket; None if it is no create."""
    for _ in range(3):
        if isinstance(element, str) and CREATE in element[:200_000] and element.lstrip()[:1] == "{":
            try:
                element = loads(element)
            except ValueError:
                return None
        if not isinstance(element, dict):
            return None
        if element.get("type") == CREATE:
            inner = element.get("response")
            request = inner if isinstance(inner, dict) and "input" in inner else element
            return {name: value for name, value in request.items() if name not in ("type", "event_id")}
        element = next((element[key] for key in _WRAPPED if isinstance(element.get(key), dict | str)), None)
    return None


def piece_of(
    element: Any, located: bool, *, of_a_socket: bool = False
) -> tuple[Mapping[str, Any], Piece] | None:
    """Return the event in an element of a list, parsed and as a piece; None if there is none. A frame of a
    socket may be an error with fewer fields than the API's."""
    at = None
    if isinstance(element, list) and len(element) == 2 and isinstance(element[0], int | float | str | None):
        at = moments.seconds(element[0]) if isinstance(element[0], float) else None
        element = element[1]
    elif isinstance(element, dict):
        at = moments.of(element)
    event = _event_in(element, _DEEPEST_WRAPPER) or (_refusal_in(element) if of_a_socket else None)
    if event is None:
        return None
    plain = compact_recorded(event) if located else ""
    text = event.text if isinstance(event, TextObject) else plain
    return event, Piece(text, None, at if event is not element else None)


def _refusal_in(element: Any) -> dict[str, Any] | None:
    """Return a socket's error in a wrapper, as an object or as a text."""
    for key in _WRAPPED:
        value = element.get(key) if isinstance(element, dict) else None
        if isinstance(value, str) and '"error"' in value and value.lstrip().startswith("{"):
            try:
                value = parse_json(value, located=True).value
            except RecordingError:
                continue
        if isinstance(value, dict) and value.get("type") == "error" and isinstance(value.get("error"), dict):
            return value
    return None


def _event_in(value: Any, depth: int) -> dict[str, Any] | None:
    """Return the event in a wrapper, or the value if it is an event."""
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
    """Return the only event in a wrapper of any shape; None if there are several, or it is an exchange."""
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
    """Return True if it may stand among events of the API: a keepalive or an error."""
    return type_ == "keepalive" or (type_ == "error" and ("error" in value or "message" in value))


def _event_in_text(text: str) -> dict[str, Any] | None:
    """Return the only event in a text: JSON, or one server-sent event."""
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
    return value if isinstance(value, TextObject) and is_event(value) else None
