"""Snapshot: the Response object at any point of a stream, folded from its events.

``GET /v1/responses/{id}`` returns the current one, and a create without stream the last one. Folding never
fails: an event that makes no sense changes nothing. The checker finds illegal streams.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from respool.protocol.events import TERMINAL_TYPES, Event

JSON = dict[str, Any]

# Text that grows by ``.delta`` events and is set by the ``.done`` event: its place, and its field in both the
# object and the ``.done`` event.
_TEXTS: Mapping[str, tuple[str, str]] = {
    "response.output_text": ("output_text", "text"),
    "response.refusal": ("refusal", "refusal"),
    "response.reasoning_text": ("reasoning_text", "text"),
    "response.reasoning": ("reasoning_text", "text"),  # Open Responses
    "response.reasoning_summary_text": ("summary_text", "text"),
    "response.function_call_arguments": ("item", "arguments"),
    "response.mcp_call_arguments": ("item", "arguments"),
    "response.custom_tool_call_input": ("item", "input"),
    "response.code_interpreter_call_code": ("item", "code"),
    "response.apply_patch_call_operation_diff": ("operation", "diff"),
}

# The start of a part that gets text before it was added: some producers leave that event out.
_EMPTY_PARTS: Mapping[str, JSON] = {
    "output_text": {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
    "refusal": {"type": "refusal", "refusal": ""},
    "reasoning_text": {"type": "reasoning_text", "text": ""},
    "summary_text": {"type": "summary_text", "text": ""},
}

_PARTS: Mapping[str, tuple[str, str]] = {
    "response.content_part": ("content", "content_index"),
    "response.reasoning_part": ("content", "content_index"),  # vLLM
    "response.reasoning_summary_part": ("summary", "summary_index"),
}

_TOOL_STATUSES = frozenset(
    {"in_progress", "searching", "interpreting", "generating", "calling", "completed", "incomplete", "failed"}
)


def fold(events: Iterable[Event]) -> JSON:
    """Return the Response object after these events: ``{}`` before the first event with a part of it."""
    snapshot = Snapshot()
    for event in events:
        snapshot.receive(event)
    return snapshot.response


class Snapshot:
    """Folds a stream one event at a time. `response` is the object at this point; do not change it.

    It may begin with a Response object that was retrieved while the response was in progress, and continue
    with the events after it.
    """

    def __init__(self, response: Mapping[str, Any] | None = None) -> None:
        self.response: JSON = _copy(response or {})
        # The newest item of each output_index, of each id, of both, and of all (None): Ollama gives two
        # items one index, llama.cpp gives none, Copilot gives an item another id in each event.
        self._items: dict[object, JSON] = {}
        output = self.response.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict):
                self._keep(item, index, _item_id({"item": item}))

    def receive(self, event: Event) -> None:
        """Take in the next event."""
        data = event.data
        subject, _, change = event.type.rpartition(".")
        if subject == "response":
            if isinstance(response := data.get("response"), dict):
                self._receive_response(response, event.type)
        elif event.type == "error":
            details = data["error"] if isinstance(data.get("error"), dict) else data
            self.response["status"] = "failed"
            self.response["error"] = {"code": details.get("code"), "message": details.get("message")}
        elif subject == "response.output_item":
            if isinstance(item := data.get("item"), dict):
                self._receive_item(item, change, data)
        elif (known := self._item(data)) is not None:
            _receive_change(known, subject, change, data)

    def _receive_response(self, response: JSON, type: str) -> None:
        items = self.response.get("output")
        self.response = _copy(response)
        # Before the end the service sends no output, and the ChatGPT backend not even then. A failed
        # response has none.
        if items and not response.get("output") and type != "response.failed":
            self.response["output"] = items
        elif type in TERMINAL_TYPES:
            self._items.clear()

    def _receive_item(self, item: JSON, change: str, data: JSON) -> None:
        known = self._item(data)
        if change == "done" and known is not None and known.get("type") == item.get("type"):
            known.clear()
            known.update(_copy(item))
        elif change in ("added", "done"):
            if not isinstance(self.response.get("output"), list):
                self.response["output"] = []
            added = _copy(item)
            self.response["output"].append(added)
            self._keep(added, _index(data, "output_index"), _item_id(data))

    def _keep(self, item: JSON, index: int | None, item_id: str | None) -> None:
        self._items |= dict.fromkeys(((index, item_id), index, item_id, None), item)

    def _item(self, data: JSON) -> JSON | None:
        index, item_id = _index(data, "output_index"), _item_id(data)
        keys = (item_id, None) if index is None else ((index, item_id), index)
        return next((self._items[key] for key in keys if key in self._items), None)


def _receive_change(item: JSON, subject: str, change: str, data: JSON) -> None:
    if subject in _PARTS:
        if change in ("added", "done"):
            _put(item, *_PARTS[subject], data, data.get("part"), known=change == "done")
    elif subject in _TEXTS:
        _receive_text(item, *_TEXTS[subject], change, data)
    elif subject == "response.output_text.annotation" and change == "added":
        annotated = _part(item, "output_text", data)
        _put(annotated, "annotations", "annotation_index", data, data.get("annotation"))
    elif subject == "response.shell_call_command":
        _receive_command(item, change, data)
    elif subject == "response.shell_call_output_content":
        _receive_output(item, change, data)
    elif subject == f"response.{item.get('type')}" and change in _TOOL_STATUSES and "status" in item:
        item["status"] = change


def _receive_text(item: JSON, kind: str, field: str, change: str, data: JSON) -> None:
    text = data.get({"delta": "delta", "done": field}.get(change, ""))
    if not isinstance(text, str):
        return
    if kind == "item":
        holder: Any = item
    elif kind == "operation":
        holder = item.setdefault("operation", {})
    else:
        holder = _part(item, kind, data)
    if not isinstance(holder, dict):
        return
    holder[field] = _text(holder.get(field)) + text if change == "delta" else text
    if kind == "output_text" and isinstance(logprobs := data.get("logprobs"), list) and logprobs:
        known = holder.get("logprobs") if change == "delta" else None
        holder["logprobs"] = [*(known if isinstance(known, list) else []), *logprobs]


def _part(item: JSON, kind: str, data: JSON) -> JSON:
    """Return the part of an event; begin it if it was not added before."""
    field = "summary" if kind == "summary_text" else "content"
    parts = item.get(field)
    if not isinstance(parts, list):
        parts = item[field] = []
    index = _index(data, f"{field}_index")
    if index is None:
        index = max(0, len(parts) - 1)
    if index == len(parts):
        parts.append(_copy(_EMPTY_PARTS[kind]))
    part: JSON = parts[index] if index < len(parts) and isinstance(parts[index], dict) else {}
    return part


def _put(holder: JSON, field: str, index_name: str, data: JSON, value: Any, *, known: bool = False) -> None:
    """Set one element of a list, or append it. Without an index: append, or set the last one if it is
    `known`."""
    values = holder.get(field)
    if not isinstance(values, list):
        values = holder[field] = []
    index = _index(data, index_name)
    if index is None:
        index = max(0, len(values) - 1) if known else len(values)
    if value is not None and index <= len(values):
        values[index : index + 1] = [_copy(value)]


def _receive_command(item: JSON, change: str, data: JSON) -> None:
    action = item.setdefault("action", {})
    commands = action.setdefault("commands", []) if isinstance(action, dict) else None
    index = _index(data, "command_index")
    if not isinstance(commands, list) or index is None or index > len(commands):
        return
    if index == len(commands):
        commands.append("")
    if change == "delta":
        commands[index] = _text(commands[index]) + _text(data.get("delta"))
    elif isinstance(command := data.get("command"), str):
        commands[index] = command


def _receive_output(item: JSON, change: str, data: JSON) -> None:
    outputs = item.setdefault("output", [])
    index, delta = _index(data, "command_index"), data.get("delta")
    if not isinstance(outputs, list) or index is None or index > len(outputs):
        return
    if change == "done" and isinstance(output := data.get("output"), list):
        outputs[index : index + 1] = _copy(output)
    elif change == "delta" and isinstance(delta, dict):
        if index == len(outputs):
            outputs.append({})
        if isinstance(known := outputs[index], dict):
            for stream in ("stdout", "stderr"):
                known[stream] = _text(known.get(stream)) + _text(delta.get(stream))


class GrowingSnapshot:
    """The Response object after the first events of a stream. Asked for more of them, it folds only those."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._count = 0

    def upto(self, events: Sequence[Event], count: int, passed_over: Set[int]) -> Mapping[str, Any]:
        """Return the Response object after the first `count` events, without those at the places
        `passed_over`."""
        if count < self._count:
            self._snapshot, self._count = Snapshot(), 0
        for place, event in enumerate(events[self._count : count], start=self._count):
            if place not in passed_over:
                self._snapshot.receive(event)
        self._count = min(count, len(events))
        return self._snapshot.response


def _index(data: JSON, name: str) -> int | None:
    value = data.get(name)
    return value if type(value) is int and value >= 0 else None


def _item_id(data: JSON) -> str | None:
    """Return the id of an event's item. llama.cpp sends a function call's call_id instead."""
    item = data["item"] if isinstance(data.get("item"), dict) else {}
    ids = (data.get("item_id"), item.get("id"), item.get("call_id"))
    return next((name for name in ids if isinstance(name, str)), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _copy(value: Any) -> Any:
    """Return a deep copy. For values from JSON, JSON itself is the fastest way."""
    return json.loads(json.dumps(value))
