"""Place: where in an answer something goes wrong, and how an answer is split there.

    5                               after the fifth event (0: before the first)
    response.output_text.delta      after the first event of that type; "response." may be left out
    output_text.delta#3             after the third
    100b                            after 100 bytes of the body
    50%                             after half of the events, rounded up (of the bytes, if it has no events)
    2s                              after all that is due two seconds after the request

As a *spot* (``at=``) the same names the event before that point: the fifth, the third of its type, the one
that holds the hundredth byte, the first that is due at two seconds or later.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, cast

from respool.faults.frame import Action, Frame
from respool.option_types import OptionType, number_text
from respool.options import declare


class Unit(Enum):
    """The unit of a place."""

    EVENT = ""
    TYPE = "#"
    BYTES = "b"
    PERCENT = "%"
    SECONDS = "s"

    def __repr__(self) -> str:
        return f"Unit.{self.name}"


_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,30})?(?:e-[0-9]{1,3})?)(b|%|s|ms|)")
_TYPE = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)(?:#([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an answer. `number` counts in `unit`; with a `type`, events of that type."""

    unit: Unit
    number: float
    type: str = ""

    @classmethod
    def read(cls, value: Any) -> "Place":
        """Read a place from text, or from a number of events. Raise ValueError."""
        if isinstance(value, Place):
            return value
        if type(value) is int and value >= 0:
            return cls(Unit.EVENT, value)
        if not isinstance(value, str):
            raise ValueError
        if match := _NUMBER.fullmatch(value):
            return cls._counted(float(match[1]), match[2])
        match = _TYPE.fullmatch(value)
        if not match or (nth := int(match[2] or 1)) < 1:
            raise ValueError
        return cls(Unit.TYPE, nth, match[1])

    @classmethod
    def _counted(cls, number: float, unit: str) -> "Place":
        if unit in ("", "b"):
            if number != int(number):
                raise ValueError
            return cls(Unit(unit), int(number))
        if unit == "%" and number > 100:
            raise ValueError
        if unit == "ms":
            return cls(Unit.SECONDS, number / 1000)
        return cls(Unit(unit), number)

    def __str__(self) -> str:
        if self.unit is Unit.TYPE:
            return self.type if self.number == 1 else f"{self.type}#{self.number}"
        return f"{number_text(self.number)}{self.unit.value}"

    def names(self, type: str) -> bool:
        """Return True if this place counts events of `type`."""
        return type in (self.type, f"response.{self.type}")

    def among(self, frames: Sequence[Frame], least: int = 0) -> "Place":
        """Return the place with a percentage turned into a number of events (or bytes) of `frames`.

        `least` is the first event that it may name: 1 for a spot.
        """
        if self.unit is not Unit.PERCENT:
            return self
        if events := sum(frame.event is not None for frame in frames):
            return Place(Unit.EVENT, max(least, math.ceil(self.number * events / 100)))
        return Place(Unit.BYTES, int(self.number * sum(len(frame.data) for frame in frames) / 100))


PlaceLike = Place | int | str


class Split:
    """An answer split at a point: first iterate over `before`, then over `rest`.

    A point within a frame cuts it in two; with `whole`, the split is after that frame. After `before`,
    `reached` is True if there is such a point, and `at` is its moment.
    """

    def __init__(self, frames: Iterable[Frame], place: PlaceLike, *, whole: bool = False) -> None:
        self._whole = whole
        self.place = Place.read(place)
        if self.place.unit is Unit.PERCENT:
            frames = list(frames)
            self.place = self.place.among(frames)
        self._frames = iter(frames)
        self._kept: list[Frame] = []
        self.head: Frame | None = None
        self.reached = False
        self.at = 0.0

    @property
    def stream(self) -> bool:
        """True if the answer is a stream of server-sent events."""
        return self.head is not None and self.head.head is not None and self.head.head.stream

    def before(self) -> Iterator[Frame]:
        """Yield the head, and the frames before the point."""
        left = self.place.number
        for frame in self._frames:
            if frame.head is not None:
                self.head = frame
            if self.place.unit is Unit.SECONDS and frame.at > left:
                self._kept.append(frame)
                self._reach(left)
                return
            if self.place.unit is Unit.BYTES and len(frame.data) > left and not self._whole:
                cut = int(left)
                yield replace(frame, data=frame.data[:cut], event=None)
                self._kept.append(replace(frame, data=frame.data[cut:]))
                self._reach(frame.at)
                return
            left -= self._counts(frame)
            yield frame
            ended = frame.action is not Action.SEND
            if left <= 0 and self.place.unit is not Unit.SECONDS and not ended:
                self._reach(frame.at)
                return

    def _counts(self, frame: Frame) -> int:
        match self.place.unit:
            case Unit.EVENT:
                return frame.event is not None
            case Unit.TYPE:
                return frame.event is not None and self.place.names(frame.event.type)
            case Unit.BYTES:
                return len(frame.data)
            case _:
                return 0

    def _reach(self, at: float) -> None:
        self.reached, self.at = True, at

    def rest(self) -> Iterator[Frame]:
        """Yield the frames after the point."""
        kept, self._kept = self._kept, []
        yield from kept
        yield from self._frames


def spotted(frames: Iterable[Frame], place: PlaceLike) -> Iterator[tuple[Frame, bool]]:
    """Yield each frame, and True if it carries the event that `place` names."""
    place = Place.read(place)
    if place.unit is Unit.PERCENT:
        frames = list(frames)
        place = place.among(frames, 1)
    is_it = _SPOTS[place.unit](place)
    found = False
    for frame in frames:
        here = not found and is_it(frame)
        found = found or here
        yield frame, here


def _by_count(place: Place) -> Callable[[Frame], bool]:
    left = place.number

    def is_it(frame: Frame) -> bool:
        nonlocal left
        left -= frame.event is not None and (not place.type or place.names(frame.event.type))
        return left == 0

    return is_it


def _by_bytes(place: Place) -> Callable[[Frame], bool]:
    left = place.number

    def is_it(frame: Frame) -> bool:
        nonlocal left
        left -= len(frame.data)
        return left <= 0 and frame.event is not None

    return is_it


def _by_seconds(place: Place) -> Callable[[Frame], bool]:
    return lambda frame: frame.event is not None and frame.at >= place.number


_SPOTS: dict[Unit, Callable[[Place], Callable[[Frame], bool]]] = {
    Unit.EVENT: _by_count,
    Unit.TYPE: _by_count,
    Unit.BYTES: _by_bytes,
    Unit.SECONDS: _by_seconds,
}


def _read_spot(value: Any) -> Place:
    place = Place.read(value)
    if place == Place.read(0):
        raise ValueError  # events count from 1
    return place


_PLACES = "an event number, an event type with or without #nth, bytes (100b), a share (50%) or seconds (2s)"
POINT = OptionType("point", _PLACES, Place.read)
SPOT = OptionType("spot", f"{_PLACES}; events count from 1", _read_spot)


def point(default: str) -> PlaceLike:
    """Declare a place between two events: events before it are sent unchanged."""
    return cast("PlaceLike", declare(Place.read(default), POINT))


def spot(default: str) -> PlaceLike:
    """Declare an event, by its place."""
    return cast("PlaceLike", declare(Place.read(default), SPOT))
