"""Options: declared once, read from text and from values, and written again."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool import option_types
from respool.option_types import (
    COUNT,
    FINITE,
    FLAG,
    GAP,
    HEADER,
    INTEGER,
    INTERVAL,
    LINE,
    MILLISECONDS,
    PORT,
    POSITIVE,
    SECONDS,
    SHARE,
    SIZE,
    SPEED,
    TEXT,
    OptionType,
    choice_type,
    number_type,
)
from respool.options import (
    AUTO,
    MaybeNumber,
    choice,
    maybe_seconds,
    maybe_whole,
    options_of,
    read_options,
    seconds,
    whole,
)


@dataclass(frozen=True)
class Base:
    """What all have.

    count  how many: none, all
    """

    count: int | None = maybe_whole(1, 9)


@dataclass(frozen=True)
class Pause(Base):
    """A pause.

    wait   how long
    size   bytes that are sent before
    where  a, b
    """

    wait: float = seconds(1.0)
    size: int = whole(1024, 1, 2**20, unit="bytes")
    where: str = choice("a", ("a", "b"))
    retry: MaybeNumber = maybe_seconds(AUTO)  # noqa: RUF009
    other: int = 5  # no option

    def __post_init__(self) -> None:
        read_options(self, lambda name, value, expected: TypeError(f"{name}={value}: {expected}"))


def test_an_option_has_its_type_unit_range_default_and_help() -> None:
    found = options_of(Pause)
    assert list(found) == ["count", "wait", "size", "where", "retry"]
    assert {name: (one.help, one.default) for name, one in found.items()} == {
        "count": ("how many: none, all", None),
        "wait": ("how long", 1.0),
        "size": ("bytes that are sent before", 1024),
        "where": ("a, b", "a"),
        "retry": ("", "auto"),
    }
    size, wait = found["size"].type, found["wait"].type
    assert (size.name, size.unit, size.low, size.high) == ("whole", "bytes", 1, 2**20)
    assert (wait.name, wait.unit, wait.low, wait.high) == ("seconds", "s", 0, math.inf)


def test_values_are_read_when_an_instance_is_made() -> None:
    pause = Pause(wait="250ms", size="64K", count="3", retry="none")  # type: ignore[arg-type]
    assert (pause.wait, pause.size, pause.count, pause.retry) == (0.25, 65536, 3, None)
    with pytest.raises(TypeError, match=r"^size=2M: a whole number from 1 to 1048576$"):
        Pause(size="2M")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^retry=forever: seconds, 0 or more, or none, or auto$"):
        Pause(retry="forever")  # type: ignore[arg-type]


READ = [
    (SIZE, "32M", 33554432), (SIZE, "1GiB", 2**30), (INTEGER, "-7", -7), (COUNT, 1, 1), (PORT, "0", 0),
    (SPEED, "instant", math.inf), (SPEED, 2, 2.0), (GAP, "typical", "typical"), (POSITIVE, "1ms", 0.001),
    (number_type(0.5, 2, "s"), "500ms", 0.5),
    (SECONDS, "1.5", 1.5), (SECONDS, "250ms", 0.25), (SECONDS, ".5s", 0.5), (SECONDS, "1e3", 1000.0),
    (SECONDS, "forever", math.inf), (SECONDS, 2, 2), (FINITE, "0", 0.0), (INTERVAL, 0, 0),
    (MILLISECONDS, "20", 20.0), (SHARE, "25%", 0.25), (SHARE, 1, 1), (FLAG, "true", True),
    (FLAG, False, False), (TEXT, "a\nb", "a\nb"), (LINE, "a b", "a b"), (HEADER, "text/html", "text/html"),
]  # fmt: skip
REFUSED = [
    (SIZE, "1X"), (SIZE, "-1"), (INTEGER, 1.5), (COUNT, 0), (PORT, 65536), (SPEED, 0), (GAP, "often"),
    (POSITIVE, 0), (number_type(0.5, 2, "s"), "3"),
    (SECONDS, "soon"), (SECONDS, -1),
    (SECONDS, math.nan), (SECONDS, "1e10"), (SECONDS, True), (SECONDS, None),
    (SECONDS, "1" * 20_000), (SECONDS, "1." * 10_000), (FINITE, "forever"), (INTERVAL, 0.0001),
    (MILLISECONDS, "1e13"), (MILLISECONDS, "0" * 41), (SHARE, "101%"), (SHARE, "0" * 41 + "%"), (FLAG, "yes"),
    (FLAG, []),
    (TEXT, 5), (LINE, "a\nb"), (LINE, "a\r"), (HEADER, "é"), (HEADER, "a\nb"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        (number_type(0.001), 0, "a number, 0.001 or more"),
        (number_type(0, 5, "s"), 7, "seconds from 0 to 5"),
        (number_type(None, 0), 1, "a number, at most 0"),
        (FINITE, 2e9, "seconds, 0 or more, at most 1e+09"),
        (FINITE, -1, "seconds, 0 or more"),
        (FINITE, "2e9", "seconds, 0 or more, at most 1e+09"),
        (FINITE, "soon", "seconds, 0 or more"),
        (FINITE, None, "seconds, 0 or more"),
        (choice_type(("a", "b")), "c", "a or b"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected(type: OptionType, value: Any, expected: str) -> None:
    assert type.expected_for(value) == expected


@pytest.mark.parametrize(("type", "given", "value"), READ)
def test_a_value_is_read(type: OptionType, given: Any, value: Any) -> None:
    assert type.read(given) == value


@pytest.mark.parametrize(("type", "given"), REFUSED, ids=lambda value: str(value)[:20])
def test_a_value_that_is_none_is_refused(type: OptionType, given: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, OverflowError)):
        type.read(given)


@given(st.floats(0, option_types.LONGEST) | st.just(math.inf))
def test_any_seconds_are_read_as_they_were_written(value: float) -> None:
    assert SECONDS.read(SECONDS.write(value)) == value


@given(st.text())
def test_no_text_is_anything_but_a_value_or_refused(text: str) -> None:
    for one in (SECONDS, FINITE, INTERVAL, MILLISECONDS, SHARE, FLAG, LINE, HEADER):
        try:
            value = one.read(text)
        except (ValueError, KeyError):
            continue
        assert one.read(value) == value
