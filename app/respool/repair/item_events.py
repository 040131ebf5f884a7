"""ItemEvents: an output item with the places of its events in a stream, and its known content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from respool.errors import RecordingError
from respool.protocol.event_types import EVENT_TYPES, EventType
from respool.protocol.events import Event, dumps
from respool.protocol.snapshot import fold
from respool.repair.damaged_stream import JSON, DamagedStream, integer

ADDED = "response.output_item.added"
DONE = "response.output_item.done"

# The fields, beside type and id, of an item that has lost its `added` event. Other types also need a name, a
# label or arguments.
_MINIMAL: Mapping[str, JSON] = {
    "message": {"status": "in_progress", "content": [], "role": "assistant"},
    "reasoning": {"summary": []},
    "web_search_call": {"status": "in_progress"},
    "file_search_call": {"status": "in_progress", "queries": [], "results": None},
    "image_generation_call": {"status": "in_progress"},
}

# Items that are complete when they are added.
_WHOLE_WHEN_ADDED = frozenset({"mcp_approval_request", "tool_search_output", "function_call_output"})

# The event that completes an item.
_WHOLE_BY: Mapping[str, str] = {
    "function_call": "response.function_call_arguments.done",
    "custom_tool_call": "response.custom_tool_call_input.done",
    "code_interpreter_call": "response.code_interpreter_call_code.done",
    "apply_patch_call": "response.apply_patch_call_operation_diff.done",
}


@dataclass(slots=True, eq=False)
class ItemEvents:
    """An output item and the places of its events."""

    type: str | None
    index: int | None  # its output_index; llama.cpp gives none
    id: str | None
    places: list[int] = field(default_factory=list)  # of its events
    value: JSON | None = None  # the final item, if an event has it

    @property
    def name(self) -> str:
        """The name for messages: type and id, or type and index."""
        label = f" {self.id}" if self.id else "" if self.index is None else f" {self.index}"
        return f"{self.type or 'item'}{label}"


def find_items(stream: DamagedStream) -> list[ItemEvents]:
    """Return the items of a stream in order, including those that only the final response has."""
    items: list[ItemEvents] = []
    known: dict[object, ItemEvents] = {}
    for place, event in enumerate(stream.events):
        row = EVENT_TYPES.get(event.type)
        if row is None or not row.of_item:
            continue
        data = stream.data[place]
        index, name = integer(data.get("output_index")), _name(data)
        keys = (name,) if index is None and name else (None,) if index is None else ((index, name), index)
        item = None if event.type == ADDED else next((known[key] for key in keys if key in known), None)
        if item is None:
            item = ItemEvents(_type(row, data), index, _id(data))
            items.append(item)
            known |= dict.fromkeys(((index, name), index, name, None), item)
        item.places.append(place)
        if event.type == DONE and isinstance(data.get("item"), dict):
            item.value = data["item"]
            item.type = item.type or item.value.get("type")
    return _adopt(sorted(items, key=lambda item: item.index or 0), _final_output(stream))


def _final_output(stream: DamagedStream) -> Sequence[JSON]:
    response = stream.data[stream.end].get("response") if stream.end < stream.size else None
    output = response.get("output") if isinstance(response, dict) else None
    return [value for value in output if isinstance(value, dict)] if isinstance(output, list) else []


def _adopt(items: Sequence[ItemEvents], output: Sequence[JSON]) -> list[ItemEvents]:
    """Return the items in the order of the final response and completed from it. Items that have lost all
    their events are added."""
    counted = any(item.index is not None for item in items)
    found: list[ItemEvents] = []
    named: dict[str, ItemEvents] = {}
    placed: dict[int, list[ItemEvents]] = {}
    for place, item in enumerate(items):
        placed.setdefault(place if item.index is None else item.index, []).append(item)
        if item.id is not None:
            named.setdefault(item.id, item)
    adopted: set[int] = set()  # the items in `found`, by identity
    for number, value in enumerate(output):
        own = value.get("id")
        by_place = (
            one
            for one in placed.get(number, ())
            if one.type in (None, value.get("type")) and id(one) not in adopted
        )
        by_id = named.get(own) if isinstance(own, str) else None
        item = (
            by_id or next(by_place, None) or ItemEvents(value.get("type"), number if counted else None, own)
        )
        item.type = item.type or value.get("type")
        item.value = item.value or value
        found.append(item)
        adopted.add(id(item))
    return [*found, *(item for item in items if id(item) not in adopted)]


def folded(stream: DamagedStream, item: ItemEvents) -> JSON:
    """Return an item, folded from its own events. Raise RecordingError if they do not suffice."""
    events = [stream.events[place] for place in item.places]
    if not events:
        raise RecordingError(f"cannot be repaired: no event belongs to {item.name}")
    if events[0].type != ADDED and item.type in _MINIMAL:
        begun = {"id": item.id, "type": item.type, **_MINIMAL[str(item.type)]}
        index = {} if item.index is None else {"output_index": item.index}
        events.insert(0, Event(dumps({"type": ADDED, "item": begun, **index}), ADDED))
    output: list[JSON] = fold(events).get("output") or []
    if events[0].type != ADDED or not output:
        raise RecordingError(f"cannot be repaired: no sound event says how {item.name} began")
    return output[0]


def is_whole(stream: DamagedStream, item: ItemEvents, *, last: bool) -> bool:
    """Return True if the final content of an item is known."""
    if item.value is not None:
        return True
    types = {stream.events[place].type for place in item.places}
    if item.type in _WHOLE_WHEN_ADDED:
        return ADDED in types
    if last_event := _WHOLE_BY.get(str(item.type)):
        return last_event in types
    parts: dict[tuple[str, int | None], bool] = {}
    for place in item.places:
        event = stream.events[place]
        if index := EVENT_TYPES[event.type].index:
            key = (index, integer(stream.data[place].get(index)))
            parts[key] = parts.get(key, False) or event.type.endswith(".done")
    return all(parts.values()) and (bool(parts) or (item.type == "reasoning" and not last))


def _type(row: EventType, data: JSON) -> str | None:
    item = data.get("item")
    if isinstance(item, dict) and isinstance(item.get("type"), str):
        return str(item["type"])
    if len(row.items) == 1:
        return next(iter(row.items))
    part = data.get("part")
    kind = part.get("type") if isinstance(part, dict) else None
    return "reasoning" if kind == "reasoning_text" else "message" if row.items else None


def _id(data: JSON) -> str | None:
    item = data["item"] if isinstance(data.get("item"), dict) else {}
    ids = (data.get("item_id"), item.get("id"))
    return next((one for one in ids if isinstance(one, str)), None)


def _name(data: JSON) -> str | None:
    """Return the identifier of an item in its events: its id, or its call_id, which llama.cpp sends."""
    item = data["item"] if isinstance(data.get("item"), dict) else {}
    call_id = item.get("call_id")
    return _id(data) or (call_id if isinstance(call_id, str) else None)
