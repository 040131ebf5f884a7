"""Value types of mappings with known fields."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from respool.errors import did_you_mean
from respool.scripts.sources import Path, ScriptError, ScriptPlace
from respool.scripts.value_types import ValueType


@dataclass(frozen=True)
class Record(ValueType):
    """A mapping with known fields.

    A value that is no mapping stands for the field `short`. At least one field of `some` is required, and at
    most one of each group in `exclusive` is allowed. An `optional` record may be empty.
    """

    fields: Mapping[str, ValueType]
    required: Sequence[str] = ()
    some: Sequence[str] = ()
    short: str | None = None
    exclusive: Sequence[Sequence[str]] = ()
    optional: bool = False
    hints: Mapping[str, str] = field(default_factory=dict)  # likely mistakes, with the message for each

    @property
    def expects(self) -> str:
        if self.short:
            return f"{self.fields[self.short].expects}, or a mapping"
        return f"a mapping with {' and '.join(self.required)}" if self.required else "a mapping"

    def fits(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            or (value is None and self.optional)
            or (self.short is not None and self.fields[self.short].fits(value))
        )

    def holds(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def read(self, value: Any, place: ScriptPlace) -> dict[str, Any]:
        if value is None and self.optional:
            return {}
        super().read(value, place)
        if not isinstance(value, dict):
            assert self.short
            return {self.short: self.fields[self.short].read(value, place)}
        found = dict(self._known(value, place))
        if missing := [name for name in self.required if name not in value]:
            verb = "is" if len(missing) == 1 else "are"
            raise place.error(f"{' and '.join(missing)} {verb} missing")
        if self.some and not any(name in value for name in self.some):
            raise place.error(f"expected one of {', '.join(self.some)}")
        for group in self.exclusive:
            if len(given := [name for name in group if name in value]) > 1:
                raise place.below(given[1]).error(
                    f"{given[1]} and {given[0]} exclude each other", at_key=True
                )
        return found

    def _known(self, value: Mapping[str, Any], place: ScriptPlace) -> Iterator[tuple[str, Any]]:
        for name, inner in value.items():
            try:
                if name not in self.fields:
                    raise place.below(name).error(self._unknown(name), at_key=True)
                yield name, self.fields[name].read(inner, place.below(name))
            except ScriptError as error:
                if name in self.required:
                    raise
                place.source.damage(error)

    def _unknown(self, name: str) -> str:
        if why := self.hints.get(name):
            return why
        return f"{name} is not known here{did_you_mean(name, self.fields)}; expected {', '.join(self.fields)}"

    def plain(self, value: Mapping[str, Any]) -> Any:
        data = {name: self.fields[name].plain(inner) for name, inner in value.items()}
        if not data and self.optional:
            return None
        if self.short and data.keys() == {self.short} and not isinstance(data[self.short], dict):
            return data[self.short]
        return data

    def shape(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.fields.items()},
            "additionalProperties": False,
        }
        if self.required:
            record["required"] = list(self.required)
        if self.some:
            record["anyOf"] = [{"required": [name]} for name in self.some]
        if pairs := [pair for group in self.exclusive for pair in combinations(group, 2)]:
            record["allOf"] = [{"not": {"required": list(pair)}} for pair in pairs]
        shapes = [record]
        if self.short:
            shapes.append(self.fields[self.short].schema())
        if self.optional:
            shapes.append({"type": "null"})
        return {"anyOf": shapes} if len(shapes) > 1 else record


@dataclass(frozen=True)
class OneKey(ValueType):
    """A mapping with one key that names its type, read as a pair of key and value."""

    kinds: Mapping[str, ValueType]
    what: str

    @property
    def expects(self) -> str:
        return f"a {self.what}, which is a mapping with one key"

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def read(self, value: Any, place: ScriptPlace) -> tuple[str, Any]:
        super().read(value, place)
        keys = list(value)
        if len(keys) != 1:
            hint = "; indent the fields below it" if keys and keys[0] in self.kinds else ""
            raise place.error(f"a {self.what} has one key, but this has {len(keys)}{hint}")
        (name,) = keys
        if name not in self.kinds:
            known = ", ".join(self.kinds)
            cause = f"there is no {self.what} {name}{did_you_mean(name, self.kinds)}; expected {known}"
            raise place.below(name).error(cause, at_key=True)
        return name, self.kinds[name].read(value[name], place.below(name))

    def plain(self, value: tuple[str, Any]) -> dict[str, Any]:
        name, inner = value
        return {name: self.kinds[name].plain(inner)}

    @property
    def definition(self) -> str:
        """The name of its shared definition in the JSON Schema."""
        return self.what.replace(" ", "_")

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.definition}"}

    def shape(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.kinds.items()},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }


@dataclass(frozen=True)
class Defined(ValueType):
    """A value of another type. Its JSON Schema is a shared definition with this name."""

    kind: ValueType
    definition: str

    @property
    def expects(self) -> str:
        return self.kind.expects

    def fits(self, value: Any) -> bool:
        return self.kind.fits(value)

    def holds(self, value: Any) -> bool:
        return self.kind.holds(value)

    def read(self, value: Any, place: ScriptPlace) -> Any:
        return self.kind.read(value, place)

    def plain(self, value: Any) -> Any:
        return self.kind.plain(value)

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.definition}"}

    def shape(self) -> dict[str, Any]:
        return self.kind.schema()


@dataclass(frozen=True)
class Placed(ValueType):
    """A value of another type, read as a pair with its path."""

    kind: ValueType

    @property
    def expects(self) -> str:
        return self.kind.expects

    def fits(self, value: Any) -> bool:
        return self.kind.fits(value)

    def read(self, value: Any, place: ScriptPlace) -> tuple[Any, Path]:
        return self.kind.read(value, place), place.path

    def plain(self, value: tuple[Any, Path]) -> Any:
        return self.kind.plain(value[0])

    def shape(self) -> dict[str, Any]:
        return self.kind.schema()
