r"""The strings of a JSON text, each with its place, its field, and the places of its characters.

The text need not be whole or valid: what cannot be read is passed over, an open string ends with the text.
Time is linear in the length of the text.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# Possessive: a string that is never closed is read once, to the end.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_ESCAPED = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.)|\Z)", re.DOTALL
)
MAX_DEPTH = 256
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded piece of text: character i of `text` is written at [starts[i], ends[i]) of the source."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


@dataclass(frozen=True, slots=True)
class Value:
    """A string, number or literal of a JSON text, at text[start:end]; of a string that is without its quotes.

    `path` is the parts of its JSON pointer.
    """

    start: int
    end: int
    path: tuple[str | int, ...]
    is_string: bool
    is_key: bool = False

    @property
    def key(self) -> str:
        """The name of the nearest field around it."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


@dataclass(slots=True)
class OpenValue:
    """An open object or array: where it began, its strings and other values so far (with keys), the values by
    name, and the places of its own arrays and objects."""

    start: int
    path: tuple[str | int, ...]
    is_object: bool
    key: str | None = None
    index: int = 0
    values: list[Value] = field(default_factory=list)
    members: dict[str, Value] = field(default_factory=dict)
    containers: dict[str, tuple[int, int]] = field(default_factory=dict)

    def child(self) -> tuple[str | int, ...]:
        return (*self.path, self.key or "" if self.is_object else self.index)


def decode(text: str, start: int, end: int) -> Decoded:
    """Decode text[start:end], the inside of a JSON string."""
    raw = text[start:end]
    if "\\" not in raw:
        return Decoded(raw, range(start, end), range(start + 1, end + 1))
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = start
    for found in _ESCAPED.finditer(text, start, end):
        parts.append(text[at : found.start()])
        starts.extend(range(at, found.start()))
        ends.extend(range(at + 1, found.start() + 1))
        high, low, unit, short = found.groups()
        if high:
            parts.append(chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)))
        elif unit:
            parts.append(chr(int(unit, 16)))
        else:
            parts.append(_SHORT.get(short, short) if short else "\\")
        starts.append(found.start())
        ends.append(found.end())
        at = found.end()
    parts.append(text[at:end])
    starts.extend(range(at, end))
    ends.extend(range(at + 1, end + 1))
    return Decoded("".join(parts), starts, ends)


def walk(text: str, start: int, end: int, closed: Callable[[OpenValue, int], None]) -> list[Value]:
    """Call `closed` with each object and array of text[start:end], and its end. Return the values outside
    any of them.

    Raise ValueError if it is nested more deeply than MAX_DEPTH.
    """
    alone: list[Value] = []
    stack: list[OpenValue] = []
    for found in _TOKEN.finditer(text, start, end):
        token = found.group()
        frame = stack[-1] if stack else None
        if token in ("{", "["):
            if len(stack) == MAX_DEPTH:
                raise ValueError(f"the JSON is nested more than {MAX_DEPTH} deep")
            stack.append(OpenValue(found.start(), frame.child() if frame else (), token == "{"))
        elif token in ("}", "]"):
            if frame is None:
                continue
            stack.pop()
            if stack and stack[-1].is_object:
                stack[-1].containers[stack[-1].key or ""] = (frame.start, found.end())
            closed(frame, found.end())
        elif token == ",":
            if frame is not None:
                frame.key, frame.index = None, frame.index + 1
        elif token != ":":
            is_string = token[0] == '"'
            at = found.start() + is_string
            upto = found.end() - (is_string and len(token) > 1 and token[-1] == '"')
            if frame is None:
                alone.append(Value(at, upto, (), is_string))
                continue
            is_key = frame.is_object and frame.key is None and is_string
            if is_key:
                frame.key = decode(text, at, upto).text
            value = Value(at, upto, frame.child(), is_string, is_key)
            frame.values.append(value)
            if frame.is_object and not is_key:
                frame.members[frame.key or ""] = value
    while stack:  # the text was cut
        closed(stack.pop(), end)
    return alone
