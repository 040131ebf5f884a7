"""Sample values that validate against a JSON Schema: the service's strict subset, and further keywords that
need no search. See docs/improvise.md for why no library is used.

A value is made within a depth: deeper values are left out, null, or empty lists. So recursion ends, and
recursion without an exit is found before a value is made.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from respool.scripts.improvise import keywords
from respool.scripts.improvise.flat import Flattener, equal
from respool.scripts.improvise.pattern_texts import PatternError, matching
from respool.scripts.improvise.scalars import SampleError, TooLarge, number, text

DEPTHS = (6, 12, 24, 48)  # the first depth with a value is used
MANY = 60  # values, after which the rest is made as small as possible
MOST_VALUES = 5_000
MOST_TRIED = 20_000  # parts of the schema, each at each depth
MOST_CHARACTERS = 500_000

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]


def sample(schema: Any, rng: Random, usual: Callable[[str], str] = lambda name: name or "text") -> Any:
    """Return a value that validates. `usual` returns a text for a property, by its name.

    Raise SampleError if there is no value, only very large ones, or an unsupported keyword.
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
        self._flat.of(self._root, ())  # raises, if that is the reason
        raise TooLarge(f"there is no value that is nested at most {DEPTHS[-1]} deep: does recursion end?")

    # Does a value exist?

    def _fits(self, schema: Any, depth: int) -> bool:
        """Return True if there is a value at most `depth` levels deep. Texts and numbers always fit."""
        if depth < 0:
            return False
        key = (id(schema), depth)
        if key not in self._fitting:
            if len(self._fitting) > MOST_TRIED:
                raise TooLarge("the schema has too many parts that refer to one another")
            self._fitting[key] = self._fits_anew(schema, depth)
        return self._fitting[key]

    def _fits_anew(self, schema: Any, depth: int) -> bool:
        try:
            flat = self._flat.of(schema, ())
        except TooLarge:
            raise
        except SampleError:
            return False
        if flat.choices:
            return any(self._fits(branch, depth - 1) for branch in self._flat.branches(flat))
        if "enum" in flat.schema:
            return any(self._allowed(one, flat.schema) for one in flat.schema["enum"])
        return any(self._fits_type(kind, flat.schema, depth) for kind in keywords.types_of(flat.schema))

    def _fits_type(self, type: str, schema: Schema, depth: int) -> bool:
        match type:
            case "object":
                return all(
                    self._fits(keywords.property_schema(schema, name), depth - 1)
                    for name in keywords.required(schema)
                )
            case "array":
                least = keywords.least(schema, "minItems")
                first = keywords.elements(schema)[:least]
                return all(self._fits(one, depth - 1) for one in first) and (
                    least <= len(first) or self._fits(keywords.further(schema), depth - 1)
                )
            case _:
                return True

    def _depth(self, schema: Any, most: int) -> int:
        """Return the least depth that has a value."""
        return next((depth for depth in range(most) if self._fits(schema, depth)), most)

    # Making a value

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
        ways = [kind for kind in keywords.types_of(flat.schema) if self._fits_type(kind, flat.schema, depth)]
        if self._small(depth):
            ways.sort(key=lambda kind: kind in ("object", "array"))
            ways.sort(key=lambda kind: kind != "null")
        else:
            ways.sort(key=lambda kind: kind == "null")
        return self._first(
            [partial(self._of_type, kind, flat.schema, depth, path, name) for kind in ways], path
        )

    def _choose(self, flat: Any, depth: int, path: Path, name: str) -> Any:
        """Return a value of one of the branches: not null, if the depth allows."""
        ways = [one for one in self._flat.branches(flat) if self._fits(one, depth - 1)]
        if self._small(depth):
            ways.sort(key=lambda branch: self._depth(branch, depth))
        else:
            self._rng.shuffle(ways)
            ways.sort(key=self._rank)
        return self._first([partial(self._make, branch, depth - 1, path, name) for branch in ways], path)

    def _rank(self, schema: Any) -> int:
        """Return a sort key: less specific branches come later. Any text comes after a number, as pydantic
        writes a Decimal; null comes last."""
        try:
            flat = self._flat.of(schema, ())
        except TooLarge:
            raise
        except SampleError:
            return 3
        if flat.choices or "enum" in flat.schema:
            return 0
        types = keywords.types_of(flat.schema)
        return 2 if types == ("null",) else int(types == ("string",))

    def _first(self, ways: Sequence[Callable[[], Any]], path: Path) -> Any:
        """Return the result of the first of several ways that succeeds. Raise SampleError if none does."""
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
        required = keywords.required(schema)
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
                found[name] = self._make(
                    keywords.property_schema(schema, name), depth - 1, (*path, "required"), name
                )
        least = keywords.least(schema, "minProperties")
        if not properties and not required and not small and self._may_have_more(schema, depth):
            least = max(least, 1)
        for name in self._more_names(schema, least, path):
            if len(found) >= least:
                break
            if name not in found:
                found[name] = self._make(keywords.property_schema(schema, name), depth - 1, path, name)
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
        least, most = keywords.least(schema, "minItems"), keywords.least(schema, "maxItems", MOST_VALUES)
        if least > MOST_VALUES:
            raise TooLarge(f"a list of {least} elements, expected at most {MOST_VALUES}", path)
        if least > most:
            raise SampleError(f"a list cannot have at least {least} and at most {most} elements", path)
        first, further = keywords.elements(schema), keywords.further(schema)
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
        """Return True if a value of an enum satisfies the schema's other keywords."""
        return any(keywords.is_a(value, kind) for kind in keywords.types_of(schema)) and keywords.within(
            value, schema
        )

    def _count(self, value: Any, path: Path) -> Any:
        self._characters += len(value) if isinstance(value, str) else 8
        if isinstance(value, (dict, list)):
            self._characters += len(json.dumps(value))
        if self._characters > MOST_CHARACTERS:
            raise TooLarge(f"a value has more than {MOST_CHARACTERS} characters", path)
        return value
