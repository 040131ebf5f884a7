"""A value that validates against a JSON Schema: all of the service's strict subset, and the keywords beside it
that can be met while a value is made. See docs/improvise.md for why no library does it.

A value is made within a depth: what does not fit below is left out, or is null, or an empty list. So recursion
ends, and recursion without an exit is found before anything is made.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from respool.protocol.improvise.flat import Flattener, equal
from respool.protocol.improvise.patterns import PatternError, matching
from respool.protocol.improvise.scalars import SampleError, number, text

DEPTHS = (6, 12, 24, 48)  # the first of these in which there is a value
MANY = 60  # values, after which the rest is made as small as can be
MOST_VALUES = 5_000
MOST_CHARACTERS = 500_000

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]


class TooLarge(SampleError):
    """Each value would be too large: none is tried again in another way."""


def sample(schema: Any, rng: Random, usual: Callable[[str], str] = lambda name: name or "text") -> Any:
    """Return a value that validates. `usual` is asked for texts, by the name of their property.

    Raises SampleError where there is no value, none of bearable size, or a keyword is not understood.
    """
    try:
        return _Sampler(schema, rng, usual).value()
    except RecursionError:
        raise TooLarge("the schema is nested too deeply") from None


class _Sampler:
    def __init__(self, schema: Any, rng: Random, usual: Callable[[str], str]) -> None:
        self._root = schema
        self._rng = rng
        self._usual = usual
        self._flat = Flattener(schema)
        self._fitting: dict[tuple[int, int], bool] = {}
        self._values = 0
        self._characters = 0

    def value(self) -> Any:
        for depth in DEPTHS:
            if self._fits(self._root, depth):
                return self._make(self._root, depth, (), "")
        self._flat.of(self._root, ())  # which may know better why
        raise TooLarge(f"there is no value that is nested at most {DEPTHS[-1]} deep: does recursion end?")

    # Whether there is a value

    def _fits(self, schema: Any, depth: int) -> bool:
        """Whether there is a value that is nested at most so deep. Texts and numbers always fit."""
        if depth < 0:
            return False
        key = (id(schema), depth)
        if key not in self._fitting:
            self._fitting[key] = self._fits_anew(schema, depth)
        return self._fitting[key]

    def _fits_anew(self, schema: Any, depth: int) -> bool:
        try:
            flat = self._flat.of(schema, ())
        except SampleError:
            return False
        if flat.choices:
            return any(self._fits(branch, depth - 1) for branch in self._flat.branches(flat))
        if "enum" in flat.schema:
            return any(self._allowed(one, flat.schema) for one in flat.schema["enum"])
        return any(self._fits_type(type, flat.schema, depth) for type in types_of(flat.schema))

    def _fits_type(self, type: str, schema: Schema, depth: int) -> bool:
        match type:
            case "object":
                return all(self._fits(_property(schema, name), depth - 1) for name in _required(schema))
            case "array":
                least = _least(schema, "minItems")
                first = _elements(schema)[:least]
                return all(self._fits(one, depth - 1) for one in first) and (
                    least <= len(first) or self._fits(_further(schema), depth - 1)
                )
            case _:
                return True

    def _depth(self, schema: Any, most: int) -> int:
        """The least depth in which there is a value."""
        return next((depth for depth in range(most) if self._fits(schema, depth)), most)

    # Making one

    def _make(self, schema: Any, depth: int, path: Path, name: str) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise TooLarge(f"a value has more than {MOST_VALUES} parts", path)
        flat = self._flat.of(schema, path)
        if flat.choices:
            return self._choose(flat, depth, path, name)
        if "enum" in flat.schema:
            allowed = [one for one in flat.schema["enum"] if self._allowed(one, flat.schema)]
            allowed = [one for one in allowed if one is not None] or allowed
            if not allowed:
                raise SampleError("no value of the enum is allowed by the rest of the schema", path)
            return self._count(self._rng.choice(allowed), path)
        ways = [type for type in types_of(flat.schema) if self._fits_type(type, flat.schema, depth)]
        if self._small(depth):
            ways.sort(key=lambda type: type in ("object", "array"))
            ways.sort(key=lambda type: type != "null")
        else:
            ways.sort(key=lambda type: type == "null")
        return self._first(
            [lambda type=type: self._of_type(type, flat.schema, depth, path, name) for type in ways], path
        )

    def _choose(self, flat: Any, depth: int, path: Path, name: str) -> Any:
        """A value of one of the branches: not null, while there is room."""
        ways = [one for one in self._flat.branches(flat) if self._fits(one, depth - 1)]
        if self._small(depth):
            ways.sort(key=lambda branch: self._depth(branch, depth))
        else:
            self._rng.shuffle(ways)
            ways.sort(key=self._is_null)
        return self._first(
            [lambda branch=branch: self._make(branch, depth - 1, path, name) for branch in ways], path
        )

    def _is_null(self, schema: Any) -> bool:
        try:
            flat = self._flat.of(schema, ())
        except SampleError:
            return True
        return not flat.choices and types_of(flat.schema) == ("null",)

    def _first(self, ways: Sequence[Callable[[], Any]], path: Path) -> Any:
        """What the first of several ways gives that leads somewhere."""
        failure = SampleError("there is no value of it", path)
        for way in ways:
            try:
                return way()
            except TooLarge:
                raise
            except SampleError as error:
                failure = error
        raise failure

    def _of_type(self, type: str, schema: Schema, depth: int, path: Path, name: str) -> Any:
        try:
            match type:
                case "object":
                    return self._object(schema, depth, path)
                case "array":
                    return self._array(schema, depth, path, name)
                case "string":
                    return self._count(text(schema, self._rng, self._usual(name)), path)
                case "integer" | "number":
                    return number(schema, self._rng, whole=type == "integer")
                case "boolean":
                    return self._rng.random() < 0.5
                case _:
                    return None
        except SampleError as error:
            error.path = error.path or path
            raise

    def _object(self, schema: Schema, depth: int, path: Path) -> dict[str, Any]:
        required = _required(schema)
        properties = schema.get("properties", {})
        small = self._small(depth)
        found: dict[str, Any] = {}
        for name in properties:
            inner = properties[name]
            if name in required or (not small and self._fits(inner, depth - 1)):
                where = (*path, "properties", name)
                try:
                    found[name] = self._make(inner, depth - 1, where, name)
                except TooLarge:
                    raise
                except SampleError:
                    if name in required:
                        raise
        for name in required:
            if name not in found:
                found[name] = self._make(_property(schema, name), depth - 1, (*path, "required"), name)
        least = _least(schema, "minProperties")
        if not properties and not required and not small and self._may_have_more(schema, depth):
            least = max(least, 1)
        for name in self._more_names(schema, least, path):
            if len(found) >= least:
                break
            if name not in found:
                found[name] = self._make(_property(schema, name), depth - 1, path, name)
        if len(found) < least:
            raise SampleError(f"there are no {least} properties", path)
        return found

    def _may_have_more(self, schema: Schema, depth: int) -> bool:
        further = schema.get("additionalProperties")
        return isinstance(further, dict) and self._fits(further, depth - 1)

    def _more_names(self, schema: Schema, least: int, path: Path) -> Iterator[str]:
        if least > MOST_VALUES:
            raise TooLarge(f"an object with {least} properties, expected at most {MOST_VALUES}", path)
        if schema.get("additionalProperties") is not False:
            yield from (f"key_{number}" for number in range(1, least + 1))
        for pattern in schema.get("patternProperties", ()):
            try:
                yield from (matching(pattern, self._rng) for _ in range(4 * least))
            except PatternError as error:
                raise SampleError(str(error), (*path, "patternProperties")) from None

    def _array(self, schema: Schema, depth: int, path: Path, name: str) -> list[Any]:
        least, most = _least(schema, "minItems"), _least(schema, "maxItems", MOST_VALUES)
        if least > MOST_VALUES:
            raise TooLarge(f"a list of {least} elements, expected at most {MOST_VALUES}", path)
        if least > most:
            raise SampleError(f"a list cannot have at least {least} and at most {most} elements", path)
        first, further = _elements(schema), _further(schema)
        wanted = least if self._small(depth) else max(least, len(first), self._rng.randint(1, 2))
        unique = schema.get("uniqueItems") is True
        found: list[Any] = []
        for _ in range(wanted if not unique else wanted * 20):
            if len(found) == min(wanted, most):
                break
            place = len(found)
            inner = first[place] if place < len(first) else further
            if inner is False or (place >= least and not self._fits(inner, depth - 1)):
                break
            where = (*path, "prefixItems", place) if place < len(first) else (*path, "items")
            try:
                made = self._make(inner, depth - 1, where, name.removesuffix("s"))
            except TooLarge:
                raise
            except SampleError:
                if place < least:
                    raise
                break
            if not unique or not any(equal(made, one) for one in found):
                found.append(made)
        if len(found) < least:
            raise SampleError(f"found no {least} elements for a list", path)
        return found

    def _small(self, depth: int) -> bool:
        return depth <= 1 or self._values > MANY

    def _allowed(self, value: Any, schema: Schema) -> bool:
        """Whether a value of an enum meets what stands beside it."""
        return any(_is_a(value, type) for type in types_of(schema)) and _within(value, schema)

    def _count(self, value: Any, path: Path) -> Any:
        self._characters += len(value) if isinstance(value, str) else 8
        if isinstance(value, (dict, list)):
            self._characters += len(json.dumps(value))
        if self._characters > MOST_CHARACTERS:
            raise TooLarge(f"a value has more than {MOST_CHARACTERS} characters", path)
        return value


_KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "minProperties"), "object"),
    **dict.fromkeys(("patternProperties",), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(("pattern", "format", "minLength", "maxLength"), "string"),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"
    ),
}
_ALL_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")


def types_of(schema: Schema) -> tuple[str, ...]:
    """The types that a value may have, the likeliest first."""
    given = schema.get("type")
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list):
        return tuple(str(one) for one in given)
    if "enum" in schema:
        return _ALL_TYPES
    told = [_KEYWORDS[name] for name in schema if name in _KEYWORDS]
    return (told[0], *(one for one in _ALL_TYPES if one != told[0])) if told else _ALL_TYPES


def _is_a(value: Any, type: str) -> bool:
    match value:
        case None:
            return type == "null"
        case bool():
            return type == "boolean"
        case int():
            return type in ("integer", "number")
        case float():
            return type == "number" or (type == "integer" and value.is_integer())
        case str():
            return type == "string"
        case list():
            return type == "array"
        case _:
            return type == "object"


def _within(value: Any, schema: Schema) -> bool:
    """Whether a number or a text is within its bounds; all else is."""
    if isinstance(value, str):
        return _least(schema, "minLength") <= len(value) <= _least(schema, "maxLength", len(value))
    if type(value) not in (int, float):
        return True
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    return bool(
        low <= value <= high
        and not value <= schema.get("exclusiveMinimum", value - 1)
        and not value >= schema.get("exclusiveMaximum", value + 1)
    )


def _required(schema: Schema) -> Sequence[str]:
    required = schema.get("required", ())
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else ()


def _property(schema: Schema, name: str) -> Any:
    properties = schema.get("properties", {})
    if name in properties:
        return properties[name]
    patterns = schema.get("patternProperties", {})
    further = schema.get("additionalProperties", True)
    return next(iter(patterns.values())) if further is False and patterns else further


def _elements(schema: Schema) -> Sequence[Any]:
    first = schema.get("prefixItems", ())
    return first if isinstance(first, list) else ()


def _further(schema: Schema) -> Any:
    return schema.get("items", _ANY)


_ANY: dict[str, Any] = {"type": "string"}


def _least(schema: Schema, name: str, usual: int = 0) -> int:
    value = schema.get(name)
    return int(value) if type(value) in (int, float) and 0 <= value < 1e15 else usual
