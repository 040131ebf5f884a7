"""Schemas with `$ref` and `allOf` merged into one mapping. `anyOf` and `oneOf` stay as choices."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any
from urllib.parse import unquote

from respool.scripts.improvise.scalars import SampleError, TooLarge

Path = tuple[str | int, ...]

MOST_SCHEMAS = 10_000  # schemas that are flattened
_DEEPEST = 64  # references and allOf inside one another, without a value between them

# Keywords that would need a search for a value. Unknown keywords have no effect.
_REFUSED = (
    "not if then else dependentRequired dependentSchemas dependencies contains $dynamicRef $recursiveRef"
).split()


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A schema without references. One branch of each of `choices` must hold as well."""

    schema: Mapping[str, Any]
    choices: tuple[Sequence[Any], ...] = ()


class Flattener:
    """Flattens the parts of one schema, each once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._flat: dict[int, tuple[Any, Flat]] = {}  # kept with the schema, so that its id stays in use
        self._branches: dict[int, list[Any]] = {}
        self._steps = 0

    def of(self, schema: Any, path: Path) -> Flat:
        """Return the schema, flat. Raise SampleError if it has no value or cannot be read."""
        found = self._flat.get(id(schema))
        if found is None:
            found = self._flat[id(schema)] = (schema, self._flatten(schema, path, _DEEPEST))
        return found[1]

    def branches(self, flat: Flat) -> Sequence[Any]:
        """Return the branches of a flat schema's first choice, each merged with the rest of the schema."""
        if id(flat) not in self._branches:
            first, *others = flat.choices
            beside: dict[str, Any] = {"allOf": [flat.schema, *({"anyOf": choice} for choice in others)]}
            self._branches[id(flat)] = [{"allOf": [*beside["allOf"], branch]} for branch in first]
        return self._branches[id(flat)]

    def _flatten(self, schema: Any, path: Path, left: int) -> Flat:
        self._steps += 1
        if self._steps > MOST_SCHEMAS:
            raise TooLarge(f"the schema has more than {MOST_SCHEMAS} parts, its references written out", path)
        if schema is True:
            return Flat({})
        if schema is False:
            raise SampleError("the schema allows nothing", path)
        if not isinstance(schema, dict):
            raise SampleError("a schema is an object", path)
        if not left:
            raise SampleError(f"references and 'allOf' are nested more than {_DEEPEST} deep", path)
        if refused := next((name for name in _REFUSED if name in schema), None):
            raise SampleError(f"'{refused}' is not supported", path)
        own = {name: value for name, value in schema.items() if name not in _COMPOSED}
        if "const" in schema:
            own["enum"] = [schema["const"]]
        for name, (fits, expected) in _SHAPES.items():
            if name in own and not fits(own[name]):
                raise SampleError(f"'{name}' is {expected}", path)
        choices = [schema[name] for name in ("anyOf", "oneOf") if name in schema]
        parts = []
        if "$ref" in schema:
            parts.append(self._flatten(self._target(schema["$ref"], path), path, left - 1))
        parts += [self._flatten(part, path, left - 1) for part in _listed(schema, "allOf", path)]
        for choice in choices:
            if not isinstance(choice, list) or not choice:
                raise SampleError("'anyOf' and 'oneOf' are lists of schemas", path)
        for part in parts:
            own = merged(own, part.schema, path)
            choices += part.choices
        return Flat(own, tuple(choices))

    def _target(self, reference: Any, path: Path) -> Any:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise SampleError("a reference can only point into the schema itself", path)
        found = self._root
        for step in reference.split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                raise SampleError(f"the reference '{reference}' leads nowhere", path)
        return found


_COMPOSED = frozenset({"$ref", "allOf", "anyOf", "oneOf", "const", "$defs", "definitions"})


TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")


def _is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else isinstance(value, list) and all(map(_is_name, value))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value in TYPES


_SHAPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "enum": (lambda value: isinstance(value, list), "a list"),
    "type": (_is_type, f"one of {', '.join(TYPES)}, or a list of them"),
    "properties": (lambda value: isinstance(value, dict), "an object"),
    "patternProperties": (lambda value: isinstance(value, dict), "an object"),
    "required": (lambda value: isinstance(value, list), "a list"),
    "pattern": (lambda value: isinstance(value, str), "a string"),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        (lambda value: type(value) in (int, float), "a number"),
    ),
}


def _listed(schema: Mapping[str, Any], name: str, path: Path) -> Sequence[Any]:
    value = schema.get(name, [])
    if not isinstance(value, list):
        raise SampleError(f"'{name}' is a list of schemas", path)
    return value


def equal(one: Any, other: Any) -> bool:
    """Return True if two values are the same JSON: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def merged(one: Mapping[str, Any], other: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Merge two schemas. Raise SampleError if they contradict each other."""
    found = dict(one)
    for name, value in other.items():
        if name not in found:
            found[name] = value
        elif name in _MERGES:
            found[name] = _MERGES[name](found[name], value)
            if found[name] == [] and name in ("type", "enum"):
                raise SampleError(f"two parts of the schema have no {name} in common", path)
        elif name in ("pattern", "prefixItems") and found[name] != value:
            raise SampleError(f"two parts of the schema have a '{name}' each", path)
    return found


def _both(one: Any, other: Any) -> Any:
    return one if one is other or one == other else {"allOf": [one, other]}


def _properties(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one,
        **{name: _both(one[name], value) if name in one else value for name, value in other.items()},
    }


def _types(one: Any, other: Any) -> list[str]:
    first, second = ({given} if isinstance(given, str) else {*given} for given in (one, other))
    common = first & second
    if "integer" in first | second and "number" in first | second and "number" not in common:
        common |= {"integer"}  # true is a number, too
    return [name for name in TYPES if name in common]


def _multiple(one: float, other: float) -> float:
    first, second = Fraction(repr(one)), Fraction(repr(other))
    common = Fraction(
        lcm(first.numerator * second.denominator, second.numerator * first.denominator),
        first.denominator * second.denominator,
    )
    return common.numerator if common.denominator == 1 else float(common)


_MERGES: Mapping[str, Callable[[Any, Any], Any]] = {
    "properties": _properties,
    "patternProperties": _properties,
    "required": lambda one, other: [*one, *(name for name in other if name not in one)],
    "enum": lambda one, other: [value for value in one if any(equal(value, it) for it in other)],
    "type": _types,
    "items": _both,
    "additionalProperties": lambda one, other: False if False in (one, other) else _both(one, other),
    "multipleOf": _multiple,
    "uniqueItems": lambda one, other: one or other,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}
