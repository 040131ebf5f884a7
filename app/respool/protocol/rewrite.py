"""Changes of recorded events; the rest of their text stays unchanged.

A replayed event is the recorded one, byte for byte, unless a request or an option sets one of these changes:
no obfuscation, fresh ids, or a Response with the parameters of the current request.
"""

import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from respool.protocol.events import Event, compact_recorded
from respool.protocol.members import drop_member, edit_member, set_members

# The events that carry the Response object.
LIFECYCLE_TYPES = frozenset(
    f"response.{state}" for state in "created queued in_progress completed failed incomplete".split()
)

# Fields with the id of a response, an item or a call.
_ID_FIELDS = ("id", "item_id", "call_id", "approval_request_id", "response_id")
# A member with an id as its value. A pattern of all ids would try each of thousands.
_ID_MEMBER = re.compile(rf'("(?:{"|".join(_ID_FIELDS)})"\s*:\s*)("(?:[^"\\]|\\.)*+")')
_HEXADECIMAL = "0123456789abcdef"
_ALPHANUMERIC = string.ascii_letters + string.digits
_LONG = 16  # a shorter one was made by hand; its fresh id gets the usual length


def without_obfuscation(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events without the padding of their deltas.

    Source: ``stream_options.include_obfuscation`` of create, ``include_obfuscation`` of retrieve.
    """
    for event in events:
        padded = '"obfuscation"' in event.text and event.type.endswith(".delta")
        yield Event(drop_member(event.text, "obfuscation"), event.type) if padded else event


def with_response_fields(events: Iterable[Event], fields: Mapping[str, Any]) -> Iterator[Event]:
    """Yield the events with these fields set in each Response object that they carry."""
    for event in events:
        if fields and event.type in LIFECYCLE_TYPES:
            yield Event(edit_response(event.text, fields), event.type)
        else:
            yield event


def has_response(event: Event) -> bool:
    """Return True if an event carries the Response object."""
    return event.type in LIFECYCLE_TYPES and isinstance(event.data.get("response"), dict)


def with_missing_members(
    events: Iterable[Event], lacking: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Iterator[Event]:
    """Yield the events, and add the members that `lacking` returns to each of their Response objects."""
    for event in events:
        response = event.data.get("response") if event.type in LIFECYCLE_TYPES else None
        fields = lacking(response) if isinstance(response, dict) else {}
        yield Event(edit_response(event.text, fields), event.type) if fields else event


def edit_response(text: str, fields: Mapping[str, Any]) -> str:
    """Return the text of an event with these fields set in its Response object, if it has one."""
    return edit_member(
        text, "response", lambda response: set_members(response, fields) if response[:1] == "{" else response
    )


def with_fresh_ids(events: Sequence[Event], rng: Random) -> Iterator[Event]:
    """Yield the events with new ids of responses, items and calls. Equal ids stay equal."""
    fresh = {old: _fresh_id(old, rng) for old in _ids(events)}
    if not fresh:
        yield from events
        return
    by_text = {compact_recorded(old): compact_recorded(new) for old, new in fresh.items()}
    for event in events:
        text = _ID_MEMBER.sub(lambda found: found[1] + by_text.get(found[2], found[2]), event.text)
        yield Event(text, event.type)


def _ids(events: Iterable[Event]) -> list[str]:
    """Return the ids in some events, in the order of their first occurrence."""
    found: dict[str, None] = {}
    for event in events:
        data = event.data
        response, item = data.get("response"), data.get("item")
        output = response.get("output") if isinstance(response, dict) else None
        for holder in (response, data, item, *(output if isinstance(output, list) else ())):
            if isinstance(holder, dict):
                found |= dict.fromkeys(
                    value for name in _ID_FIELDS if isinstance(value := holder.get(name), str) and value
                )
    return list(found)


def _fresh_id(old: str, rng: Random) -> str:
    """Return an id that looks like `old`: the same prefix, and random characters of the same kinds."""
    cut = max(old.rfind("_"), old.find("-") if old.count("-") == 1 else -1) + 1
    prefix, tail = old[:cut], old[cut:]
    if len(tail) < _LONG:
        alphabet, tail = (_ALPHANUMERIC, "x" * 24) if prefix == "call_" else (_HEXADECIMAL, "x" * 50)
    else:
        letters = {character for character in tail if character.isalnum()}
        alphabet = _HEXADECIMAL if letters <= {*_HEXADECIMAL} else _ALPHANUMERIC
    return prefix + "".join(rng.choice(alphabet) if one.isalnum() else one for one in tail)
