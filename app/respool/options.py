"""Options: each is declared once, with its type, unit, range, default and help, and read from text or values.

An option is a field of a dataclass whose default is made by one of the functions below:

    @dataclass(frozen=True)
    class Stall:
        \"\"\"The answer pauses.

        seconds  how long
        \"\"\"

        seconds: float = seconds(1.0)

`options_of(Stall)` gives its options, with the lines of the docstring as their help. `read_options` reads
the values of an instance.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, cast

from respool.errors import OptionError, printable
from respool.option_types import (
    FINITE,
    FLAG,
    HEADER,
    INTERVAL,
    LINE,
    MILLISECONDS,
    SECONDS,
    SHARE,
    TEXT,
    OptionType,
    choice_type,
    or_none,
    or_word,
    whole_type,
)

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name, type, default and help."""

    name: str
    type: OptionType
    default: Any
    help: str = ""


def declare(default: Any, type: OptionType) -> Any:
    """Return a dataclass field that is an option of this type."""
    return field(default=default, metadata={"option": type})


def options_of(owner: type) -> Mapping[str, Option]:
    """Return the options of a dataclass, in the order of its fields.

    Their help is the line of a docstring that begins with the name and two spaces.
    """
    return _options_of(cast(Hashable, owner))


@cache
def _options_of(hashable: Hashable) -> Mapping[str, Option]:
    owner = cast(type, hashable)
    found: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        for line in (base.__doc__ or "").splitlines():
            name, gap, about = line.strip().partition("  ")
            if gap:
                found[name] = about.strip()
    return MappingProxyType(
        {
            one.name: Option(one.name, one.metadata["option"], one.default, found.get(one.name, ""))
            for one in fields(owner)
            if "option" in one.metadata
        }
    )


def read_options(instance: Any, wrong: Callable[[str, Any, str], Exception]) -> None:
    """Read the values that a (frozen) dataclass instance was made with.

    Raise what `wrong` makes of an option's name, its value, and what was expected.
    """
    for name, option in options_of(type(instance)).items():
        value = getattr(instance, name)
        try:
            object.__setattr__(instance, name, option.type.read(value))
        except (ValueError, KeyError, TypeError, OverflowError):
            raise wrong(name, value, option.type.expected_for(value)) from None


def out_of_range(name: str, value: Any, expected: str) -> OptionError:
    """Return the error for an option of a server that has a wrong value."""
    return OptionError(f"{name.replace('_', '-')} is {printable(str(value), 60)}, expected {expected}")


MaybeNumber = float | Literal["auto"] | None


def seconds(default: float) -> float:
    """Declare seconds, or forever."""
    return cast(float, declare(default, SECONDS))


def finite(default: float) -> float:
    """Declare seconds."""
    return cast(float, declare(default, FINITE))


def interval(default: float) -> float:
    """Declare an interval in seconds; 0 turns it off."""
    return cast(float, declare(default, INTERVAL))


def _maybe(default: MaybeNumber, type: OptionType) -> MaybeNumber:
    maybe = or_none(type)
    return cast("MaybeNumber", declare(default, or_word(maybe, AUTO, AUTO) if default == AUTO else maybe))


def maybe_seconds(default: MaybeNumber = None) -> MaybeNumber:
    """Declare seconds, or none; or auto, if that is the default."""
    return _maybe(default, FINITE)


def maybe_milliseconds(default: MaybeNumber = None) -> MaybeNumber:
    """Declare milliseconds, or none; or auto, if that is the default."""
    return _maybe(default, MILLISECONDS)


def share(default: float) -> float:
    """Declare a probability."""
    return cast(float, declare(default, SHARE))


def flag(default: bool = False) -> bool:
    """Declare yes or no."""
    return cast(bool, declare(default, FLAG))


def text(default: str) -> str:
    """Declare any text."""
    return cast(str, declare(default, TEXT))


def line(default: str) -> str:
    """Declare text without line ends."""
    return cast(str, declare(default, LINE))


def header(default: str) -> str:
    """Declare what an HTTP header can hold."""
    return cast(str, declare(default, HEADER))


def whole(default: int, least: int = 1, most: int = 2**31, unit: str = "") -> int:
    """Declare a whole number; ``64K`` and ``10M`` are numbers too."""
    return cast(int, declare(default, whole_type(least, most, unit)))


def maybe_whole(least: int = 1, most: int = 2**31, unit: str = "") -> int | None:
    """Declare a whole number, or none."""
    return cast("int | None", declare(None, or_none(whole_type(least, most, unit))))


def choice(default: str, among: Sequence[str]) -> str:
    """Declare one of some words."""
    return cast(str, declare(default, choice_type(among)))


def maybe_choice(among: Sequence[str]) -> str | None:
    """Declare one of some words, or none."""
    return cast("str | None", declare(None, or_none(choice_type(among))))
