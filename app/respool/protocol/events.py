"""Event: one event of a Responses API stream, kept as the text that was recorded."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

CREATED = "response.created"

# The service closes the stream after these events. `error` is not among them: `response.failed` may still
# follow it.
TERMINAL_TYPES = frozenset({"response.completed", "response.failed", "response.incomplete"})
# The events that end a response, `error` included.
ENDING_TYPES = TERMINAL_TYPES | {"error"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its JSON text, which is what goes on the wire, and its type.

    `text` is never made from parsed JSON: key order, escapes, number formats and unknown fields stay as
    recorded. `type` is the decoded value of the text's ``type`` field (or, if the text has none, the name
    from the SSE ``event:`` line).
    """

    text: str
    type: str

    @classmethod
    def parse(cls, text: str, default_type: str | None = None) -> "Event":
        """Read one event from its JSON text.

        Raise ValueError (json.JSONDecodeError when the place is known) if the text is not one JSON
        object, or has no string ``type`` and no `default_type` is given.
        """
        return cls.from_object(text, loads(text), default_type)

    @classmethod
    def from_object(cls, text: str, value: Any, default_type: str | None = None) -> "Event":
        """Make an event from a text and its parsed `value`. Raise ValueError as `parse` does."""
        if not isinstance(value, dict):
            raise ValueError(f"an event is a JSON object, but this is {json_kind(value)}")
        type_ = value.get("type", default_type)
        if not isinstance(type_, str) or not type_:
            kind = "empty" if type_ == "" else json_kind(type_)
            what = f'its "type" is {kind}' if "type" in value else 'it has no "type"'
            raise ValueError(f'an event needs a "type" that is a string, but {what}')
        return cls(text, type_)

    @property
    def data(self) -> dict[str, Any]:
        """The parsed text. Each access parses it: keep the result if you need it twice."""
        value: dict[str, Any] = _read(self.text)
        return value

    @property
    def sequence_number(self) -> int | None:
        """The event's ``sequence_number``, or None where it has none (older recordings)."""
        number = self.data.get("sequence_number")
        return number if type(number) is int else None


def nests_deeper(value: Any, most: int) -> bool:
    """Return True if a JSON value is nested deeper than `most` levels."""
    level, depth = [value], 0
    while level := [
        member
        for holder in level
        if isinstance(holder, Mapping | list)
        for member in (holder.values() if isinstance(holder, Mapping) else holder)
    ]:
        depth += 1
        if depth > most:
            return True
    return False


def loads(text: str | bytes) -> Any:
    """Parse JSON as ``json.loads`` does, but raise ValueError for every failure: also for huge numbers and
    deep nesting."""
    try:
        return _read(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _read(text: str | bytes) -> Any:
    """Parse JSON with the fast decoder, or with ``json.loads`` if that fails."""
    try:
        return _quick_decode()(text)
    except Exception:  # after any error, `json` decides
        return json.loads(text)


@cache
def _quick_decode() -> Callable[[str | bytes], Any]:
    from respool.protocol.fast_json import decode  # imported late, see the module's docstring

    return decode


def dumps(value: Any) -> str:
    """Return JSON text that can be encoded: characters as they are, lone surrogates as escapes."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def compact(value: Any) -> str:
    """Return JSON text as the service writes it: no spaces, and nothing escaped without need."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def compact_recorded(value: Any) -> str:
    """Return compact JSON text of a value from a recording, which may hold numbers that JSON does not have.

    NaN stays NaN, and a number too large for a float stays too large (1e999).
    """
    try:
        return compact(value)
    except ValueError:
        text = json.dumps(value, separators=(",", ":"))
        return _INFINITY.sub(lambda found: found[0] if found[1] is None else f"{found[1]}1e999", text)


_INFINITY = re.compile(r'"(?:[^"\\]|\\.)*"|(-?)Infinity')


def not_json(error: json.JSONDecodeError) -> str:
    """Return the reason why text is not JSON, without the place."""
    problem = error.msg.removesuffix(" starting at").removesuffix(" at")
    return f"not JSON: {problem[0].lower()}{problem[1:]}"


def json_kind(value: object) -> str:
    """Return the name of a JSON value's type for an error message: "an array", "null", ..."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
