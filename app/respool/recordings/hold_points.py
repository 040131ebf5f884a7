"""HoldPoint: where to hold a stream, as text and as JSON, and its place among the stream's events.

    after=response.created          after the first event of that type; "response." may be left out
    before=output_text.delta#3      before the third
    after=5                         after the fifth event
    after=seq:7                     after the event with that sequence number
    after=item:0                    when output item 0 is done; before: before it is added
    after=text:Hello                when the text of the answer has come so far
    before=start                    before the first event
    before=terminal                 before the event that ends the response; after: before the answer ends

Several points are separated by ";". Options follow a point: ``after=response.created, ttl=60``. In files and
in JSON a point may also be a mapping: ``{at: {event: response.created, nth: 2}, when: before, ttl: 60}``.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from respool.errors import OptionError, printable
from respool.protocol.events import TERMINAL_TYPES, Event, compact, loads

Kind = Literal["event", "count", "seq", "item", "text", "start", "terminal"]

OnExpiry = Literal["abort", "continue"]
TTL = 30.0  # seconds
MOST_TTL = 86400.0
MOST_POINTS = 100
MAX_TEXT = 8 * 1024  # characters

_TYPE = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)(?:#([0-9]{1,9}))?")
_ASSIGNED = re.compile(r"\s*[a-z_]+\s*=")
_PLAIN = re.compile(r'[^",;\s](?:[^",;]*[^",;\s])?')  # a text that needs no quotes
_PAIR = re.compile(r'\s*([a-z_]+)\s*=\s*((?:[^,;"]|"(?:[^"\\]|\\.)*")*)([,;]?)')
_EXPECTED = (
    "expected after= or before= with an event type (response.created, output_text.delta#3), a number of "
    "events, seq:N, item:N, text:TEXT, start or terminal"
)


@dataclass(frozen=True, slots=True)
class HoldPoint:
    """A point in a stream: before or after its nth matching event.

    ttl        real seconds for which a stream may be held there
    on_expiry  what happens then: the stream is aborted, or continues
    keepalive  real seconds between the comments that keep a held stream alive; None: no comments
    """

    kind: Kind
    value: str | int = ""
    nth: int = 1
    after: bool = False
    ttl: float = TTL
    on_expiry: OnExpiry = "abort"
    keepalive: float | None = None

    def __post_init__(self) -> None:
        if not (_is_number(self.ttl) and 0 < self.ttl <= MOST_TTL):
            shown = printable(str(self.ttl))
            raise OptionError(f"ttl is {shown}, expected seconds, more than 0 and at most {MOST_TTL:g}")
        if self.keepalive is not None and not (
            _is_number(self.keepalive) and 0.01 <= self.keepalive <= MOST_TTL
        ):
            raise OptionError(
                f"keepalive is {printable(str(self.keepalive))}, expected seconds, at least 0.01"
            )
        if self.on_expiry not in ("abort", "continue"):
            raise OptionError(f"on_expiry is {printable(str(self.on_expiry))}, expected abort or continue")
        if self.nth < 1:
            raise OptionError(f"nth is {self.nth}, expected 1 or more")

    def place(self, events: Sequence[Event]) -> int | None:
        """Return the index of the event before which the stream waits; None if no event matches."""
        found = next(_FINDERS[self.kind](self, events), None)
        return None if found is None else found + self.after

    @classmethod
    def read(cls, text: str, *, after: bool = True, **options: Any) -> "HoldPoint":
        """Parse the text of an event. Raise OptionError."""
        kind, colon, rest = text.partition(":")
        if colon and kind in ("seq", "item"):
            if not (rest.isascii() and rest.isdigit() and len(rest) < 10):
                raise _wrong(text)
            return cls("seq" if kind == "seq" else "item", int(rest), after=after, **options)
        if colon and kind == "text":
            value = _unquoted(rest)
            if not value:
                raise _wrong(text)
            return cls("text", value, after=after, **options)
        if text == "start":
            return cls("start", **options)
        if text == "terminal":
            return cls("terminal", after=after, **options)
        if text.isascii() and text.isdigit() and len(text) < 10:
            if int(text) == 0:
                return cls("start", **options)
            return cls("count", int(text), after=after, **options)
        match = _TYPE.fullmatch(text)
        if not match or (nth := int(match[2] or 1)) < 1:
            raise _wrong(text)
        return cls("event", match[1], nth, after=after, **options)

    @classmethod
    def of(cls, at: str | Mapping[str, Any], when: str | None = None, **options: Any) -> "HoldPoint":
        """Return the point for a JSON value: an event as text, or ``{"event": ..., "nth": 2}``, ``{"seq":
        5}``, ``{"item": 0}``, ``{"text": "Hel"}``. `when` is after (if not given; before, of start and
        terminal) or before. Raise OptionError."""
        if when not in (None, "before", "after"):
            raise OptionError(f"when is {printable(str(when))}, expected before or after")
        if isinstance(at, str):
            return cls.read(at, after=at != "terminal" if when is None else when == "after", **options)
        after = when != "before"
        match dict(at):
            case {"event": str(type_), **rest} if set(rest) <= {"nth"} and type(rest.get("nth", 1)) is int:
                point = cls.read(type_, after=after, **options)
                return replace(point, nth=rest["nth"]) if "nth" in rest else point
            case {"seq": int(number)} | {"item": int(number)} if len(at) == 1 and number >= 0:
                return cls("seq" if "seq" in at else "item", number, after=after, **options)
            case {"text": str(value)} if len(at) == 1 and value:
                return cls("text", value, after=after, **options)
        raise _wrong(str(at))

    def __str__(self) -> str:
        """Return the point as text, without options."""
        value = self.value
        if self.kind == "text" and isinstance(value, str) and not _PLAIN.fullmatch(value):
            value = compact(value)
        name = {
            "event": f"{self.value}#{self.nth}" if self.nth > 1 else str(self.value),
            "count": str(self.value),
            "start": "start",
            "terminal": "terminal",
        }.get(self.kind, f"{self.kind}:{value}")
        return f"{'after' if self.after else 'before'}={name}"


def parse(text: str) -> tuple[HoldPoint, ...]:
    """Parse the points in a text, such as the header ``x-respool-hold``. Raise OptionError."""
    if len(text) > MAX_TEXT:
        raise OptionError(f"the holds are {len(text)} characters long, expected at most {MAX_TEXT}")
    points: list[HoldPoint] = []
    options: dict[str, Any] = {}
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if not match:
            raise _wrong(text[at:])
        key, value = match[1], match[2].strip()
        if key in ("after", "before") and "point" not in options:
            options["point"] = (value, key == "after")
        elif key in _OPTIONS and key not in options:
            options[key] = _OPTIONS[key](key, value)
        else:
            raise OptionError(f"{key} cannot be given here: {_EXPECTED}; then ttl, on_expiry or keepalive")
        at = match.end()
        if match[3] == ";" or at == len(text):
            if "point" not in options:
                raise _wrong(text)
            name, after = options.pop("point")
            points.append(HoldPoint.read(name, after=after, **options))
            options = {}
        elif not match[3]:
            raise _wrong(text[at:])
        if len(points) > MOST_POINTS:
            raise OptionError(f"more than {MOST_POINTS} holds")
    return tuple(points)


def read_all(value: Any) -> tuple[HoldPoint, ...]:
    """Read the value of ``hold`` in a file: true (before the first event), a point as text, a mapping with
    `after`, `before` or `at`, or a list of these. Raise OptionError."""
    points: list[HoldPoint] = []
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, str):
            points += parse(one) if _ASSIGNED.match(one) else [HoldPoint.of(one)]
        elif isinstance(one, Mapping):
            points.append(_of_mapping(one))
        elif not isinstance(one, bool):
            raise _wrong(str(one))
        elif one:
            points.append(HoldPoint("start"))
    if len(points) > MOST_POINTS:
        raise OptionError(f"more than {MOST_POINTS} holds")
    return tuple(points)


def _of_mapping(value: Mapping[str, Any]) -> HoldPoint:
    options = dict(value)
    places = [name for name in ("at", "after", "before") if name in options]
    known = {*places, *_OPTIONS, *(("when",) if places == ["at"] else ())}
    if len(places) != 1 or not set(options) <= known:
        raise _wrong(str(value))
    at = options.pop(places[0])
    when = options.pop("when", None) if places[0] == "at" else places[0]
    return HoldPoint.of(at, when, **options)


def _seconds(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise OptionError(f"{key} is {printable(value)}, expected seconds") from None


_OPTIONS: Mapping[str, Callable[[str, str], Any]] = {
    "ttl": _seconds,
    "keepalive": _seconds,
    "on_expiry": lambda key, value: value,
}


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        value = loads(text)
    except ValueError:
        raise _wrong(text) from None
    return value if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(text: str) -> OptionError:
    return OptionError(f"{printable(text, 60)} is no place in a stream: {_EXPECTED}")


def _by_type(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    left = point.nth
    for place, event in enumerate(events):
        left -= event.type in (point.value, f"response.{point.value}")
        if not left:
            yield place


def _by_count(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    assert isinstance(point.value, int)
    if point.value <= len(events):
        yield point.value - 1


def _by_number(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    return (place for place, event in enumerate(events) if event.sequence_number == point.value)


def _by_item(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    wanted = "response.output_item.done" if point.after else "response.output_item.added"
    for place, event in enumerate(events):
        if event.type == wanted and event.data.get("output_index") == point.value:
            yield place


def _by_text(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    assert isinstance(point.value, str)
    text = ""
    for place, event in enumerate(events):
        if event.type == "response.output_text.delta" and isinstance(delta := event.data.get("delta"), str):
            text = text[-len(point.value) :] + delta
            if point.value in text:
                yield place


def _first(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    yield 0


def _terminal(point: HoldPoint, events: Sequence[Event]) -> Iterator[int]:
    return (
        place for place, event in enumerate(events) if event.type in TERMINAL_TYPES or event.type == "error"
    )


_FINDERS: Mapping[Kind, Callable[[HoldPoint, Sequence[Event]], Iterator[int]]] = {
    "event": _by_type,
    "count": _by_count,
    "seq": _by_number,
    "item": _by_item,
    "text": _by_text,
    "start": _first,
    "terminal": _terminal,
}
