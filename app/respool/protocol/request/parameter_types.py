"""Parameter: the allowed values of one parameter: JSON types, range, length, members."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from respool.protocol import parameter_errors

Inside = Callable[[str, Any], None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """The allowed values of one parameter. Bounds are inclusive; `longest` is in characters."""

    types: tuple[type, ...]
    expected: str  # as an error names it: "a string"
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    values: tuple[str, ...] = ()  # for a string; empty: any
    required: bool = False  # if the object that it is in is there
    inside: Inside | None = None  # checks the contents of an array or object

    @property
    def free(self) -> frozenset[type]:
        """The types without restricted values."""
        restricted = {
            str: bool(self.values) or self.longest is not None,
            int: (self.least, self.most) != (None, None),
            float: (self.least, self.most) != (None, None),
        }
        return frozenset(one for one in self.types if not restricted.get(one, self.inside is not None))

    def check(self, param: str, value: Any) -> None:
        """Raise RequestError if `value` is not allowed. It is neither absent nor null."""
        # Not isinstance: to Python, true is an integer.
        if type(value) not in self.types:
            raise parameter_errors.invalid_type(param, self.expected, value)
        if type(value) is str:
            if self.values and value not in self.values:
                raise parameter_errors.invalid_value(param, value, self.values)
            if self.longest is not None and len(value) > self.longest:
                raise parameter_errors.string_too_long(param, len(value), self.longest)
        elif type(value) in (int, float):
            decimal = float in self.types
            if self.least is not None and value < self.least:
                raise parameter_errors.below_minimum(param, value, self.least, decimal=decimal)
            if self.most is not None and value > self.most:
                raise parameter_errors.above_maximum(param, value, self.most, decimal=decimal)
        elif self.inside:
            self.inside(param, value)


def string(longest: int | None = None, *, required: bool = False, inside: Inside | None = None) -> Parameter:
    """Declare a string of at most `longest` characters."""
    return Parameter((str,), "a string", longest=longest, required=required, inside=inside)


def boolean() -> Parameter:
    """Declare a boolean."""
    return Parameter((bool,), "a boolean")


def integer(least: int | None = None, most: int | None = None) -> Parameter:
    """Declare an integer. 1.0 is none, as to the service."""
    return Parameter((int,), "an integer", least, most)


def decimal(least: int | None = None, most: int | None = None) -> Parameter:
    """Declare a number, integer or not."""
    return Parameter((int, float), "a decimal", least, most)


def enum(*values: str) -> Parameter:
    """Declare one of these strings."""
    return Parameter((str,), parameter_errors.one_of(values), values=values)


def mapping(inside: Inside | None = None, expected: str = "an object") -> Parameter:
    """Declare an object."""
    return Parameter((dict,), expected, inside=inside)


def array(expected: str, inside: Inside | None = None) -> Parameter:
    """Declare an array; `expected` names its elements."""
    return Parameter((list,), expected, inside=inside)


def each(parameter: Parameter) -> Inside:
    """Return a check of every element of an array; null is no element."""

    def check(param: str, value: Any) -> None:
        for number, element in enumerate(value):
            parameter.check(f"{param}[{number}]", element)

    return check
