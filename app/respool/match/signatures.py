"""Signatures: what stays the same of an output item when a client sends it back.

Clients drop or change ids, statuses, phases and the order of members; some serialise arguments anew.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

from respool.match.request import text_of
from respool.protocol.event_types import ITEM_TYPES
from respool.protocol.events import dumps, loads
from respool.protocol.items import type_of

Item = Mapping[str, Any]
Signature = tuple[str, ...]

# The members that identify an item of the type. `_rest` compares types that are missing here.
_SALIENT: Mapping[str, tuple[str, ...]] = {
    "function_call": ("name", "arguments"),
    "custom_tool_call": ("name", "input"),
    "mcp_call": ("server_label", "name", "arguments"),
    "mcp_approval_request": ("server_label", "name", "arguments"),
    "mcp_list_tools": ("server_label",),
    "web_search_call": ("action",),
    "file_search_call": ("queries",),
    "code_interpreter_call": ("code",),
    "image_generation_call": ("result",),
    "shell_call": ("action",),
    "local_shell_call": ("action",),
    "apply_patch_call": ("operation",),
    "computer_call": ("action", "actions"),
    "tool_search_call": ("arguments",),
    "program": ("code",),
    "compaction": ("encrypted_content",),
}
_JSON_TEXTS = frozenset({"arguments"})
_MADE_BY_SERVER = frozenset({"id", "call_id", "type", "status", "created_by", "phase", "caller", "agent"})

# Types that a client adds. Of the last three the service makes some itself; those have an id.
_FROM_CLIENT = frozenset(
    {
        "function_call_output",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "apply_patch_call_output",
        "mcp_approval_response",
        "additional_tools",
        "configuration_update",
        "compaction_trigger",
    }
)
_FROM_EITHER = frozenset({"shell_call_output", "tool_search_output", "program_output"})


def is_output(item: Item) -> bool:
    """Return True if an input item was made by a model or the service."""
    type_ = type_of(item)
    if type_ == "message":
        return item.get("role") == "assistant"
    if type_ in _FROM_EITHER:
        return isinstance(item.get("id"), str)
    return type_ not in _FROM_CLIENT


def calls_of(item: Item) -> str | None:
    """Return the id of the call that an item answers: its `call_id` or `approval_request_id`; None if it is
    no output of a client."""
    if is_output(item):
        return None
    id_ = item.get("approval_request_id" if type_of(item) == "mcp_approval_response" else "call_id")
    return id_ if isinstance(id_, str) else None


def ids_of(item: Item) -> list[str]:
    """Return the ids that identify an output item."""
    return [id_ for name in ("id", "call_id") if isinstance(id_ := item.get(name), str) and id_]


def signature(item: Item) -> Signature | None:
    """Return what stays the same of an output item; None if nothing of it identifies it."""
    try:
        return _signature(item, type_of(item))
    except RecursionError:  # no item nested so deeply was ever recorded
        return None


def _signature(item: Item, type_: str) -> Signature | None:
    if type_ == "message":
        text = clean(text_of(item))
        return ("message", text) if text else None
    if type_ == "reasoning":
        text = "".join(
            text_of({"content": item.get(name)}) for name in ("summary", "content") if item.get(name)
        )
        return ("reasoning", clean(text)) if text.strip() else None
    if type_ == "item_reference":
        return None
    if type_ in _SALIENT:
        values = [_shown(name, item.get(name)) for name in _SALIENT[type_]]
        return (type_, *values) if any(values) else None
    rest = {name: value for name, value in item.items() if name not in _MADE_BY_SERVER}
    return (type_, stable(rest)) if rest and type_ in ITEM_TYPES else None


def clean(text: str) -> str:
    """Return a text in NFC, with LF as line end, and without spaces around it."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.replace("\r\n", "\n").strip()


def stable(value: Any) -> str:
    """Return JSON text that is the same for equal values: keys sorted, 1.0 as 1, null members left out."""
    return dumps(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) < 1e15:
            return int(value)
        case dict():
            return {key: _plain(value[key]) for key in sorted(value) if value[key] is not None}
        case list():
            return [_plain(one) for one in value]
        case _:
            return value


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _JSON_TEXTS and isinstance(value, str):
        try:
            return stable(loads(value))
        except ValueError:
            return clean(value)
    return clean(value) if isinstance(value, str) else stable(value)
