"""Option types: the values that options take, with units and ranges, read from text or values and written."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

FOREVER = math.inf
SHORTEST = 0.001  # seconds, of an interval: a server has other work to do
LONGEST = 1e9  # seconds; a longer time is written as forever
# The numbers of digits are bounded, so that a long text is refused at once. A float has no more than these.
_SECONDS = re.compile(
    r"((?:[0-9]{1,20}(?:\.[0-9]{1,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?)(s|ms)?", re.ASCII
)
_WHOLE = re.compile(r"([+-]?[0-9]{1,19}) *([kmg]?)i?b?", re.IGNORECASE | re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9_./#%:+-]+")
_MOST_DIGITS = 40


@dataclass(frozen=True, slots=True)
class OptionType:
    """The values that an option takes.

    `read` takes text or a value, and raises ValueError (or KeyError, TypeError, OverflowError) if it is not
    what is `expected`; `write` gives the text that `read` reads. `low` and `high` are in the `unit`, both
    included; None: there is no bound. `words` are the texts of further values.
    """

    name: str
    expected: str
    read: Callable[[Any], Any]
    write: Callable[[Any], str] = str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()

    def expected_for(self, value: Any) -> str:
        """Return what is expected instead of a wrong value; of one that is too high, with the limit."""
        high = FOREVER if self.high is None else self.high
        try:
            too_high = high < float(value) < FOREVER
        except (ValueError, TypeError, OverflowError):
            return self.expected
        if not too_high or number_text(high) in self.expected:
            return self.expected
        return f"{self.expected}, at most {high:g}"

    @property
    def json(self) -> str:
        """The type of a value in JSON: boolean, integer, number or string."""
        return _JSON.get(self.name, "number")

    @property
    def metavar(self) -> str:
        """The placeholder of a value in the help of a command."""
        return "|".join([*([] if self.name == "choice" else [self.name.upper()]), *self.words])


_JSON = {
    "flag": "boolean",
    "whole": "integer",
    "bytes": "integer",
    "port": "integer",
    "choice": "string",
    "text": "string",
    "line": "string",
    "header": "string",
}


def number_text(value: float) -> str:
    """Return a number as people write it: no digit lost, no needless ``.0``."""
    return repr(value).removesuffix(".0")


def text_of(value: str) -> str:
    """Return a string as the syntax has it: in JSON's quotes, if it needs them."""
    return value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _number(value: Any) -> float:
    if type(value) is bool or not isinstance(value, int | float | str):
        raise ValueError
    if isinstance(value, str) and len(value) > _MOST_DIGITS:
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
    if not 0 <= number <= LONGEST and number != FOREVER:
        raise ValueError
    return number


def _write_seconds(value: float) -> str:
    return "forever" if value == FOREVER else number_text(value)


def _read_finite(value: Any) -> float:
    if (number := _read_seconds(value)) == FOREVER:
        raise ValueError
    return number


def _read_interval(value: Any) -> float:
    if 0 < (number := _read_finite(value)) < SHORTEST:
        raise ValueError
    return number


def _read_milliseconds(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1000 * LONGEST:
        raise ValueError
    return number


def _between(read: Callable[[Any], Any], low: float | None, high: float | None) -> Callable[[Any], Any]:
    def read_between(value: Any) -> Any:
        number = read(value)
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueError
        return number

    return read_between


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f", at most {number_text(high)}"
    if high is None or high == FOREVER:
        return f", {number_text(low)} or more"
    return f" from {number_text(low)} to {number_text(high)}"


def _read_whole(value: Any) -> int:
    if isinstance(value, str):
        match = _WHOLE.fullmatch(value)
        if not match:
            raise ValueError
        value = int(match[1]) * 1024 ** " kmg".index(match[2].lower() or " ")
    if type(value) is not int:
        raise ValueError
    return value


def _read_above_zero(value: Any) -> float:
    if (number := _number(value)) <= 0:
        raise ValueError
    return number


def _read_positive(value: Any) -> float:
    if (number := _read_finite(value)) == 0:
        raise ValueError
    return number


def _read_flag(value: Any) -> bool:
    if type(value) is bool:
        return value
    return {"true": True, "false": False}[value]


def _read_share(value: Any) -> float:
    if isinstance(value, str) and value.endswith("%"):
        value = _number(value.removesuffix("%")) / 100
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


def or_word(type: OptionType, word: str, value: Any) -> OptionType:
    """Return the same type with a word that stands for one more value."""
    return replace(
        type,
        expected=f"{type.expected}, or {word}",
        read=lambda given: value if given in (value, word) else type.read(given),
        write=lambda given: word if given == value else type.write(given),
        words=(*type.words, word),
    )


def or_none(type: OptionType) -> OptionType:
    """Return the same type with ``none`` for None."""
    return or_word(type, "none", None)


def whole_type(low: int | None = 0, high: int | None = None, unit: str = "") -> OptionType:
    """Return the type of whole numbers within bounds; ``64K`` and ``10M`` are numbers too."""
    what = f"a whole number{_range(low, high)}"
    return OptionType("whole", what, _between(_read_whole, low, high), str, unit, low, high)


def size_type(low: int = 0) -> OptionType:
    """Return the type of numbers of bytes, `low` or more."""
    expected = f"bytes{_range(low or None, None)}, as 1000000, 512K or 32M"
    return replace(whole_type(low, unit="bytes"), name="bytes", expected=expected)


def number_type(low: float | None = 0, high: float | None = None, unit: str = "") -> OptionType:
    """Return the type of numbers within bounds; with the unit ``s`` they are seconds."""
    read, name, what = (
        (_read_finite, "seconds", "seconds") if unit == "s" else (_number, "number", "a number")
    )
    return OptionType(name, what + _range(low, high), _between(read, low, high), number_text, unit, low, high)


def choice_type(among: Sequence[str]) -> OptionType:
    """Return the type of some words."""

    def read(value: Any) -> str:
        if value not in among:
            raise ValueError
        return cast(str, value)

    return OptionType("choice", " or ".join(among), read, text_of, words=tuple(map(str, among)))


SECONDS = OptionType(
    "seconds", "seconds, 0 or more, or forever", _read_seconds, _write_seconds, "s", 0, FOREVER
)
FINITE = OptionType("seconds", "seconds, 0 or more", _read_finite, _write_seconds, "s", 0, LONGEST)
MILLISECONDS = OptionType(
    "milliseconds", "milliseconds, 0 or more", _read_milliseconds, number_text, "ms", 0, 1000 * LONGEST
)
INTERVAL = OptionType(
    "interval", f"seconds, {SHORTEST} or more; 0: none", _read_interval, _write_seconds, "s", 0, LONGEST
)
SHARE = OptionType("share", "a share from 0 to 1", _read_share, number_text, "", 0, 1)
POSITIVE = OptionType("seconds", "seconds, more than 0", _read_positive, _write_seconds, "s", 0, LONGEST)
FACTOR = OptionType("factor", "a factor above 0", _read_above_zero, number_text, "", 0)
SIZE = size_type()
INTEGER = whole_type(None)
COUNT = whole_type(1)
PORT = replace(whole_type(0, 65535), name="port", expected="a port from 0 to 65535")
SPEED = or_word(FACTOR, "instant", FOREVER)
GAP = or_word(FINITE, "typical", "typical")
FLAG = OptionType("flag", "true or false", _read_flag, lambda value: "true" if value else "false")
TEXT = OptionType("text", "text", _read_text, text_of)
LINE = OptionType("line", "text without line ends", _read_line, text_of)
HEADER = OptionType("header", "printable ASCII", _read_header, text_of)
