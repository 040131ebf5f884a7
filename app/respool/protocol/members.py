"""Members: parts of a JSON object's text, read and changed in place.

The rest of the text stays unchanged, byte for byte: key order, escapes, number formats, spaces. All
texts given here must be valid JSON objects.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # in every CPython, missing from typeshed
from typing import Any

from respool.protocol.events import compact_recorded

_WHITESPACE = " \t\n\r"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Member:
    """The place of a member: its key begins at `key_at`, its value is text[start:end]."""

    key: str
    key_at: int
    start: int
    end: int


def member_text(text: str, key: str) -> str | None:
    """Return the raw JSON text of one member, or None if it is not there.

    Used to serve the Response object of a terminal event with its recorded bytes. As in ``json.loads``, the
    last of several equal keys counts.
    """
    found = _find(text, key)
    return None if found is None else text[found.start : found.end]


def set_members(text: str, values: Mapping[str, Any]) -> str:
    """Return the text with these members set: changed in place, or added at the end.

    A member that has this value already stays unchanged.
    """
    for key, value in values.items():
        found = _find(text, key)
        if found is None:
            text = _append(text, key, value)
        elif (known := json.loads(text[found.start : found.end])) != value or type(known) is not type(value):
            text = f"{text[: found.start]}{compact_recorded(value)}{text[found.end :]}"
    return text


def edit_member(text: str, key: str, edit: Callable[[str], str]) -> str:
    """Return the text with one member's raw text replaced by the result of `edit`, if the member is there."""
    found = _find(text, key)
    if found is None:
        return text
    return f"{text[: found.start]}{edit(text[found.start : found.end])}{text[found.end :]}"


def drop_member(text: str, key: str) -> str:
    """Return the text without the members of this name, and without the commas that separated them."""
    while True:
        members = list(_members(text))
        place = next((place for place, member in enumerate(members) if member.key == key), None)
        if place is None:
            return text
        if place + 1 < len(members):
            start, end = members[place].key_at, members[place + 1].key_at
        elif place:
            start, end = members[place - 1].end, members[place].end
        else:
            start, end = members[place].key_at, members[place].end
        text = text[:start] + text[end:]


def _append(text: str, key: str, value: Any) -> str:
    at = len(text.rstrip(_WHITESPACE)) - 1  # the place of the closing brace
    comma = "" if next(_members(text), None) is None else ","
    return f"{text[:at]}{comma}{compact_recorded(key)}:{compact_recorded(value)}{text[at:]}"


def _find(text: str, key: str) -> _Member | None:
    found = None
    for member in _members(text):
        if member.key == key:
            found = member
    return found


def _members(text: str) -> Iterator[_Member]:
    at = _skip(text, text.index("{") + 1)
    while text[at] == '"':
        key_at = at
        key, at = scanstring(text, at + 1, True)
        start = _skip(text, _skip(text, at) + 1)  # past the colon
        _, end = _DECODER.raw_decode(text, start)
        yield _Member(key, key_at, start, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _WHITESPACE:
        at += 1
    return at
