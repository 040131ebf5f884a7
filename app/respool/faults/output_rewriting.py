"""Rewriting an answer for another output.

Rule 1. The stream stays legal: added, parts, deltas, done, the item and the Response object agree, and
sequence numbers rise by one.

Rule 2. Unchanged events keep their bytes, except for `output_index` and `sequence_number` where they move. A
changed item is written by `scripts.synth`, at the moments of the one that it replaces.

Rule 3. A stream of another shape than the service's is not changed.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from respool.faults.frame import Action, Frame
from respool.faults.output_items import Output, OutputItem
from respool.faults.places import PlaceLike, spotted
from respool.faults.rewriting import NUMBER, carrying, numbered
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import ENDING_TYPES, TERMINAL_TYPES, Event, compact_recorded, loads
from respool.protocol.members import set_members
from respool.protocol.rewrite import edit_response
from respool.scripts import Turn
from respool.scripts.synth.item_writers import ITEMS
from respool.scripts.synth.writer import Chance, Writer

_ADDED, _DONE = "response.output_item.added", "response.output_item.done"
_SHORT = 20_000  # characters; a longer text is sent as a thousand deltas


Change = Callable[[Output], Sequence[OutputItem]]


def rewrite_output(frames: Iterable[Frame], at: PlaceLike, rng: Random, change: Change) -> Iterator[Frame]:
    """Return an answer with the output that `change` returns. An answer of another shape is not changed."""
    whole = list(frames)
    head = next((frame.head for frame in whole if frame.head), None)
    if head is None or head.status != 200:
        return iter(whole)
    writer = _ItemWriter(rng)
    try:
        return iter(
            _rewrite_stream(whole, at, writer, change)
            if head.stream
            else _rewrite_body(whole, writer, change)
        )
    except (_OtherShape, ValueError, RecursionError):  # also for numbers that JSON does not have
        return iter(whole)


class _OtherShape(Exception):
    """The shape of the answer is not the service's."""


