"""Texts and numbers that validate against a JSON Schema: lengths, formats, bounds, multiples."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random
from typing import Any
from uuid import UUID

from respool.scripts.improvise.pattern_texts import MORE, PatternError, matching

Schema = Mapping[str, Any]

LONGEST = 100_000  # characters of a text
_TRIES = 8  # for a text of the right length


class SampleError(ValueError):
    """There is no value for a schema, or none can be made. `path` leads to the part at fault."""

    def __init__(self, problem: str, path: tuple[str | int, ...] = ()) -> None:
        self.problem = problem
        self.path = path
        super().__init__(problem)


class TooLarge(SampleError):
    """The schema, or each value for it, is too large. No other way is tried."""


def _date(rng: Random) -> str:
    return f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _time(rng: Random) -> str:
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:00Z"


def _ipv6(rng: Random) -> str:
    return f"2001:db8::{rng.randint(1, 0xFFFF):x}"  # RFC 3849: for documentation


def _uri(rng: Random) -> str:
    return f"https://example.com/{rng.randint(1, 999)}"


# The formats of the service's strict subset, and other common ones: RFC 3339, 5322, 1123, 2606, 5737, 4122.
FORMATS: Mapping[str, Callable[[Random], str]] = {
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
    "date": _date,
    "time": _time,
    "duration": lambda rng: f"P{rng.randint(1, 9)}DT{rng.randint(1, 23)}H",
    "email": lambda rng: f"{rng.choice(('ada', 'grace', 'alan'))}@example.com",
    "idn-email": lambda rng: "ada@example.com",
    "hostname": lambda rng: f"host-{rng.randint(1, 99)}.example.com",
    "idn-hostname": lambda rng: f"host-{rng.randint(1, 99)}.example.com",
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",
    "ipv6": _ipv6,
    "uuid": lambda rng: str(UUID(int=rng.getrandbits(128), version=4)),
    "uri": _uri,
    "url": _uri,
    "iri": _uri,
    "uri-reference": lambda rng: f"/{rng.randint(1, 999)}",
    "json-pointer": lambda rng: "/a/0",
    "regex": lambda rng: "^[a-z]+$",
}


def text(schema: Schema, rng: Random, usual: str) -> str:
    """Return a text: `usual`, unless the schema requires another. Raise SampleError."""
    least, most = _count(schema, "minLength", 0), _count(schema, "maxLength", LONGEST)
    if least > LONGEST:
        raise SampleError(f"a text of {least} characters, expected at most {LONGEST}")
    if least > most:
        raise SampleError(f"a text cannot have at least {least} and at most {most} characters")
    pattern, make = schema.get("pattern"), FORMATS.get(str(schema.get("format")))
    if isinstance(pattern, str):
        for more in (MORE, 0, 1, 2, 2 * MORE, 4 * MORE, least, 16 * MORE):
            for _ in range(_TRIES):
                try:
                    found = matching(pattern, rng, more)
                except PatternError as error:
                    raise SampleError(str(error)) from None
                if least <= len(found) <= most:
                    return found
        raise SampleError(f"found no text of {least} to {most} characters that matches the pattern")
    if make:
        for _ in range(_TRIES):
            if least <= len(found := make(rng)) <= most:
                return found
        raise SampleError(f"found no {schema['format']} of {least} to {most} characters")
    if len(usual) < least:
        usual = (usual or "text") + " "
        usual = (usual * (least // len(usual) + 1))[:least]
    return usual[:most]


def number(schema: Schema, rng: Random, *, whole: bool) -> int | float:
    """Return a number within bounds. Raise SampleError."""
    low, low_open = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _bound(schema, "maximum", "exclusiveMaximum", min)
    multiple = _fraction(schema.get("multipleOf"))
    if multiple is not None and multiple <= 0:
        raise SampleError("multipleOf must be greater than 0")
    step = multiple or (Fraction(1) if whole else Fraction(1, 10))
    if whole and step.denominator != 1:
        step = Fraction(step.numerator)  # the least common multiple of it and 1
    if low is None and high is None:
        low, high = Fraction(1), Fraction(100)
    elif low is None:
        low = Fraction(high >= 10) if high is not None and high >= 0 else (high or 0) - 100 * step
    elif high is None:
        high = low + 100 * step
    assert high is not None
    first, last = math.ceil(low / step), math.floor(high / step)
    first += low_open and first * step == low
    last -= high_open and last * step == high
    if first <= last:
        begin = rng.randint(first, min(last, first + 1000))
        ways = (*range(begin, min(begin + 100, last + 1)), *range(first, min(begin, first + 1000)))
        for way in ways:
            found = _plain(way * step)
            # Tested as a checker does it: by division of floats.
            if multiple is None or type(found) is int or _divides(found, schema["multipleOf"]):
                return found
    if multiple is None and not whole and low <= high:
        between = _plain(low + (high - low) * Fraction(rng.randint(1, 15), 16)) if low < high else _plain(low)
        if low < between < high or (between in (low, high) and not (low_open or high_open)):
            return between
    raise SampleError("there is no number within the bounds")


def _divides(value: float, step: float) -> bool:
    quotient = value / step
    return math.isfinite(quotient) and int(quotient) == quotient


def _plain(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _bound(
    schema: Schema, closed: str, opened: str, tighter: Callable[..., tuple[Fraction, bool]]
) -> tuple[Fraction | None, bool]:
    """Return the tighter of two bounds, and whether it is exclusive."""
    found = [
        (bound, open_)
        for name, open_ in ((closed, False), (opened, True))
        if (bound := _fraction(schema.get(name))) is not None
    ]
    return tighter(found, key=lambda one: one[0]) if found else (None, False)


def _fraction(value: Any) -> Fraction | None:
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return Fraction(repr(value))  # 0.1 is one tenth, not the float nearest to it
    return None


def _count(schema: Schema, name: str, usual: int) -> int:
    value = schema.get(name)
    return int(value) if isinstance(value, (int, float)) and 0 <= value < math.inf else usual
