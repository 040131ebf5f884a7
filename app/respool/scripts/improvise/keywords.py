"""Single keywords of a flat JSON Schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from respool.scripts.improvise.flat import TYPES

Schema = Mapping[str, Any]

_KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "minProperties"), "object"),
    **dict.fromkeys(("patternProperties",), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(("pattern", "format", "minLength", "maxLength"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
}


def types_of(schema: Schema) -> tuple[str, ...]:
    """Return the types that a value may have, the likeliest first."""
    given = schema.get("type")
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list):
        return tuple(str(one) for one in given)
    if "enum" in schema:
        return TYPES
    implied = [_KEYWORDS[name] for name in schema if name in _KEYWORDS]
    return tuple(dict.fromkeys(implied)) or TYPES


def is_a(value: Any, type: str) -> bool:
    """Return True if a value is of a JSON Schema type."""
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


def within(value: Any, schema: Schema) -> bool:
    """Return True if a number or a text is within its bounds; always for other values."""
    if isinstance(value, str):
        return least(schema, "minLength") <= len(value) <= least(schema, "maxLength", len(value))
    if type(value) not in (int, float):
        return True
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    return bool(
        low <= value <= high
        and not value <= schema.get("exclusiveMinimum", value - 1)
        and not value >= schema.get("exclusiveMaximum", value + 1)
    )


def required(schema: Schema) -> Sequence[str]:
    """Return the names of the required properties."""
    required = schema.get("required", ())
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else ()


def property_schema(schema: Schema, name: str) -> Any:
    """Return the schema of an object's property."""
    properties = schema.get("properties", {})
    if name in properties:
        return properties[name]
    patterns = schema.get("patternProperties", {})
    further = schema.get("additionalProperties", True)
    return next(iter(patterns.values())) if further is False and patterns else further


def elements(schema: Schema) -> Sequence[Any]:
    """Return the schemas of an array's first elements."""
    first = schema.get("prefixItems", ())
    return first if isinstance(first, list) else ()


def further(schema: Schema) -> Any:
    """Return the schema of an array's elements after the first ones."""
    return schema.get("items", _ANY)


_ANY: dict[str, Any] = {"type": "string"}


def least(schema: Schema, name: str, usual: int = 0) -> int:
    """Return the number of a keyword; `usual` if there is none."""
    value = schema.get(name)
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 1e15 else usual
