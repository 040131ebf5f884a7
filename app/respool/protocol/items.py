"""Input items: the `input` of a request as the items that the service lists.

Items keep everything that the client sent. The service adds an id and a status, and turns a string into
content parts. An ``item_reference`` stays one: nothing here looks up an id.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from respool.protocol.event_types import ITEM_TYPES

Item = dict[str, Any]

# Prefixes of ids that only input items have: the service makes no such output items, or none was recorded.
# The first two come from clients' histories; the others are ours, made in the same way.
_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "function_call_output": "fco_",
        "custom_tool_call_output": "ctco_",
        "computer_call": "cu_",
        "computer_call_output": "cuo_",
        "local_shell_call_output": "lsho_",
        "apply_patch_call_output": "apco_",
        "mcp_approval_response": "mcprr_",
        "additional_tools": "at_",
        "configuration_update": "cfg_",
    }
)

# The values of fields that the client leaves out or sends as null. Source: the types of listed items in
# openai 3.57 (`ResponseItem`), which require them.
_DONE = {"status": "completed"}
_FILLED_IN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "message": _DONE,
        "function_call": _DONE,
        "function_call_output": _DONE,
        "custom_tool_call": _DONE,
        "custom_tool_call_output": _DONE,
        "computer_call": {"pending_safety_checks": [], **_DONE},
        "computer_call_output": _DONE,
        "web_search_call": _DONE,
        "file_search_call": _DONE,
        "code_interpreter_call": _DONE,
        "image_generation_call": _DONE,
        "local_shell_call": _DONE,
        "local_shell_call_output": _DONE,
        "shell_call": {"environment": None, **_DONE},
        "shell_call_output": {"max_output_length": None, **_DONE},
        "apply_patch_call": _DONE,
        "apply_patch_call_output": _DONE,
        "tool_search_call": {"call_id": None, "execution": "server", **_DONE},
        "tool_search_output": {"call_id": None, "execution": "server", **_DONE},
        "mcp_call": _DONE,
        "program_output": _DONE,
        "reasoning": {"summary": []},
    }
)
_FILLED_IN_PARTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "output_text": {"annotations": [], "logprobs": []},
        "input_image": {"detail": "auto"},
    }
)


def input_items(body: Mapping[str, Any], seed: str) -> list[Item]:
    """Return the items of a request's `input`, in its order. `seed` is the id of its response.

    The same request and seed give the same ids. Source: ``GET /responses/{id}/input_items``.
    """
    given = body.get("input")
    match given:
        case str():
            return full_items([{"role": "user", "content": given}], seed)
        case list():
            return full_items(given, seed)
        case _:
            return []


def full_items(given: Iterable[Any], seed: str, *, first: int = 0, taken: Iterable[str] = ()) -> list[Item]:
    """Return items as the service lists them, with ids made from `seed` and their place, counted from
    `first`.

    A made id replaces a repeated or `taken` one, since ids are the cursors of a list. Values that are no
    objects are left out.
    """
    known = set(taken)
    items = []
    for place, item in enumerate(given, start=first):
        if not isinstance(item, dict):
            continue
        full = _full(item)
        again = 0
        while full["id"] in known or not full["id"]:
            full["id"] = made_id(prefix_of(full["type"]), seed, f"{place}.{again}" if again else place)
            again += 1
        known.add(full["id"])
        items.append(full)
    return items


def type_of(item: Mapping[str, Any]) -> str:
    """Return the type of an item, also of a short form that leaves it out: a message without type, or an id
    alone."""
    type_ = item.get("type")
    if isinstance(type_, str):
        return type_
    return "item_reference" if "role" not in item and "id" in item else "message"


def made_id(prefix: str, seed: str, place: int | str) -> str:
    """Return an id with 50 hexadecimal digits, like the service's. The same seed and place give the same
    id."""
    return prefix + hashlib.sha256(f"{seed}:{place}".encode("utf-8", "replace")).hexdigest()[:50]


def prefix_of(type: str) -> str:
    """Return the prefix of the ids of items of this type."""
    known = ITEM_TYPES.get(type)
    return (known and known.prefix) or _PREFIXES.get(type, "item_")


def _full(item: Item) -> Item:
    type_ = type_of(item)
    id_ = item.get("id")
    first = {"id": id_ if isinstance(id_, str) else "", "type": type_}
    rest = {name: value for name, value in item.items() if name not in first}
    full = {**first, **rest}
    _fill(full, _FILLED_IN.get(type_, {}))
    if type_ == "message":
        full["content"] = _content(full.get("content"), full.get("role"))
    return full


def _content(content: Any, role: Any) -> list[Any]:
    if isinstance(content, str):
        content = [{"type": "output_text" if role == "assistant" else "input_text", "text": content}]
    return [_part(part) for part in content] if isinstance(content, list) else []


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    full = dict(part)
    type_ = part.get("type")
    _fill(full, _FILLED_IN_PARTS.get(type_, {}) if isinstance(type_, str) else {})
    return full


def _fill(value: dict[str, Any], usual: Mapping[str, Any]) -> None:
    for name, default in usual.items():
        if value.get(name) is None:
            value[name] = default
