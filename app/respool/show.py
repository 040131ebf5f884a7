"""Timeline of a recording's items, and log of its events. Values, no output."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from respool.errors import printable
from respool.play.pace import Pace
from respool.protocol.delta_texts import TEXTS
from respool.protocol.event_types import EVENT_TYPES, PART_INDEXES, EventKind
from respool.protocol.events import ENDING_TYPES, dumps
from respool.recordings.recording import Recording

JSON = Mapping[str, Any]

_DONE = "response.output_item.done"
_MOST_NOTE = 1000  # characters


@dataclass(frozen=True, slots=True)
class Row:
    """A thing that takes time: the response, an item, or, one deeper, a part or a phase of an item.

    `moments` are those of its events, in seconds since the request.
    """

    label: str
    depth: int
    moments: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """An event in the log."""

    moment: float
    sequence_number: int | None
    type: str
    gist: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A turn at a glance. Times are seconds since the request, sizes bytes of JSON."""

    name: str
    note: str
    end: str  # completed, failed, ..., cut; without events, the status
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    untimed: int  # events for which no time was recorded: those are at the default pace
    first_token: float | None
    size: int

    @property
    def seconds(self) -> float:
        """How long it takes until the last event."""
        return self.lines[-1].moment if self.lines else 0.0

    @property
    def events_per_second(self) -> float | None:
        """Events by the time they take; None if they take none."""
        return len(self.lines) / self.seconds if self.seconds else None

    @property
    def types(self) -> Mapping[str, int]:
        """How many events there are of each type, in the order in which they first come."""
        return Counter(line.type for line in self.lines)


def timeline(recording: Recording, pace: Pace | None = None) -> Timeline:
    """Return what happens in a turn, and when. Without recorded times, the pace decides."""
    moments = (pace or Pace()).moments(recording)
    events = [timed.event for timed in recording.events]
    data = [event.data for event in events]
    return Timeline(
        recording.name,
        printable(recording.header.note, _MOST_NOTE),
        _end([event.type for event in events]) if events else str(recording.header.status),
        tuple(_rows([event.type for event in events], data, moments)),
        tuple(
            Line(moment, _number(fields), printable(event.type), printable(gist(event.type, fields)))
            for moment, event, fields in zip(moments, events, data, strict=True)
        ),
        sum(timed.gap is None for timed in recording.events),
        next((at for at, event in zip(moments, events, strict=True) if event.type.endswith(".delta")), None),
        sum(len(event.text.encode()) for event in events) or len(dumps(recording.header.body).encode()),
    )


def _number(fields: JSON) -> int | None:
    number = fields.get("sequence_number")
    return number if type(number) is int else None


def _end(types: Sequence[str]) -> str:
    ends = (name for name in reversed(types) if name in ENDING_TYPES)
    return next(ends, "cut").removeprefix("response.")


def bar(row: Row, seconds: float, width: int) -> str:
    """Return the bar of a row over `seconds`: █ where events come, ─ where it waits."""
    last = width - 1

    def column(moment: float) -> int:
        return min(last, int(moment / seconds * width)) if seconds else 0

    busy = {column(moment) for moment in row.moments}
    start, end = column(row.moments[0]), column(row.moments[-1])
    return "".join("█" if at in busy else "─" if start < at < end else " " for at in range(width))


@dataclass(slots=True)
class _Thing:
    """A row in the making, and those below it."""

    label: str
    moments: list[float] = field(default_factory=list)
    below: dict[object, "_Thing"] = field(default_factory=dict)
    phase: "_Thing | None" = None  # the one that goes on

    def rows(self, depth: int) -> Iterator[Row]:
        yield Row(printable(self.label), depth, tuple(self.moments))
        for thing in self.below.values():
            yield from thing.rows(depth + 1)


def _rows(types: Sequence[str], data: Sequence[JSON], moments: Sequence[float]) -> Iterator[Row]:
    if not moments:
        return
    yield Row("response", 0, tuple(moments))
    items: dict[object, _Thing] = {}
    last = None
    for name, fields, moment in zip(types, data, moments, strict=True):
        key = _item_key(name, fields, last)
        if key is None:
            continue
        item = items.setdefault(key, _Thing(_item_label(fields.get("item"))))
        last = key
        item.moments.append(moment)
        _receive(item, name, fields, moment)
    for item in items.values():
        yield from item.rows(0)


def _item_key(type: str, fields: JSON, last: object) -> object:
    """Return what identifies an event's item; without an id it belongs to the item before."""
    if isinstance(index := fields.get("output_index"), int):
        return index
    item = fields.get("item")
    if isinstance(item, dict):
        return str(item.get("id"))
    known = EVENT_TYPES.get(type)
    if isinstance(fields.get("item_id"), str):
        return last if last is not None else fields["item_id"]
    return last if known and known.of_item else None


def _item_label(item: Any) -> str:
    if not isinstance(item, dict):
        return "item"
    words = (item.get(name) for name in ("type", "server_label", "name"))
    return " ".join(word for word in words if isinstance(word, str) and word) or "item"


def _receive(item: _Thing, type: str, fields: JSON, moment: float) -> None:
    """Put an event to the part or the phase of its item."""
    known = EVENT_TYPES.get(type)
    word = type.rpartition(".")[2]
    if type == _DONE or (known and known.kind is EventKind.STATUS):
        if item.phase:
            item.phase.moments.append(moment)
            item.phase = None
        if type != _DONE and word not in ("completed", "failed"):
            item.phase = item.below[("phase", len(item.below))] = _Thing(word, [moment])
        return
    index = next((name for name in PART_INDEXES if isinstance(fields.get(name), int)), None)
    if index is not None:
        part = item.below.setdefault((index, fields[index]), _Thing(_part_label(type, fields, index)))
        part.moments.append(moment)


def _part_label(type: str, fields: JSON, index: str) -> str:
    part = fields.get("part")
    text = TEXTS.get(type)
    name = part.get("type") if isinstance(part, dict) else text.part if text else None
    kind = name or index.removesuffix("_index")
    return f"{kind} {fields[index]}" if fields[index] else str(kind)


def gist(type: str, fields: JSON, most: int = 40) -> str:
    """Return the content of an event in a few words."""
    match fields:
        case {"delta": str(text)}:
            return _short(text, most)
        case {"delta": dict(delta)}:
            return dumps(delta)[:most]
        case {"item": dict(item)}:
            return " ".join(filter(None, (_item_label(item), _word(item.get("status")))))
        case {"part": dict(part)}:
            return _word(part.get("type"))
        case {"annotation": dict(annotation)}:
            names = ("type", "url", "filename", "file_id")
            return " ".join([_word(annotation.get(name)) for name in names if annotation.get(name)][:2])
        case {"partial_image_b64": str(picture)}:
            return f"{len(picture)} characters of base64"
        case {"response": dict(response)}:
            error = response.get("error")
            parts = (_word(response.get("status")), _message(error) if isinstance(error, dict) else "")
            return " ".join(filter(None, parts))[:most]
        case {"error": dict(error)}:
            return _message(error)[:most]
        case {"message": str()}:
            return _message(fields)[:most]
    known = TEXTS.get(type)
    whole = fields.get(known.field) if known else None
    return _short(whole, most) if isinstance(whole, str) else ""


def _message(error: JSON) -> str:
    return ": ".join(filter(None, (_word(error.get("code")), _word(error.get("message")))))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _short(text: str, most: int) -> str:
    """Return a text in quotes, on one line; of a long one the beginning and the length."""
    shown = dumps(text[:most])
    return shown if len(text) <= most else f"{shown[:-1]}..., {len(text)} characters"
