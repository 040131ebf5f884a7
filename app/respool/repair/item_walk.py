"""ItemWalk: goes through the events of an item, and makes the missing ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from respool.check.json_values import at_path
from respool.check.machines import missing
from respool.protocol.delta_texts import TEXTS
from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES, EventKind
from respool.protocol.transitions import PART, MachineState
from respool.repair.damaged_stream import JSON, DamagedStream, Made, integer
from respool.repair.item_events import ADDED, DONE, ItemEvents
from respool.repair.made_events import Style, skeleton
from respool.repair.missing_parts import Lost, PartWalk, lost_of, texts_of, type_of

# Item type: the index field of its parts, and the path of their list.
_PARTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "message": {"content_index": ("content",)},
    "reasoning": {"summary_index": ("summary",), "content_index": ("content",)},
    "shell_call": {"command_index": ("action", "commands")},
    "shell_call_output": {"command_index": ("output",)},
}
_COMMANDS = {"shell_call": "command", "shell_call_output": "command_output"}


class ItemWalk:
    """Makes the missing events of one item; `value` is the final item.

    Events are made only at places where something is wrong: other events that a stream lacks are never sent
    by its producer. The item lies between the places `first` and `last`.
    """

    def __init__(
        self, stream: DamagedStream, style: Style, item: ItemEvents, value: JSON, first: int, last: int
    ) -> None:
        self._stream = stream
        self._style = style
        self._item = item
        self._value = value
        self._first = first
        self._last = last
        self._type = str(value.get("type"))
        # Items of this type, like those of unknown types, are only added and done.
        self._machine = self._type if self._type in ITEM_TYPES else "function_call_output"
        self._state = MachineState.START
        # True if the final item may contradict its events; then any of them may be missing.
        done = next((place for place in item.places if stream.events[place].type == DONE), None)
        self._contradicts = stream.end in stream.suspected if done is None else stream.troubled(done, done)
        self._parts = self._find_parts()
        self._lost: Lost = {}
        for text in texts_of(self._type):
            self._lost |= lost_of(stream, text, item.places, at_path(value, text.path))

    def run(self) -> Iterator[Made]:
        """Yield the events to make, in order, each with its place."""
        before = None
        for place in self._item.places:
            yield from self._placed([*self._missing_before(place)], before, place)
            before = place
        if self._state is not MachineState.CLOSED:
            yield from self._placed([*self._close()], before, None)

    def _placed(self, made: Sequence[Made], after: int | None, before: int | None) -> Sequence[Made]:
        first = self._first if after is None else after + 1
        last = self._last if before is None else before
        if not made or not (self._contradicts or self._stream.troubled(first, last)):
            return ()
        needed = max(1, sum(not one.optional for one in made))
        opens = after is None and before is not None
        default = first if before is None else before
        place = self._stream.take(first, last, needed, latest=opens, default=default)
        for one in made:
            one.at = place
        return made

    def _missing_before(self, place: int) -> Iterator[Made]:
        type_ = self._stream.events[place].type
        index = EVENT_TYPES[type_].index
        way = missing(self._machine, self._state, PART if index else type_)
        if way is None:
            return
        steps, self._state = way
        yield from self._steps(steps)
        if type_ == DONE:
            yield from self._close_parts(None)
        elif index:
            part = self._parts.get((index, integer(self._stream.data[place].get(index))))
            yield from self._close_parts(place, part)
            yield from part.missing_before(place) if part else ()
        elif text := TEXTS.get(type_):
            yield from self._delta(text.name, place)

    def _close(self) -> Iterator[Made]:
        steps, self._state = missing(self._machine, self._state, DONE) or ((), MachineState.CLOSED)
        yield from self._steps(steps)
        yield from self._close_parts(None)
        yield self._make(DONE, {"item": self._value})

    def _steps(self, steps: Sequence[str]) -> Iterator[Made]:
        for step in steps:
            if step == ADDED:
                yield self._make(ADDED, {"item": skeleton(self._value)})
            elif EVENT_TYPES[step].kind is EventKind.STATUS:
                yield from self._status(step)
            elif text := TEXTS.get(step):
                yield from self._delta(text.name, None)
                whole = at_path(self._value, text.path) or ""
                yield self._make(step, {text.field: whole})

    def _status(self, step: str) -> Iterator[Made]:
        """Yield the status event for a step: `failed` if the item has an error, none if it is incomplete."""
        name, _, status = step.rpartition(".")
        failed = f"{name}.failed"
        if self._value.get("error") and failed in EVENT_TYPES:
            yield self._make(step if status == "in_progress" else failed, {}, optional=True)
        elif self._value.get("status") in (None, "completed"):
            yield self._make(step, {}, optional=True)

    def _delta(self, name: str, place: int | None) -> Iterator[Made]:
        if piece := self._lost.pop(place, ""):
            yield self._make(f"{name}.delta", {"delta": piece})

    def _close_parts(self, place: int | None, next_part: PartWalk | None = None) -> Iterator[Made]:
        """Close the parts before `next_part`, or all of them, that have no more events. Parts that have lost
        all their events are made."""
        for part in self._parts.values():
            if part is next_part:
                break
            if place is None or not any(at > place for at in part.places):
                yield from part.close()

    def _make(self, type: str, fields: JSON, *, optional: bool = False) -> Made:
        return Made(type, self._style.fields(type, {**self._known, **fields}), optional)

    @property
    def _known(self) -> JSON:
        return {"output_index": self._item.index, "item_id": self._item.id}

    def _find_parts(self) -> dict[tuple[str, int | None], PartWalk]:
        """Return all parts: those that have events, and those of the final item."""
        parts: dict[tuple[str, int | None], PartWalk] = {}
        for index, path in _PARTS.get(self._type, {}).items():
            held = at_path(self._value, path)
            values: list[Any] = held if isinstance(held, list) else []
            places: dict[int | None, list[int]] = {}
            for place in self._item.places:
                if EVENT_TYPES[self._stream.events[place].type].index == index:
                    places.setdefault(integer(self._stream.data[place].get(index)), []).append(place)
            # llama.cpp does not count parts: it never has more than one.
            counted = {number for number in places if number is not None} | {*range(len(values))}
            for number in [None] if None in places else sorted(counted):
                value: Any = next(iter(values[number or 0 :]), None)
                if self._type == "shell_call":
                    value = {"command": value}
                elif not isinstance(value, dict):
                    value = {}
                own = places.get(number, [])
                type_ = _COMMANDS.get(self._type) or type_of(self._stream, own, value)
                known = {**self._known, index: number}
                parts[index, number] = PartWalk(self._stream, self._style, known, type_, value, own)
        return parts
