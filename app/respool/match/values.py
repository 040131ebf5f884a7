"""Tests of values: texts (equal, containing, by pattern), presence, and parts of JSON values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respool.match.patterns import Pattern
from respool.match.rules import PatternText
from respool.option_types import FLAG
from respool.scripts.records import Record
from respool.scripts.sources import ScriptPlace
from respool.scripts.value_types import Either, Text, ValueOf, ValueType

LONGEST_SEARCHED = 1_000_000  # characters of a text that are searched


@dataclass(frozen=True, slots=True)
class TextTest:
    """A test of a text; all fields that are set must hold. `present`: whether there must be a text at all."""

    equals: str | None = None
    contains: str | None = None
    regex: Pattern | None = None
    present: bool | None = None

    def __call__(self, text: str | None) -> bool:
        if self.present is not None:
            return (text is not None) == self.present
        if text is None:
            return False
        text = text[:LONGEST_SEARCHED]
        return (
            (self.equals is None or text == self.equals)
            and (self.contains is None or self.contains in text)
            and (self.regex is None or self.regex.search(text))
        )

    def follows_from(self, other: "TextTest") -> bool:
        """Return True if every text that passes `other` passes this test."""
        if self == other:
            return True
        if self.present is not None:
            return self.present and other.present is None
        if other.equals is not None:
            return self(other.equals)
        inside = other.contains or ""
        return (
            self.equals is None
            and (self.contains is None or self.contains in inside)
            and (self.regex is None or self.regex == other.regex)
        )

    def __str__(self) -> str:
        if self.present is not None:
            return "is there" if self.present else "is not there"
        given = (
            ("equals", self.equals),
            ("contains", self.contains),
            ("regex", self.regex and self.regex.text),
        )
        return " and ".join(f'{name} "{value}"' for name, value in given if value is not None)


_FIELDS: Mapping[str, ValueType] = {
    "equals": Text(about="The whole text."),
    "contains": Text(about="A part of the text."),
    "regex": PatternText(about="A pattern that is found in the text, in the syntax of RE2."),
}


@dataclass(frozen=True)
class TextTestType(ValueType):
    """A test of a text: the text itself, or a mapping with equals, contains, regex.

    With `presence`, also true or false: whether there must be one.
    """

    presence: bool = False

    @property
    def _record(self) -> ValueType:
        record = Record(_FIELDS, some=tuple(_FIELDS), short="equals")
        return Either((ValueOf(FLAG), record)) if self.presence else record

    @property
    def expects(self) -> str:
        return "text, or a mapping with equals, contains or regex"

    def fits(self, value: Any) -> bool:
        return self._record.fits(value)

    def read(self, value: Any, place: ScriptPlace) -> TextTest:
        found = self._record.read(value, place)
        return TextTest(present=found) if isinstance(found, bool) else TextTest(**found)

    def shape(self) -> dict[str, Any]:
        return self._record.shape()


def part_of(expected: Any, value: Any) -> bool:
    """Return True if a JSON value has all that is expected of it.

    An object needs the expected members, an array the expected elements in this order, any other value must
    be equal.
    """
    match expected, value:
        case dict(), dict():
            return all(name in value and part_of(one, value[name]) for name, one in expected.items())
        case list(), list():
            rest = iter(value)
            return all(any(part_of(one, other) for other in rest) for one in expected)
        case (bool(), _) | (_, bool()):
            return expected is value
        case _:
            return bool(expected == value)