class _ItemWriter:
    """Writes items as the service does."""

    def __init__(self, rng: Random) -> None:
        self._seed = rng.getrandbits(63)
        self._written = 0

    def write(
        self, item: OutputItem, added: Mapping[str, Any], *, obfuscation: bool = False
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the events of an item, without their sequence numbers, and the finished item.

        `added` is the item in the `added` event of the sound answer.
        """
        self._written += 1
        step, given = _step(item)
        longest = max((len(text) for text in _texts(item)), default=0)
        deltas: str | int = "tokens" if longest <= _SHORT else longest // 1000
        turn = Turn(deltas=deltas, obfuscation=obfuscation)
        writer = Writer(turn, Chance(self._seed, "model", self._written))
        ITEMS[step](writer, given)
        events = [written.event.data for written in writer.written]
        done = {**item.value, **writer.output[-1]}
        for event in events:
            del event[NUMBER]
            if event["type"] == _ADDED:
                event["item"] = {**added, **event["item"]}
            elif event["type"] == _DONE:
                event["item"] = done
        return events, done


def _texts(item: OutputItem) -> Iterator[str]:
    yield item.text or ""
    yield str(item.value.get("arguments", ""))


def _step(item: OutputItem) -> tuple[str, dict[str, Any]]:
    """Return the name and the fields of the Script step that gives an item."""
    value = item.value
    match item.type:
        case "message":
            given = {"content": tuple(_part(part) for part in value.get("content", ()))}
        case "function_call":
            names = ("name", "arguments", "call_id", "caller", "namespace")
            given = {name: value[name] for name in names if name in value}
        case _:
            return "item", dict(value)
    return item.type, given | {
        name: value[name] for name in ("id", "status") if isinstance(value.get(name), str)
    }


def _part(part: Any) -> tuple[str, Any]:
    match part:
        case {"type": "refusal", "refusal": str(refusal)}:
            return "refusal", refusal
        case {"type": "output_text", "text": str(text)}:
            return "output_text", {"text": text}
        case _:
            raise _OtherShape


# Answers without stream


def _rewrite_body(frames: Sequence[Frame], writer: _ItemWriter, change: Change) -> list[Frame]:
    try:
        body = loads(b"".join(frame.data for frame in frames).decode())
    except ValueError:
        raise _OtherShape from None
    if not isinstance(body, dict) or not isinstance(output := body.get("output"), list):
        raise _OtherShape
    items = [OutputItem(item if isinstance(item, dict) else {}, place) for place, item in enumerate(output)]
    changed = change(Output(items, _tools(body)))
    if list(changed) == items:
        return list(frames)
    body["output"] = [
        output[item.origin]
        if item.origin is not None and item is items[item.origin]
        else writer.write(item, {})[1]
        for item in changed
    ]
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    parts = iter([data])
    return [replace(frame, data=next(parts, b"")) if frame.data else frame for frame in frames]


def _tools(response: Any) -> list[Mapping[str, Any]]:
    tools = response.get("tools") if isinstance(response, dict) else None
    return [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []


# Streams


@dataclass(slots=True)
class _Recorded:
    """An item of a stream: the places of its frames, and the item in its `added` and `done` events."""

    frames: list[int]
    added: Mapping[str, Any]
    done: Mapping[str, Any] | None = None
    obfuscation: bool = False


def _rewrite_stream(
    frames: Sequence[Frame], at: PlaceLike, writer: _ItemWriter, change: Change
) -> list[Frame]:
    recorded, tools = _read_stream(frames)
    items = [OutputItem(one.done or {}, place) for place, one in enumerate(recorded)]
    spot = next((place for place, (_, here) in enumerate(spotted(frames, at)) if here), len(frames))
    first = sum(one.frames[-1] < spot for one in recorded)
    changed = list(change(Output(items, tools, first)))
    if changed == items:
        return list(frames)
    padded = any(one.obfuscation for one in recorded)
    slots: list[list[Frame]] = [[frame] for frame in frames]
    for one in recorded:
        for place in one.frames:
            slots[place] = []
    ends: list[dict[str, Any] | None] = []  # each finished item; None: it was not rewritten
    last = _start(frames, recorded)
    for index, item in enumerate(changed):
        origin = None if item.origin is None else recorded[item.origin]
        if origin and item is items[item.origin or 0]:
            for place in origin.frames:
                slots[place].append(_at_index(frames[place], index))
            ends.append(None)
        else:
            events, done = writer.write(item, origin.added if origin else {}, obfuscation=padded)
            places = origin.frames if origin else [last]
            for number, event in enumerate(events):
                place = places[number * len(places) // len(events)]
                event["output_index"] = index
                slots[place].append(_frame(frames[place].at, event))
            ends.append(done)
        last = max(last, origin.frames[-1]) if origin else last
    _end(slots, changed, ends, len(items))
    return list(_renumbered(slots))


def _read_stream(frames: Sequence[Frame]) -> tuple[list[_Recorded], list[Mapping[str, Any]]]:
    """Return the items of a stream in the order of their `output_index`, and the tools. Raise _OtherShape."""
    found: dict[int, _Recorded] = {}
    tools: list[Mapping[str, Any]] = []
    for place, frame in enumerate(frames):
        if frame.event is None:
            continue
        data, type_ = frame.event.data, frame.event.type
        tools = tools or _tools(data.get("response"))
        index = data.get("output_index")
        if type(index) is not int:
            if type_ in (_ADDED, _DONE):
                raise _OtherShape
            continue
        item = data.get("item")
        if type_ == _ADDED:
            if index in found or not isinstance(item, dict):
                raise _OtherShape
            found[index] = _Recorded([], item)
        one = found.get(index)
        if one is None or one.done is not None:
            raise _OtherShape
        one.frames.append(place)
        one.obfuscation = one.obfuscation or "obfuscation" in data
        if type_ == _DONE:
            if not isinstance(item, dict):
                raise _OtherShape
            one.done = item
    if sorted(found) != list(range(len(found))):
        raise _OtherShape
    return [found[index] for index in sorted(found)], tools


def _start(frames: Sequence[Frame], recorded: Sequence[_Recorded]) -> int:
    """Return the place of the frame after which a new first item is inserted."""
    if recorded:
        return min(one.frames[0] for one in recorded) - 1
    ends = (
        place
        for place, frame in enumerate(frames)
        if frame.action is not Action.SEND or (frame.event and frame.event.type in ENDING_TYPES)
    )
    return next(ends, len(frames)) - 1


def _at_index(frame: Frame, index: int) -> Frame:
    assert frame.event
    text = set_members(frame.event.text, {"output_index": index})
    return frame if text == frame.event.text else carrying(frame, Event(text, frame.event.type))


def _frame(at: float, data: Mapping[str, Any]) -> Frame:
    event = Event(compact_recorded({"type": data["type"], **data}), data["type"])
    return Frame(at, encode_sse(event), event=event)


def _end(
    slots: list[list[Frame]], changed: Sequence[OutputItem], ends: Sequence[dict[str, Any] | None], count: int
) -> None:
    """Put the new output into the event that ends the response, if it has an output."""
    for slot in slots:
        for number, frame in enumerate(slot):
            if frame.event is None or frame.event.type not in TERMINAL_TYPES:
                continue
            response = frame.event.data.get("response")
            output = response.get("output") if isinstance(response, dict) else None
            if not isinstance(output, list) or len(output) != count:
                continue
            if not output and frame.event.type == "response.failed":
                continue  # the service sends none
            items = [
                output[item.origin or 0] if end is None else end
                for item, end in zip(changed, ends, strict=True)
            ]
            text = edit_response(frame.event.text, {"output": items})
            slot[number] = carrying(frame, Event(text, frame.event.type))


def _renumbered(slots: Iterable[Iterable[Frame]]) -> Iterator[Frame]:
    """Yield the frames with sequence numbers that rise by one, if the first event has one."""
    number: int | None = None
    begun = False
    for slot in slots:
        for frame in slot:
            if frame.event is None:
                yield frame
                continue
            if not begun:
                begun, number = True, frame.event.sequence_number
            if number is None:
                yield frame
            else:
                yield numbered(frame, number) if frame.event.sequence_number != number else frame
                number += 1
