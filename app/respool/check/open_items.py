"""OpenItems: the output items of a response with their states, and the checks of their events."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.check.comparison import Grown
from respool.check.counting import Count
from respool.check.findings import Level
from respool.check.json_values import at_path, integer, mapping, string
from respool.check.machines import allowed, knows, missing
from respool.check.open_parts import OpenParts, take_text
from respool.check.same_ids import SameIds
from respool.check.verdicts import Verdicts
from respool.protocol.delta_texts import TEXTS, DeltaText
from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES, STATUSES, EventKind, EventType
from respool.protocol.transitions import PART, MachineState

_ADDED = "response.output_item.added"
_DONE = "response.output_item.done"
_IMAGE = "response.image_generation_call.partial_image"


@dataclass(slots=True, eq=False)
class OpenItem:
    """An output item. `type` is None if it is unknown; then the order of its events is not checked."""

    type: str | None
    name: str  # for messages: its id, if it has one
    first: Mapping[str, Any]  # from the event that opens it
    parts: OpenParts
    from_start: bool = True  # False: some of its events came before this stream begins
    state: MachineState = MachineState.OPEN
    grows: DeltaText | None = None  # the kind of its text, known from the first event of that text
    text: Grown = field(default_factory=Grown)
    images: Count = field(default_factory=Count)
    misplaced: bool = False  # its output_index is missing or wrong, which was reported
    given_up: bool = False  # another item has taken its output_index
    value: Mapping[str, Any] | None = None  # from the event that closes it


class OpenItems:
    """All items of a response, in the order in which they were opened; by output_index, and by id."""

    def __init__(self, report: Verdicts, ids: SameIds) -> None:
        self.all: list[OpenItem] = []
        self.from_start = True  # False: this stream was resumed
        self._report = report
        self._ids = ids
        self._open_ones: list[OpenItem] = []
        self._at: dict[int, OpenItem] = {}
        self._named: dict[str, OpenItem] = {}
        self._count = Count()

    def receive(self, row: EventType, data: Mapping[str, Any]) -> OpenItem | None:
        """Check an event of an item or its part. Return the item if the event closes it."""
        if row.name == _ADDED:
            self._open(data)
            return None
        item = self._find(row, data) or self._open_silently(row, data)
        if item.state is MachineState.CLOSED:
            done = f"{row.name}: {item.name} is closed: response.output_item.done has come for it"
            self._report.once(item.name, "RS107", done)
        elif self._step(row, item):
            return self._take_in(row, item, data)
        return None

    def _take_in(self, row: EventType, item: OpenItem, data: Mapping[str, Any]) -> OpenItem | None:
        if row.name == _DONE:
            self._open_ones.remove(item)
            return item
        if row.index:
            item.parts.receive(row, row.index, data)
        elif text := TEXTS.get(row.name):
            item.grows = text
            begun = at_path(item.first, text.path)
            take_text(self._report, row, text, item.text, data, begun=begun, from_start=item.from_start)
        elif row.name == _IMAGE:
            number, expected = integer(data, "partial_image_index"), item.images.expected
            if number is not None and not item.images.take(number) and item.from_start:
                self._report.add("RS212", f"{row.name}: partial_image_index is {number}, expected {expected}")
        return None

    def _open(self, data: Mapping[str, Any]) -> None:
        value, index = mapping(data, "item"), integer(data, "output_index")
        type_ = value.get("type")
        if value and not isinstance(type_, str):
            self._report.add("RS601", f"{_ADDED}: no item.type")
        elif isinstance(type_, str) and type_ not in ITEM_TYPES:
            unknown = f"{_ADDED}: {type_} is a type of item that Respool does not know"
            self._report.once(type_, "RS902", unknown)
        if self._is_open_already(value, index):
            return
        status = value.get("status")
        if isinstance(status, str) and status not in STATUSES:
            self._report.add("RS505", f"{_ADDED}: {status} is no status of an item")
        item = self._new(value, value, index, from_start=True)
        if len(self._open_ones) > 1:
            self._report.once("overlap", "RS115", f"{_ADDED}: {item.name} opens while other items are open")
        if index is None:
            item.misplaced = True
        else:
            self._place(item, index)

    def _is_open_already(self, value: Mapping[str, Any], index: int | None) -> bool:
        there = self._at.get(index) if index is not None else None
        if there is None or there is not self._named.get(str(value.get("id"))):
            return False
        if there.first:
            self._report.add("RS207", f"{_ADDED}: {there.name} has been added already")
        there.first = value  # it was opened silently, which was reported
        return True

    def _place(self, item: OpenItem, index: int) -> None:
        there, expected = self._at.get(index), self._count.expected
        is_next = self._count.take(index)
        if there is None:
            if not is_next and self.from_start:
                item.misplaced = True
                self._report.add("RS206", f"{_ADDED}: output_index is {index}, expected {expected}")
        elif there.state is not MachineState.CLOSED and there.type == "message" != item.type:
            there.given_up = True
            taken = f"{_ADDED}: output_index {index} is that of {there.name}, which is still open"
            self._report.add("RS207", f"{taken} (Ollama does so)", Level.WARNING)
        else:
            item.misplaced = True
            taken = f"{_ADDED}: output_index {index} is that of {there.name}; expected {expected}"
            self._report.add("RS207", taken)
            return
        self._at[index] = item

    def _new(
        self, first: Mapping[str, Any], value: Mapping[str, Any], index: int | None, *, from_start: bool
    ) -> OpenItem:
        id_, type_ = string(value, "id"), string(value, "type")
        name = id_ or (f"item {index}" if index is not None else f"a {type_}")
        known = type_ if type_ in ITEM_TYPES else None
        parts = OpenParts(self._report, name, known, from_start=from_start)
        item = OpenItem(known, name, first, parts, from_start)
        if id_ in self._named:
            self._report.add("RS307", f"{_ADDED}: {id_} is the id of an earlier item, too")
        # llama.cpp has named an item without an id by its call_id.
        for key in (id_, string(value, "call_id")):
            if key is not None:
                self._named[key] = item
        self.all.append(item)
        self._open_ones.append(item)
        return item

    def _find(self, row: EventType, data: Mapping[str, Any]) -> OpenItem | None:
        index = integer(data, "output_index")
        id_ = string(data, "item_id") or string(mapping(data, "item"), "id")
        there = self._at.get(index) if index is not None else None
        named = self._named.get(id_) if id_ is not None else None
        if there and (there is named or id_ is None):
            if id_ is not None:
                self._ids.agree()
            return there
        if index is None:
            return named or next(self._fitting(row), None)
        if there is None and id_ is None:
            named = next((item for item in self._fitting(row) if item.misplaced), None)
        if named and named.misplaced:
            self._move(named, index)
            return named
        if named:
            wrong = f"{row.name}: output_index is {index}, but item_id is that of {named.name}"
            self._report.once((named.name, index), "RS208", wrong)
        elif there:
            self._report_wrong_id(row, there, id_, index)
        return named or there

    def _report_wrong_id(self, row: EventType, item: OpenItem, id_: str | None, index: int) -> None:
        code, field_ = ("RS303", "item.id") if row.name == _DONE else ("RS302", "item_id")
        message = f"{row.name}: {field_} is {id_}, but the item at output_index {index} is {item.name}"
        self._ids.differ((item.name, id_), code, message)

    def _move(self, item: OpenItem, index: int) -> None:
        """Move an item to the index that its later events have."""
        for number, there in list(self._at.items()):
            if there is item:
                del self._at[number]
        self._at.setdefault(index, item)
        self._count.take(index)
        item.misplaced = False

    def _fitting(self, row: EventType) -> Iterator[OpenItem]:
        """Yield the open items of a type that has such an event, the last one first."""
        return (item for item in reversed(self._open_ones) if not row.items or item.type in row.items)

    def _open_silently(self, row: EventType, data: Mapping[str, Any]) -> OpenItem:
        """Open an item by an event that should have come after `response.output_item.added`."""
        index, value = integer(data, "output_index"), mapping(data, "item")
        type_ = next(iter(row.items)) if len(row.items) == 1 else None
        value = {"id": data.get("item_id"), "type": type_, **value}
        item = self._new({}, value, index, from_start=False)
        if index is not None:
            self._count.take(index)
            self._at[index] = item
        if self.from_start:
            where = "no item" if index is None else f"no item at output_index {index}"
            self._report.add("RS107", f"{row.name}: {where} is open; expected {_ADDED}")
        return item

    def _step(self, row: EventType, item: OpenItem) -> bool:
        """Change the state of the item. Return False if the state does not allow the event."""
        if item.type is None:
            return True
        event = PART if row.index else row.name
        way = missing(item.type, item.state, event)
        if way is None or (row.items and item.type not in row.items):
            self._out_of_order(row, item, event)
            return False
        steps, state = way
        if row.name != _DONE:
            item.state = state
        if steps and item.from_start:
            self._report_missing(row, item, steps)
        return True

    def _out_of_order(self, row: EventType, item: OpenItem, event: str) -> None:
        assert item.type is not None
        expected = allowed(item.type, item.state)
        if not knows(item.type, event) or (row.items and item.type not in row.items):
            message = f"{row.name}: {item.name} is a {item.type}; expected {expected}"
            self._report.once(item.name, "RS110", message)
        else:
            message = f"{row.name}: out of order in {item.name}; expected {expected}"
            self._report.once((item.name, row.name), "RS109", message)

    def _report_missing(self, row: EventType, item: OpenItem, steps: Iterable[str]) -> None:
        statuses = [step for step in steps if EVENT_TYPES[step].kind is EventKind.STATUS]
        if statuses:
            self._report.add("RS111", f"{row.name}: {item.name} has come without {' and '.join(statuses)}")
        for step in steps:
            if EVENT_TYPES[step].kind is EventKind.DONE:
                # A warning if no text was sent, or if OpenAI itself leaves the event out.
                may_lack = item.type != "function_call" and not item.text.pieces
                level = Level.WARNING if may_lack or item.type == "custom_tool_call" else None
                self._report.add("RS112", f"{row.name}: {item.name} has come without {step}", level)
