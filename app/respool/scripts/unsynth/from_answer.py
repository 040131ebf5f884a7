"""A saved Response object in, the events of a stream that ends with it out.

Each output item is written as a Script would write it. If that gives another item, or there is no step for
it, the item is added and done unchanged. The last event has the saved object.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from respool.protocol.events import Event, compact_recorded
from respool.protocol.snapshot import fold
from respool.scripts import ScriptError, Turn, read
from respool.scripts.synth import expand_turn
from respool.scripts.unsynth import to_fields
from respool.scripts.unsynth.likeness import same_item

JSON = dict[str, Any]

_ADDED, _DONE = "response.output_item.added", "response.output_item.done"
_ENDS = {"completed": "completed", "failed": "failed", "incomplete": "incomplete", "cancelled": "failed"}
# Fields that a response has only at its end.
_IN_THE_END: Mapping[str, Any] = {
    "completed_at": None,
    "error": None,
    "incomplete_details": None,
    "usage": None,
}
# Errors of reading and writing an item of another shape than the API's.
_ODD = (ScriptError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)


def events_of(response: Mapping[str, Any]) -> tuple[Event, ...] | None:
    """Return the events of a stream with this final response; None if it has not ended."""
    status = response.get("status") or "completed"
    end = _ENDS.get(status) if isinstance(status, str) else None
    if end is None:
        return None
    not_yet = {name: None for name in _IN_THE_END if name in response}
    begun = {**response, **not_yet, "status": "in_progress", "output": []}
    if begun.get("service_tier") == "default":  # the service only sends it at the end
        begun["service_tier"] = "auto"
    events: list[JSON] = [
        {"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")
    ]
    output = response.get("output")
    for index, item in enumerate(output if isinstance(output, list) else ()):
        if isinstance(item, dict):
            events += _item_events(item, index)
    events.append({"type": f"response.{end}", "response": dict(response)})
    return tuple(
        Event(compact_recorded({**data, "sequence_number": number}), data["type"])
        for number, data in enumerate(events)
    )


def _item_events(item: JSON, index: int) -> Iterator[JSON]:
    try:
        written = _as_a_step(item) if isinstance(item.get("id"), str) and item["id"] else None
    except _ODD:
        written = None
    for event in written or ({"type": _ADDED, "item": item}, {"type": _DONE, "item": item}):
        whole = {"item": item} if event["type"] == _DONE else {}
        yield {**event, **whole, "output_index": index}


def _as_a_step(item: JSON) -> Sequence[JSON] | None:
    fields = to_fields.fields(item, ())
    if fields is None:
        return None
    step = read({"output": [{item["type"]: fields}]}).turns[0].steps[0]
    events = [one.event for one in expand_turn(Turn((step,)), "answer").events[2:-1]]
    output = fold(events).get("output")
    if len(output or ()) != 1 or not same_item(output[0], item):  # type: ignore[index]
        return None
    return [event.data for event in events]
