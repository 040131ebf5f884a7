"""OpenParts: the parts of an item with their states, and the checks of their events and content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.check.comparison import Grown, difference
from respool.check.counting import Count
from respool.check.findings import Level
from respool.check.json_values import array, at_path, integer, mapping, shown, string
from respool.check.machines import allowed, knows, missing, opens_part, part_type_of
from respool.check.verdicts import Verdicts
from respool.protocol.delta_texts import TEXTS, DeltaText
from respool.protocol.event_types import EventKind, EventType
from respool.protocol.transitions import PART_TYPES, TRANSITIONS, MachineState

# Parts that vLLM, Ollama and llama.cpp never open and never close.
_OFTEN_SILENT = frozenset({"reasoning_text", "summary_text"})

_NAMES: Mapping[str, str] = {
    "content_index": "content part",
    "summary_index": "summary part",
    "command_index": "command",
}

_OUTPUT_EVENTS = ("response.shell_call_output_content.delta", "response.shell_call_output_content.done")


@dataclass(slots=True, eq=False)
class OpenPart:
    """A part of an item. `type` is None if it is unknown; then the order of its events is not checked."""

    type: str | None
    name: str  # for messages
    index: str  # the name of the field with its index
    first: Mapping[str, Any]  # from the event that opens it
    state: MachineState = MachineState.OPEN
    text: Grown = field(default_factory=Grown)
    annotations: list[Any] = field(default_factory=list)
    annotation_count: Count = field(default_factory=Count)
    output: list[Any] = field(default_factory=list)  # of a command
    value: Mapping[str, Any] | None = None  # the part, from the event that closes it
    silent: bool = False  # no event has opened it
    unopened: int | None = None  # the number of its first event, if it is silent and not yet reported
    from_start: bool = True  # False: some of its events came before this stream begins


class OpenParts:
    """The parts of one item, each by its index field and its index."""

    def __init__(self, report: Verdicts, item: str, item_type: str | None, *, from_start: bool) -> None:
        self.from_start = from_start  # False: some events of the item came before this stream begins
        self._report = report
        self._item = item
        self._item_type = item_type
        self._parts: list[OpenPart] = []
        self._numbered: dict[tuple[str, int], OpenPart] = {}
        self._counts: dict[str, Count] = {}

    def of(self, index: str) -> list[OpenPart]:
        """Return the parts with this index field, in the order of their arrival."""
        return [part for part in self._parts if part.index == index]

    def receive(self, row: EventType, index: str, data: Mapping[str, Any]) -> None:
        """Check an event of a part."""
        number = integer(data, index)
        if opens_part(row.name):
            self._open(row, index, number, data)
            return
        part = self._find(row, index, number) or self._open_silently(row, index, number, data)
        if self._step(row, part):
            self._take_in(row, part, data)

    def close(self) -> None:
        """Close the item, and report its parts that are still open."""
        for part in self._parts:
            if part.unopened is not None:
                self._report.once(
                    part.type,
                    "RS108",
                    f"{part.name} of {self._item} is neither opened nor closed by events of its own "
                    "(vLLM, Ollama and llama.cpp do so)",
                    Level.WARNING,
                )
            elif part.state is not MachineState.CLOSED and part.type:
                self._report.add(
                    "RS114",
                    f"response.output_item.done: {part.name} of {self._item} is still open; "
                    f"expected {allowed(part.type, part.state)}",
                )
                return

    def _open(self, row: EventType, index: str, number: int | None, data: Mapping[str, Any]) -> None:
        type_ = _type_of_part(row, data)
        if type_ is not None and type_ not in PART_TYPES:
            unknown = f"{row.name}: {type_} is a type of part that Respool does not know"
            self._report.once(type_, "RS903", unknown)
        if type_ == "output_text" and self._item_type == "reasoning":
            wrong = f"{row.name}: {self._item} is reasoning, expected a part of type reasoning_text"
            self._report.once("reasoning", "RS110", f"{wrong} (vLLM does so)", Level.WARNING)
            type_ = "reasoning_text"
        there = self._numbered.get((index, number)) if number is not None else None
        if there is None:
            self._new(row.name, index, number, type_, first=mapping(data, "part") if "part" in data else data)
        elif there.unopened is not None:
            self._report_unopened(there)
        elif there.state is MachineState.CLOSED or not there.silent:
            self._report.add("RS209", f"{row.name}: {index} {number} of {self._item} is taken")

    def _new(
        self, event: str, index: str, number: int | None, type_: str | None, first: Mapping[str, Any]
    ) -> OpenPart:
        name = _NAMES[index] if number is None else f"{_NAMES[index]} {number}"
        known = type_ if type_ in PART_TYPES else None
        part = OpenPart(known, name, index, first, from_start=self.from_start)
        count = self._counts.setdefault(index, Count())
        if number is not None:
            expected = count.expected
            if not count.take(number) and self.from_start:
                self._report.add(
                    "RS209", f"{event}: {index} of {self._item} is {number}, expected {expected}"
                )
            self._numbered[index, number] = part
        self._parts.append(part)
        return part

    def _find(self, row: EventType, index: str, number: int | None) -> OpenPart | None:
        if number is not None and (part := self._numbered.get((index, number))):
            return part
        if _may_open(row):
            return None
        candidates = [
            part
            for part in self.of(index)
            if part.state is not MachineState.CLOSED and (part.type is None or knows(part.type, row.name))
        ]
        if not candidates or (number is not None and len(candidates) > 1):
            return None
        part = candidates[-1]
        if number is not None:
            if part in self._numbered.values():
                self._report.add(
                    "RS209",
                    f"{row.name}: {index} is {number}, but {part.name} of {self._item} is the open one",
                )
            self._numbered[index, number] = part
        return part

    def _open_silently(
        self, row: EventType, index: str, number: int | None, data: Mapping[str, Any]
    ) -> OpenPart:
        """Open a part by an event that does not open parts."""
        type_ = part_type_of(row.name) or _type_of_part(row, data)
        part = self._new(row.name, index, number, type_, first={})
        if _may_open(row):
            return part
        part.silent = True
        if self.from_start:
            part.unopened = self._report.at
            if part.type not in _OFTEN_SILENT or row.kind is EventKind.PART:
                self._report_unopened(part, row.name)
        return part

    def _report_unopened(self, part: OpenPart, event: str | None = None) -> None:
        opener = allowed(part.type, MachineState.START) if part.type else "response.content_part.added"
        before = f"{event}: " if event else ""
        message = f"{before}{part.name} of {self._item} is not open; expected {opener}"
        self._report.add("RS108", message, event=part.unopened)
        part.unopened = None

    def _step(self, row: EventType, part: OpenPart) -> bool:
        """Change the state of the part. Return False if the state does not allow the event."""
        if part.type is None:
            part.state = MachineState.CLOSED if row.kind is EventKind.PART else part.state
            return True
        if part.unopened is not None and row.kind is EventKind.PART:
            self._report_unopened(part)
        way = missing(part.type, part.state, row.name)
        if way is None:
            self._out_of_order(row, part)
            return False
        steps, part.state = way
        if steps and part.from_start:
            self._report.add(
                "RS112", f"{row.name}: {part.name} of {self._item} has come without {' and '.join(steps)}"
            )
        return True

    def _out_of_order(self, row: EventType, part: OpenPart) -> None:
        assert part.type is not None
        about = (self._item, part.name)
        if not knows(part.type, row.name):
            self._report.once(
                about, "RS110", f"{row.name}: {part.name} of {self._item} is of type {part.type}; "
                f"expected {allowed(part.type, part.state)}"
            )  # fmt: skip
        elif part.state is MachineState.CLOSED:
            self._report.once(about, "RS108", f"{row.name}: {part.name} of {self._item} is closed")
        else:
            self._report.once(
                about,
                "RS109",
                f"{row.name}: out of order in {part.name} of {self._item}; "
                f"expected {allowed(part.type, part.state)}",
            )

    def _take_in(self, row: EventType, part: OpenPart, data: Mapping[str, Any]) -> None:
        if text := TEXTS.get(row.name):
            begun = at_path(part.first, text.path)
            take_text(self._report, row, text, part.text, data, begun=begun, from_start=part.from_start)
        elif row.name == "response.output_text.annotation.added":
            self._annotation(part, data)
        elif row.name in _OUTPUT_EVENTS:
            part.output = array(data, "output")
        else:
            self._close(row, part, data)

    def _annotation(self, part: OpenPart, data: Mapping[str, Any]) -> None:
        part.annotations.append(data.get("annotation"))
        number, expected = integer(data, "annotation_index"), part.annotation_count.expected
        if number is not None and not part.annotation_count.take(number) and part.from_start:
            self._report.add(
                "RS210",
                f"response.output_text.annotation.added: annotation_index is {number}, expected {expected}",
            )

    def _close(self, row: EventType, part: OpenPart, data: Mapping[str, Any]) -> None:
        part.value = value = mapping(data, "part")
        began, now = part.first.get("type", part.type), value.get("type")
        if began is not None and now is not None and now not in (began, part.type):
            message = f"{row.name}: {part.name} of {self._item} is {shown(now)}, but began as {shown(began)}"
            self._report.add("RS506", message)
            return
        text = text_of(part)
        if text is None or not part.from_start:
            return
        place = ".".join(("part", *text.path))
        if differs := difference(place, part.text.text or "", at_path(value, text.path)):
            self._report.add("RS402", f"{row.name}: {differs} ({part.name} of {self._item})")
        self._compare_annotations(row, part, value)

    def _compare_annotations(self, row: EventType, part: OpenPart, value: Mapping[str, Any]) -> None:
        annotations = array(value, "annotations")
        if annotations and not part.annotations:
            self._report.add("RS406", f"{row.name}: annotations that no event has added", Level.WARNING)
        elif len(annotations) != len(part.annotations):
            self._report.add(
                "RS406", f"{row.name}: {len(annotations)} annotations, but {len(part.annotations)} were added"
            )
        elif differs := difference("part.annotations", part.annotations, annotations):
            self._report.add("RS406", f"{row.name}: {differs}, as it was added")


def _may_open(row: EventType) -> bool:
    """Return True if a part may begin with this event, without one that opens it."""
    type_ = part_type_of(row.name)
    return type_ is not None and row.name in TRANSITIONS[type_][MachineState.START]


def _type_of_part(row: EventType, data: Mapping[str, Any]) -> str | None:
    if row.name == "response.shell_call_command.added":
        return "command"
    return string(mapping(data, "part"), "type")


def text_of(part: OpenPart) -> DeltaText | None:
    """Return the kind of text of a part; None if it is unknown."""
    return next((text for text in TEXTS.values() if part.type and text.part == part.type), None)


def take_text(
    report: Verdicts,
    row: EventType,
    text: DeltaText,
    grown: Grown,
    data: Mapping[str, Any],
    *,
    begun: object,
    from_start: bool,
) -> None:
    """Check a .delta or .done event of a text. `begun` is the text when the part was opened."""
    if row.kind is EventKind.DELTA:
        if (delta := string(data, "delta")) is not None:
            grown.pieces.append(delta)
            if not delta:
                report.once(None, "RS411", f"{row.name}: an empty delta")
        return
    whole = string(data, text.field)
    if whole is None:
        return
    grown.whole = whole
    joined = "".join(grown.pieces)
    if not from_start:
        return
    if not grown.pieces and whole:
        report.add("RS410", f"{row.name}: {shown(whole)} has come without any delta")
    elif begun and isinstance(begun, str) and whole in (joined, begun + joined):
        report.add("RS412", f"{row.name}: it began with {shown(begun)}, before any delta; expected nothing")
    elif differs := difference(text.field, joined, whole):
        report.add("RS401", f"{row.name}: {differs}, as the deltas have it")
