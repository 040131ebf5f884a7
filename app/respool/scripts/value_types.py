"""Types of values in a Script: each reads plain data, writes it at its shortest, and has a JSON Schema.

Plain data is JSON data: dicts, lists, text, numbers, booleans, None. Mappings with known fields are in
`records`, the tables of fields in `tables`.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from respool.errors import did_you_mean
from respool.option_types import TEXT, OptionType
from respool.protocol.events import compact
from respool.scripts.pictures import Picture, inspect
from respool.scripts.sources import ScriptError, ScriptPlace, shown


@dataclass(frozen=True)
class ValueType:
    """The base of all value types: any JSON value."""

    _: KW_ONLY
    about: str = ""  # for the JSON Schema: shown by an editor

    @property
    def expects(self) -> str:
        """The expected value, for an error message."""
        return "any value"

    def fits(self, value: Any) -> bool:
        """Return True if the value has the right shape, with any content."""
        return True

    def holds(self, value: Any) -> bool:
        """Return True if `read` can have returned this value."""
        return self.fits(value)

    def read(self, value: Any, place: ScriptPlace) -> Any:
        """Return the value as a Script has it. Raise ScriptError."""
        if not self.fits(value):
            raise place.error(f"expected {self.expects}, but this is {shown(value)}")
        return value

    def plain(self, value: Any) -> Any:
        """Return the shortest data that `read` turns into this value."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the type."""
        return self.shape() | ({"description": self.about} if self.about else {})

    def shape(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Text(ValueType):
    """Text. Numbers and booleans are taken as their source text."""

    @property
    def expects(self) -> str:
        return TEXT.expected

    def fits(self, value: Any) -> bool:
        return isinstance(value, (str, bool, int, float))

    def read(self, value: Any, place: ScriptPlace) -> str:
        if value is None:
            raise place.error(f"expected {self.expects}, but there is none; an empty text is ''")
        super().read(value, place)
        if isinstance(value, str):
            return value
        written = place.source.written(place.path)
        return json.dumps(value) if written is None else written

    def shape(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class ValueOf(ValueType):
    """A value of an option type: a number, a boolean or a word. A number is not read from text."""

    type: OptionType

    @property
    def expects(self) -> str:
        return self.type.expected

    def fits(self, value: Any) -> bool:
        if isinstance(value, str):
            return bool(self.type.words)
        return isinstance(value, _PYTHON[self.type.json]) and isinstance(value, bool) == (
            self.type.json == "boolean"
        )

    def read(self, value: Any, place: ScriptPlace) -> Any:
        super().read(value, place)
        if isinstance(value, str) and value not in self.type.words:
            hint = did_you_mean(value, self.type.words)
            raise place.error(f"expected {self.expects}, but this is {shown(value)}{hint}")
        try:
            found = self.type.read(value)
        except (ValueError, TypeError, OverflowError):
            expected = self.type.expected_for(value)
            raise place.error(f"expected {expected}, but this is {shown(value)}") from None
        return value if found == value else found  # 2 stays 2, not 2.0

    def plain(self, value: Any) -> Any:
        return next((word for word in self.type.words if self.type.read(word) == value), value)

    def shape(self) -> dict[str, Any]:
        words = {"enum": list(self.type.words)}
        if self.type.name == "choice":
            return words
        bounds = {"minimum": self.type.low, "maximum": self.type.high}
        shape = {
            "type": self.type.json,
            **{name: bound for name, bound in bounds.items() if bound is not None},
        }
        return {"anyOf": [words, shape]} if self.type.words else shape


_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "string": str,
}


@dataclass(frozen=True)
class Object(ValueType):
    """A mapping taken literally. `required` fields are text; `forbidden` fields have an error each."""

    required: Sequence[str] = ()
    forbidden: Mapping[str, str] = field(default_factory=dict)

    @property
    def expects(self) -> str:
        return "a mapping" + (f" with {' and '.join(self.required)}" if self.required else "")

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def read(self, value: Any, place: ScriptPlace) -> Any:
        super().read(value, place)
        for name in self.required:
            if name not in value:
                raise place.error(f"{name} is missing")
            if not isinstance(value[name], str):
                raise place.below(name).error(f"expected text, but this is {shown(value[name])}")
        for name in self.forbidden.keys() & value.keys():
            raise place.below(name).error(self.forbidden[name], at_key=True)
        return value

    def shape(self) -> dict[str, Any]:
        properties: dict[str, Any] = {name: {"type": "string"} for name in self.required}
        properties |= dict.fromkeys(self.forbidden, False)
        return {"type": "object", "properties": properties, "required": list(self.required)}


@dataclass(frozen=True)
class JsonText(ValueType):
    """A JSON text. Text is taken literally, any other value becomes compact JSON."""

    @property
    def expects(self) -> str:
        return "a mapping, or JSON as text"

    def fits(self, value: Any) -> bool:
        return value is not None

    def read(self, value: Any, place: ScriptPlace) -> str:
        super().read(value, place)
        return value if isinstance(value, str) else compact(value)

    def plain(self, value: str) -> Any:
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return parsed if isinstance(parsed, dict) and compact(parsed) == value else value


@dataclass(frozen=True)
class ListOf(ValueType):
    """A list; with `single`, one element may stand for a list of it."""

    kind: ValueType
    single: bool = False
    least: int = 0

    @property
    def expects(self) -> str:
        return (
            f"a list of {self.kind.expects}" if not self.single else f"{self.kind.expects}, or a list of it"
        )

    def fits(self, value: Any) -> bool:
        return isinstance(value, list) or (self.single and self.kind.fits(value))

    def holds(self, value: Any) -> bool:
        return isinstance(value, (tuple, list))

    def read(self, value: Any, place: ScriptPlace) -> tuple[Any, ...]:
        super().read(value, place)
        if not isinstance(value, list):
            return (self.kind.read(value, place),)
        if len(value) < self.least:
            raise place.error(f"expected {self.expects}, but it is empty")
        found = []
        for number, element in enumerate(value):
            try:
                found.append(self.kind.read(element, place.below(number)))
            except ScriptError as error:
                place.source.damage(error)
        return tuple(found)

    def plain(self, value: Sequence[Any]) -> Any:
        elements = [self.kind.plain(element) for element in value]
        if self.single and len(elements) == 1 and not isinstance(elements[0], list):
            return elements[0]
        return elements

    def shape(self) -> dict[str, Any]:
        whole: dict[str, Any] = {"type": "array", "items": self.kind.schema()}
        if self.least:
            whole["minItems"] = self.least
        return {"anyOf": [self.kind.schema(), whole]} if self.single else whole


@dataclass(frozen=True)
class MapOf(ValueType):
    """A mapping of any keys to values of one type."""

    kind: ValueType

    @property
    def expects(self) -> str:
        return f"a mapping to {self.kind.expects}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def read(self, value: Any, place: ScriptPlace) -> dict[str, Any]:
        super().read(value, place)
        return {key: self.kind.read(element, place.below(key)) for key, element in value.items()}

    def plain(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self.kind.plain(element) for key, element in value.items()}

    def shape(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.kind.schema()}


@dataclass(frozen=True)
class Either(ValueType):
    """The first of several types that the value fits."""

    kinds: Sequence[ValueType]

    @property
    def expects(self) -> str:
        return ", or ".join(kind.expects for kind in self.kinds)

    def fits(self, value: Any) -> bool:
        return any(kind.fits(value) for kind in self.kinds)

    def read(self, value: Any, place: ScriptPlace) -> Any:
        super().read(value, place)
        return next(kind for kind in self.kinds if kind.fits(value)).read(value, place)

    def plain(self, value: Any) -> Any:
        return next(kind for kind in self.kinds if kind.holds(value)).plain(value)

    def shape(self) -> dict[str, Any]:
        return {"anyOf": [kind.schema() for kind in self.kinds]}


@dataclass(frozen=True)
class Null(ValueType):
    @property
    def expects(self) -> str:
        return "null"

    def fits(self, value: Any) -> bool:
        return value is None

    def shape(self) -> dict[str, Any]:
        return {"type": "null"}


@dataclass(frozen=True)
class PictureFile(ValueType):
    """The name of a picture file; the file is read."""

    @property
    def expects(self) -> str:
        return "the name of a picture file"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def holds(self, value: Any) -> bool:
        return isinstance(value, Picture)

    def read(self, value: Any, place: ScriptPlace) -> Picture:
        super().read(value, place)
        try:
            data = place.source.picture(value)
            format_, width, height = inspect(data)
        except ValueError as error:
            raise place.error(f"{value}: {error}") from None
        return Picture(value, format_, width, height, base64.b64encode(data).decode())

    def plain(self, value: Picture) -> str:
        return value.name

    def shape(self) -> dict[str, Any]:
        return {"type": "string"}
