"""Kinds: what the options of a fault may be, how each is read from text, from JSON and from Python, and
how it is written."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from respool.faults.places import Place, PlaceLike, number_text

FOREVER = math.inf
_SHORTEST = 0.001  # seconds, between things that come again and again: a server has other work to do
_LONGEST = 1e9  # seconds; beyond it, say forever

_SECONDS = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)(s|ms)?")
_SIZE = re.compile(r"([0-9]{1,15})([kKmM]?)[bB]?")
_BARE = re.compile(r"[A-Za-z0-9_./#%:+-]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. `read` takes text or a value and raises ValueError if it is not `expected`."""

    name: str
    expected: str
    read: Callable[[Any], Any]
    write: Callable[[Any], str] = str


def text_of(value: str) -> str:
    """A string in the syntax: in JSON's quotes, if it needs them."""
    return value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _number(value: Any) -> float:
    if type(value) is bool or not isinstance(value, int | float | str):
        raise ValueError
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return number


def _read_seconds(value: Any) -> float:
    if isinstance(value, str) and value != "forever":
        match = _SECONDS.fullmatch(value)
        if not match:
            raise ValueError
        value = float(match[1]) / (1000 if match[2] == "ms" else 1)
    number = FOREVER if value == "forever" else _number(value)
    if not 0 <= number <= _LONGEST and number != FOREVER:
        raise ValueError
    return number


def _write_seconds(value: float) -> str:
    return "forever" if value == FOREVER else number_text(value)


def _read_finite(value: Any) -> float:
    if (number := _read_seconds(value)) == FOREVER:
        raise ValueError
    return number


def _read_interval(value: Any) -> float:
    if 0 < (number := _read_finite(value)) < _SHORTEST:
        raise ValueError
    return number


def _read_milliseconds(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1000 * _LONGEST:
        raise ValueError
    return number


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, str):
            match = _SIZE.fullmatch(value)
            if not match:
                raise ValueError
            value = int(match[1]) * 1024 ** " km".index(match[2].lower() or " ")
        if type(value) is not int or not least <= value <= most:
            raise ValueError
        return value

    return read


def _read_flag(value: Any) -> bool:
    if type(value) is bool:
        return value
    return {"true": True, "false": False}[value]


def _read_share(value: Any) -> float:
    if isinstance(value, str) and value.endswith("%"):
        value = float(value.removesuffix("%")) / 100
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _read_line(value: Any) -> str:
    if len(_read_text(value).splitlines()) > 1 or value.endswith(("\n", "\r")):
        raise ValueError
    return cast(str, value)


def _read_header(value: Any) -> str:
    if not _read_text(value).isascii() or not value.isprintable():
        raise ValueError
    return cast(str, value)


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None or value == "none" else read(value)


def _option(default: Any, kind: Kind) -> Any:
    """A field of a fault: the default, and the kind of its value."""
    return field(default=default, metadata={"kind": kind})


SECONDS = Kind("seconds", "seconds, 0 or more, or forever", _read_seconds, _write_seconds)
FINITE = Kind("seconds", "seconds, 0 or more", _read_finite, _write_seconds)
MAYBE_SECONDS = Kind(
    "seconds",
    "seconds, 0 or more, or none",
    _optional(_read_finite),
    lambda value: "none" if value is None else _write_seconds(value),
)
MAYBE_MILLISECONDS = Kind(
    "milliseconds",
    "milliseconds, 0 or more, or none",
    _optional(_read_milliseconds),
    lambda value: "none" if value is None else number_text(value),
)
INTERVAL = Kind("interval", f"seconds, {_SHORTEST} or more; 0: none", _read_interval, _write_seconds)
SHARE = Kind("share", "a share from 0 to 1", _read_share, number_text)
FLAG = Kind("flag", "true or false", _read_flag, lambda value: "true" if value else "false")
TEXT = Kind("text", "text", _read_text, text_of)
LINE = Kind("line", "text without line ends", _read_line, text_of)
HEADER = Kind("header", "printable ASCII", _read_header, text_of)


def seconds(default: float) -> float:
    """Seconds, or forever."""
    return cast(float, _option(default, SECONDS))


def finite(default: float) -> float:
    """Seconds."""
    return cast(float, _option(default, FINITE))


def interval(default: float) -> float:
    """Seconds between things that come again and again; 0 is none of them."""
    return cast(float, _option(default, INTERVAL))


def maybe_seconds(default: float | None = None) -> float | None:
    """Seconds, or none."""
    return cast("float | None", _option(default, MAYBE_SECONDS))


def maybe_milliseconds(default: float | None = None) -> float | None:
    """Milliseconds, or none."""
    return cast("float | None", _option(default, MAYBE_MILLISECONDS))


def share(default: float) -> float:
    """A probability."""
    return cast(float, _option(default, SHARE))


def flag(default: bool = False) -> bool:
    """Yes or no."""
    return cast(bool, _option(default, FLAG))


def text(default: str) -> str:
    """Any text."""
    return cast(str, _option(default, TEXT))


def line(default: str) -> str:
    """Text without line ends."""
    return cast(str, _option(default, LINE))


def header(default: str) -> str:
    """What an HTTP header can hold."""
    return cast(str, _option(default, HEADER))


def whole(default: int, least: int = 1, most: int = 2**31) -> int:
    """A whole number; ``64K`` and ``10M`` are numbers too."""
    kind = Kind("whole", f"a whole number from {least} to {most}", _whole(least, most))
    return cast(int, _option(default, kind))


def maybe_whole(least: int = 1, most: int = 2**31) -> int | None:
    """A whole number, or none."""
    kind = Kind(
        "whole",
        f"a whole number from {least} to {most}, or none",
        _optional(_whole(least, most)),
        lambda value: "none" if value is None else str(value),
    )
    return cast("int | None", _option(None, kind))


def choice(default: str, among: Sequence[str]) -> str:
    """One of some words."""

    def read(value: Any) -> str:
        if value not in among:
            raise ValueError
        return cast(str, value)

    return cast(str, _option(default, Kind("choice", " or ".join(among), read, text_of)))


def point(default: str) -> PlaceLike:
    """A place between two events: what is before it is sent as it is."""
    return cast("PlaceLike", _option(Place.read(default), POINT))


def spot(default: str) -> PlaceLike:
    """An event, by its place."""
    return cast("PlaceLike", _option(Place.read(default), SPOT))


def _read_spot(value: Any) -> Place:
    place = Place.read(value)
    if place == Place.read(0):
        raise ValueError  # events count from 1
    return place


_PLACES = "an event number, an event type with or without #nth, bytes (100b), a share (50%) or seconds (2s)"
POINT = Kind("point", _PLACES, Place.read)
SPOT = Kind("spot", f"{_PLACES}; events count from 1", _read_spot)
