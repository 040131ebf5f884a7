"""DamagedStream: the sound events of one turn, and the places where events are missing between them."""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from respool.check.checker import check
from respool.check.findings import Level
from respool.protocol.event_types import EVENT_TYPES, EventKind
from respool.protocol.events import CREATED, TERMINAL_TYPES, Event

JSON = dict[str, Any]

# Findings that show missing events even if they are no errors, as in recordings shortened on purpose.
_LOSSES = frozenset({"RS202", "RS206", "RS401"})

# The number of missing events where it is unknown.
ENDLESS = 1 << 30


@dataclass(slots=True)
class Made:
    """An event to be made. `at` is the number of the sound event that it comes before."""

    type: str
    fields: JSON  # without the type and the sequence_number
    optional: bool = False  # made only where a sequence number is missing for it
    estimated: tuple[str, ...] = ()  # the parts of it that are estimates
    at: int = 0


class DamagedStream:
    """The sound events of a turn.

    A *place* is the number of an event, and means: before that event. The last place is after all events.
    `damaged` are the places of damaged lines, `suspected` are other places where something is wrong.
    """

    def __init__(
        self, events: Sequence[Event], damaged: Collection[int] = (), suspected: Collection[int] = ()
    ) -> None:
        self.events = events
        self.suspected = suspected
        self.data: list[JSON] = [event.data for event in events]
        self.size = len(events)
        self.counted = [counts(event, data) for event, data in zip(events, self.data, strict=True)]
        self.numbers = [
            number(data) if counted else None for counted, data in zip(self.counted, self.data, strict=True)
        ]
        self.numbered = any(one is not None for one in self.numbers)
        ends = (place for place, event in enumerate(events) if event.type in TERMINAL_TYPES)
        self.end = next(ends, self.size)  # the place before the terminal event, if there is one
        self.ending = events[self.end].type.removeprefix("response.") if self.end < self.size else None
        self.ended = self.end < self.size or any(event.type == "error" for event in events)
        self.start = next((place for place in range(self.size) if not self._opens(place)), self.size)
        findings = check(events)
        self.legal = not damaged and all(finding.level is not Level.ERROR for finding in findings)
        trouble = {*damaged, *suspected} | {
            self.size if finding.event is None else finding.event
            for finding in findings
            if finding.level is Level.ERROR or finding.code in _LOSSES
        }
        self._trouble = _Places(trouble)
        self.missing = self._missing(damaged)  # place: how many events are missing
        self._lacking = _Places(self.missing)
        self._missing_until = [0, *accumulate(self.missing[place] for place in sorted(self.missing))]
        self._room = dict(self.missing)  # place: how many of them have not been found yet
        self._free = _Places(self.missing)  # the places with room

    @property
    def sound(self) -> bool:
        """True if nothing is wrong or missing."""
        return not self._trouble and not self.headless

    @property
    def headless(self) -> bool:
        """True if the beginning is missing. A resumed stream may lack it; but if only `response.created` is
        lost, it can be made, since later events repeat its content."""
        first = self.events[0].type
        late = first in ("response.queued", "response.in_progress") or (first == "error" and self.size > 1)
        return CREATED not in (event.type for event in self.events) and (late or 0 in self._trouble)

    @property
    def resumed(self) -> bool:
        """True if the stream was resumed: the events before its first one are not missing."""
        return not self.headless and CREATED not in (event.type for event in self.events)

    def _opens(self, place: int) -> bool:
        """Return True if the event at a place is one of those before the first item."""
        row = EVENT_TYPES.get(self.events[place].type)
        return row is not None and row.kind in (EventKind.LIFECYCLE, EventKind.CONNECTION)

    def _missing(self, damaged: Collection[int]) -> dict[int, int]:
        missing = {} if self.numbered else dict.fromkeys(damaged, ENDLESS)
        last = -1
        for place, one in enumerate(self.numbers):
            if one is not None:
                if one > last + 1:
                    missing[place] = one - last - 1
                last = one
        if not self.ended:
            missing[self.size] = ENDLESS
        return missing

    def troubled(self, first: int, last: int) -> bool:
        """Return True if something is missing or wrong at one of these places."""
        return self._trouble.first(first, last) is not None

    def suspect(self, place: int) -> None:
        """Note that something is missing at a place."""
        self._trouble.add(place)

    def has_room(self, first: int, last: int, beside: int = 0) -> bool:
        """Return True if more than `beside` events at these places have not been found yet."""
        room = 0
        return any((room := room + self._room[place]) > beside for place in self._free.within(first, last))

    def missing_within(self, first: int, last: int) -> int:
        """Return how many events are missing at these places."""
        begin, end = self._lacking.before(first), self._lacking.before(last + 1)
        return self._missing_until[end] - self._missing_until[begin] if begin < end else 0

    def take(self, first: int, last: int, count: int, *, latest: bool, default: int) -> int:
        """Return the place for a number of events that are missing somewhere between two places."""
        place = self._free.last(first, last) if latest else self._free.first(first, last)
        if place is None:
            return default
        self._room[place] -= count
        if self._room[place] <= 0:
            self._free.discard(place)
        return place


class _Places:
    """A sorted set of places."""

    def __init__(self, places: Iterable[int]) -> None:
        self._sorted = sorted(set(places))

    def __contains__(self, place: int) -> bool:
        return self.first(place, place) is not None

    def __bool__(self) -> bool:
        return bool(self._sorted)

    def before(self, place: int) -> int:
        """Return how many places are before `place`."""
        return bisect_left(self._sorted, place)

    def within(self, first: int, last: int) -> Iterator[int]:
        """Yield the places from `first` to `last`."""
        for at in range(self.before(first), self.before(last + 1)):
            yield self._sorted[at]

    def first(self, first: int, last: int) -> int | None:
        """Return the first place from `first` to `last`."""
        at = self.before(first)
        return self._sorted[at] if at < len(self._sorted) and self._sorted[at] <= last else None

    def last(self, first: int, last: int) -> int | None:
        """Return the last place from `first` to `last`."""
        at = self.before(last + 1)
        return self._sorted[at - 1] if at and self._sorted[at - 1] >= first else None

    def add(self, place: int) -> None:
        if place not in self:
            insort(self._sorted, place)

    def discard(self, place: int) -> None:
        if place in self:
            del self._sorted[self.before(place)]


def counts(event: Event, data: JSON) -> bool:
    """Return True if an event has a sequence number. Connection events have none, except keepalives; errors
    and unknown events may have one."""
    row = EVENT_TYPES.get(event.type)
    if row is None or row.kind is EventKind.ERROR:
        return number(data) is not None
    return row.kind is not EventKind.CONNECTION or row.name == "keepalive"


def number(data: JSON) -> int | None:
    """Return an event's sequence_number."""
    return integer(data.get("sequence_number"))


def integer(value: object) -> int | None:
    """Return the value if it is an integer, else None."""
    return value if type(value) is int else None
