"""The events of a stream in, steps out: one for each item, or one for each event."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from respool.protocol.snapshot import fold
from respool.scripts import End, ScriptError, Step, Turn, read
from respool.scripts.synth import Written, expand_turn
from respool.scripts.unsynth import to_fields
from respool.scripts.unsynth.likeness import final_response, same_item

JSON = dict[str, Any]

_ADDED, _DONE = "response.output_item.added", "response.output_item.done"
_NAME = "unsynth"


class RecordedStream:
    """A turn's parsed events, and the items and response folded from them."""

    def __init__(self, written: Sequence[Written]) -> None:
        self.written = written
        self.types = [it.event.type for it in written]
        self.events: list[JSON] = [{"type": it.event.type, **it.event.data} for it in written]
        self.final = final_response([it.event for it in written])


@dataclass(frozen=True, slots=True)
class ScriptPiece:
    """A step, and the events that it gives: those from `start` up to `stop`."""

    step: Step
    start: int
    stop: int


def parts(
    stream: RecordedStream, turn: Turn, named: Collection[str], *, literally: bool
) -> Iterator[ScriptPiece]:
    """Yield the steps of a stream, between its first events and its end; `literally`: one for each event."""
    at = 3 if stream.types[1:2] == ["response.queued"] else 2
    stop = len(stream.events) - _events_of(turn.end)
    while at < stop:
        part = None if literally else _item(stream, turn, named, at, stop)
        part = part or ScriptPiece(_literal(stream.events[at], at), at, at + 1)
        yield part
        at = part.stop


def _events_of(end: End) -> int:
    return 0 if end.cut else 2 if end.error is not None and end.failed is not None else 1


def _literal(event: JSON, number: int) -> Step:
    counted = event.get("sequence_number") == number
    return Step("event", {name: event[name] for name in event if name != "sequence_number" or not counted})


def _item(
    stream: RecordedStream, turn: Turn, named: Collection[str], start: int, limit: int
) -> ScriptPiece | None:
    """Return the step of the item that opens at `start`; None if only its events can describe it."""
    stop = _stop(stream.events, start, limit, turn)
    if stop is None:
        return None
    events = stream.events[start:stop]
    item = events[-1].get("item") if events[-1]["type"] == _DONE else _open_item(stream.written[start:stop])
    if not isinstance(item, dict):
        return None
    last = turn.end.incomplete is not None and stop == limit
    probe = Turn(deltas=turn.deltas, end=turn.end if last else End())
    sure_of_status = last or turn.end.incomplete is None
    for name, fields in _candidates(item, events, named, sure_of_status):
        try:
            step = _read(name, fields)
            made = expand_turn(Turn((step,), end=probe.end, deltas=probe.deltas), _NAME).events[2:-1]
        except ScriptError:
            continue
        own = [it.event for it in made[: len(events)]]
        output = fold(own).get("output")
        if (
            [event.type for event in own] == stream.types[start:stop]
            and output
            and same_item(output[0], item)
        ):
            return ScriptPiece(step, start, stop)
    return None


def _stop(events: Sequence[JSON], start: int, limit: int, turn: Turn) -> int | None:
    """Return the place after the item that opens at `start`; None if other events are in between."""
    if events[start]["type"] != _ADDED:
        return None
    index = events[start].get("output_index")
    for at in range(start + 1, limit):
        event = events[at]
        if event.get("output_index") != index or event["type"] == _ADDED:
            return None
        if event["type"] == _DONE:
            return at + 1
    return limit if turn.end.cut else None


def _open_item(written: Sequence[Written]) -> Any:
    """Return the known part of an item that is cut with the stream."""
    output = fold(it.event for it in written).get("output")
    return output[0] if output else None


def _candidates(
    item: JSON, events: Sequence[JSON], named: Collection[str], sure_of_status: bool
) -> Iterator[tuple[str, JSON]]:
    """Yield candidates for the step, the shortest first. Status and deltas are included only if needed."""
    fields = to_fields.fields(item, events)
    if fields is not None:
        status = {"status": fields.pop("status")} if "status" in fields else {}
        if not is_named(fields.get("id"), named):
            fields.pop("id", None)
        deltas = {"deltas": [len(event["delta"]) for event in events if isinstance(event.get("delta"), str)]}
        for cut, state in product(({}, deltas), ({}, status) if sure_of_status else (status,)):
            yield item["type"], {**fields, **state, **cut}
    if events[0].get("item") == item and isinstance(item.get("type"), str):
        yield "item", item


def is_named(id: Any, named: Collection[str]) -> bool:
    """Return True if something refers to this id, so that it must stay."""
    return isinstance(id, str) and id in named


def _read(name: str, fields: JSON) -> Step:
    return read({"output": [{name: fields}]}).turns[0].steps[0]
