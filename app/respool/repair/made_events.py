"""The content of made events, in the style of the recorded ones."""

import json
import string
from collections.abc import Iterable, Mapping
from typing import Any

from respool.check.json_values import at_path
from respool.protocol.event_types import EVENT_TYPES
from respool.protocol.events import Event
from respool.repair.damaged_stream import JSON, DamagedStream, integer

_PADDING = string.ascii_letters + string.digits
_BLOCK = 16  # the length of a delta and its obfuscation together is a multiple of this

_DROP = object()

# The fields of an item that are empty or absent when it is added. A dotted name is a field of an object.
_NOT_YET: Mapping[str, JSON] = {
    "message": {"content": []},
    "reasoning": {"summary": [], "content": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "web_search_call": {"action": _DROP},
    "file_search_call": {"queries": [], "results": None},
    "code_interpreter_call": {"code": "", "outputs": None},
    "image_generation_call": dict.fromkeys(
        ("result", "revised_prompt", "size", "quality", "background", "output_format", "action"), _DROP
    ),
    "mcp_list_tools": {"tools": [], "error": None},
    "mcp_call": {"arguments": "", "output": None, "error": None},
    "local_shell_call": {"action.command": []},
    "shell_call": {"action.commands": []},
    "shell_call_output": {"output": []},
    "apply_patch_call": {"operation.diff": ""},
    "tool_search_call": {"arguments": {}},
    "program": {"code": ""},
    "program_output": {"result": ""},
}

_EMPTY: JSON = {"text": "", "refusal": "", "annotations": [], "logprobs": []}


def skeleton(value: JSON) -> JSON:
    """Return an item as its `added` event has it, made from the final item."""
    type_ = str(value.get("type"))
    added = dict(value)
    for name, empty in _NOT_YET.get(type_, {}).items():
        outer, _, inner = name.partition(".")
        if not inner and outer in added:
            added[outer] = empty
        elif isinstance(held := added.get(outer), dict) and inner in held:
            added[outer] = {**held, inner: empty}
    # The output of a tool is completed when it is added.
    if "status" in added and (not type_.endswith("_output") or type_ == "tool_search_output"):
        added["status"] = "in_progress"
    return {name: one for name, one in added.items() if one is not _DROP}


def empty_part(part: JSON) -> JSON:
    """Return a part as its `added` event has it, made from the final part."""
    return {name: _EMPTY.get(name, value) for name, value in part.items()}


class Style:
    """The style of a stream's events: the order of their keys, and the optional keys that are sent."""

    def __init__(self, stream: DamagedStream) -> None:
        self._numbered = stream.numbered
        self._keys: dict[str, Iterable[str]] = {}  # event type: its keys, in order
        self._order: dict[str, None] = {}  # all keys, in order
        self._orders: dict[tuple[str, ...], list[str]] = {}  # made event's type and keys: its keys in order
        self._types = {event.type for event in stream.events}
        self._padding: set[bool] = set()  # True: an event has an empty obfuscation; False: a filled one
        self._changing = _ids_change(stream)
        self._made = 0
        for event, data in zip(stream.events, stream.data, strict=True):
            self._keys[event.type] = data.keys()
            self._order |= dict.fromkeys(data)
            if "obfuscation" in data:
                self._padding.add(not data["obfuscation"])

    def fields(self, type: str, known: Mapping[str, Any]) -> JSON:
        """Return the fields of an event: the `known` ones that events of its type have."""
        row = EVENT_TYPES[type]
        seen = self._keys.get(type)
        return {
            name: known[name]
            for name in (*row.required, *row.optional)
            if known.get(name) is not None and (name != "logprobs" or seen is None or name in seen)
        }

    def step(self, type: str) -> str:
        """Return the event type that this stream's producer uses for a step."""
        for ours, theirs in _SYNONYMS:
            if type.startswith(ours) and any(other.startswith(theirs) for other in self._types):
                return type.replace(ours, theirs)
        return type

    def event(self, type: str, fields: JSON, number: int | None) -> Event:
        """Return an event with these fields."""
        data = {"type": type, **fields}
        if self._numbered:
            data["sequence_number"] = number
        if "obfuscation" in EVENT_TYPES[type].optional and self._padding:
            padding = "" if self._padding == {True} else _PADDING[: -len(fields["delta"]) % _BLOCK]
            data["obfuscation"] = padding
        if self._changing:
            data = self._with_other_ids(data)
        names = (type, *data)
        if (order := self._orders.get(names)) is None:
            order = self._orders[names] = self._order_of(type, data)
        return Event(compact({name: data[name] for name in order}), type)

    def _order_of(self, type: str, data: JSON) -> list[str]:
        """Return the order of an event's keys."""
        alike = (keys for keys in self._keys.values() if set(keys) == set(data))
        like = self._keys.get(type) or next(alike, ())
        return [name for name in dict.fromkeys([*like, *self._order, *data]) if name in data]

    def _with_other_ids(self, data: JSON) -> JSON:
        """Return the event with ids that no other event has, as GitHub Copilot sends them."""
        self._made += 1
        changed = {name: f"{one}.{self._made}" if name == "item_id" else one for name, one in data.items()}
        for name in ("item", "response"):
            if isinstance(held := data.get(name), dict) and isinstance(held.get("id"), str):
                changed[name] = {**held, "id": f"{held['id']}.{self._made}"}
        return changed


def _ids_change(stream: DamagedStream) -> bool:
    """Return True if each event of an item has another id, as GitHub Copilot sends them."""
    ids: dict[int | None, list[str]] = {}
    for data in stream.data:
        name = data.get("item_id") or at_path(data, ("item", "id")) or at_path(data, ("response", "id"))
        if isinstance(name, str):
            ids.setdefault(integer(data.get("output_index")), []).append(name)
    several = [names for names in ids.values() if len(names) > 1]
    return bool(several) and all(len({*names}) == len(names) for names in several)


# Prefixes of event types: OpenAI's, and that of Open Responses.
_SYNONYMS = (("response.reasoning_text.", "response.reasoning."),)


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact(value: Any) -> str:
    """Return JSON text as the service writes it: without spaces, lone surrogates escaped."""
    text = _compact.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text
