"""Values for JSON Schemas: each validates; what has none, or none of bearable size, is refused."""

import contextlib
import json
import re
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scripts.improvise.schemas import STRICT, VALUES, strict

from respool.scripts.improvise.samples import sample
from respool.scripts.improvise.scalars import SampleError

SCHEMAS = {**STRICT, **VALUES}


def validate(value: Any, schema: Any) -> None:
    # jsonschema runs patterns as Python's, which names groups in another way than ECMA-262.
    text = json.dumps(schema).replace("(?<year>", "(?P<year>")
    jsonschema.Draft202012Validator(
        json.loads(text), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_value_validates(name: str) -> None:
    for seed in range(20):
        validate(sample(SCHEMAS[name], Random(seed)), SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_same_chance_gives_the_same_value(name: str) -> None:
    assert sample(SCHEMAS[name], Random(7)) == sample(SCHEMAS[name], Random(7))


FORMATS = {
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "time": r"\d\d:\d\d:\d\dZ",
    "duration": r"P\dDT\d{1,2}H",
    "hostname": r"[a-z0-9.-]+\.example\.com",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
}


@pytest.mark.parametrize("format", FORMATS)
def test_formats_which_no_validator_checks_are_as_their_rfc_says(format: str) -> None:
    assert re.fullmatch(FORMATS[format], sample({"type": "string", "format": format}, Random(1)))


def test_nothing_is_null_or_empty_while_there_is_room() -> None:
    value = sample(STRICT["linked list"], Random(1))
    assert value["linked_list"]["next"] is not None
    assert sample(STRICT["event"], Random(1))["participants"]


def test_a_text_is_what_its_property_asks_for() -> None:
    tags = {"type": "array", "items": {"type": "string"}, "minItems": 2}
    schema = strict({"city": {"type": "string"}, "tags": tags})
    assert sample(schema, Random(1), str.upper) == {"city": "CITY", "tags": ["TAG", "TAG"]}


def nested(keyword: str, deep: int = 300) -> Any:
    schema: Any = {"type": "integer"}
    for _ in range(deep):
        schema = {keyword: [schema, schema]}
    return schema


def chain(keyword: str) -> Any:
    """Twenty definitions, each of which refers to the next eight times."""
    links = {f"D{n}": {keyword: [{"$ref": f"#/$defs/D{n + 1}"}] * 8} for n in range(20)}
    return {"$ref": "#/$defs/D0", "$defs": {**links, "D20": {"type": "string", "pattern": "(?=a)b"}}}


def wide() -> Any:
    names = [f"p{n}" for n in range(10)]
    links = {
        f"X{n}": {
            "type": "object",
            "required": names,
            "properties": {key: {"$ref": f"#/$defs/X{n + 1}"} for key in names},
        }
        for n in range(20)
    }
    return {"$ref": "#/$defs/X0", "$defs": {**links, "X20": {"type": "integer"}}}


ENDLESS = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
HOSTILE: dict[str, tuple[Any, str]] = {
    "recursion without an exit": (ENDLESS, "does recursion end"),
    "a reference to itself": ({"$ref": "#"}, "nested more than 64 deep"),
    "a choice of itself": ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "parts|recursion"),
    "anyOf in anyOf": (nested("anyOf"), "parts|deep"),
    "allOf in allOf": (nested("allOf"), "nested more than 64 deep"),
    "a fan of anyOf": (chain("anyOf"), "parts"),
    "a fan of allOf": (chain("allOf"), "parts"),
    "a fan of properties": (wide(), "more than 5000 parts"),
    "minItems": ({"type": "array", "minItems": 10**9}, "expected at most 5000"),
    "minItems in minItems": (
        {"type": "array", "minItems": 3000, "items": {"type": "array", "minItems": 3000}},
        "more than 5000 parts",
    ),
    "minProperties": ({"type": "object", "minProperties": 10**9}, "expected at most 5000"),
    "minLength": ({"type": "string", "minLength": 10**12}, "expected at most 100000"),
    "many long texts": (
        {"type": "array", "minItems": 4000, "items": {"type": "string", "minLength": 90_000}},
        "more than 500000 characters",
    ),
    "repeats of repeats": (
        {"type": "string", "pattern": "(?:a{60000}){60000}"},
        "too long",
    ),
    "repeats of nothing": ({"type": "string", "pattern": "(?:(?:){60000}){60000}"}, "too long"),
    "open groups": ({"type": "string", "pattern": "(" * 4000}, "not a regular expression"),
    "a long pattern": ({"type": "string", "pattern": "a" * 6000}, "expected at most 5000"),
    "a lookahead": ({"type": "string", "pattern": "(?=x)y"}, "assert is not supported"),
    "an anchor within": ({"type": "string", "pattern": "a^b"}, "anchors"),
    "no character": ({"type": "string", "pattern": r"^[^\s\S]$"}, "no character is left"),
    "half a pair": ({"type": "string", "pattern": "^[\ud800-\udfff]$"}, "surrogate"),
    "few for unique": (
        {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"type": "boolean"}},
        "found no 3 elements",
    ),
    "bounds": ({"type": "integer", "minimum": 5, "maximum": 4}, "no number"),
    "lengths": ({"type": "string", "minLength": 5, "maxLength": 4}, "at least 5 and at most 4"),
    "counts": ({"type": "array", "minItems": 5, "maxItems": 4}, "at least 5 and at most 4"),
    "multiples of nothing": ({"type": "number", "multipleOf": 0}, "greater than 0"),
    "false": (False, "allows nothing"),
    "no schema": ([], "a schema is an object"),
    "an empty enum": ({"enum": []}, "no value"),
    "a reference outside": ({"$ref": "https://example.com/"}, "into the schema itself"),
    "a reference to nothing": ({"$ref": "#/$defs/a"}, "leads nowhere"),
    "not": ({"not": {"type": "string"}}, "'not' is not supported"),
    "if": ({"if": {}, "then": {}}, "'if' is not supported"),
    "a type that is none": ({"type": "banana"}, "'type' is one of"),
    "properties that are none": ({"properties": 3}, "'properties' is an object"),
    "a bound that is none": ({"type": "integer", "minimum": "x"}, "'minimum' is a number"),
    "types that exclude each other": (
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        "no type in common",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_schema_without_a_bearable_value_is_refused(name: str) -> None:
    schema, problem = HOSTILE[name]
    with pytest.raises(SampleError, match=problem):
        sample(schema, Random(1))


def test_an_error_has_the_path_of_the_wrong_part() -> None:
    schema = strict({"a": strict({"b": {"type": "string", "pattern": "("}})})
    with pytest.raises(SampleError) as caught:
        sample(schema, Random(1))
    assert caught.value.path == ("properties", "a", "properties", "b")


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|a)*$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "(((a*)*)*)*"]
)
def test_a_pattern_that_is_slow_to_search_is_never_searched(pattern: str) -> None:
    value = sample({"type": "string", "pattern": pattern}, Random(1))
    assert re.search(pattern, value)  # a text that matches is found at once


# Random schemas of the strict subset

COUNTS = st.integers(0, 3)
SCALARS = st.one_of(
    st.sampled_from([{"type": name} for name in ("string", "integer", "number", "boolean", "null")]),
    st.sampled_from([{"type": ["string", "null"]}, {"type": ["integer", "null"]}, {"const": "a"}]),
    st.lists(st.sampled_from(["a", "b", 1, 2.5, True, None]), min_size=1, max_size=4).map(
        lambda values: {"enum": values}
    ),
    st.sampled_from(["date-time", "date", "time", "email", "ipv4", "ipv6", "uuid", "hostname"]).map(
        lambda name: {"type": "string", "format": name}
    ),
    st.sampled_from(["^[a-z]+$", r"^\d{3}$", "(a|b)*c"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
    st.tuples(COUNTS, COUNTS).map(lambda it: {"type": "string", "minLength": min(it), "maxLength": max(it)}),
    st.tuples(st.integers(-1000, 1000), st.integers(0, 1000), st.sampled_from(["integer", "number"])).map(
        lambda it: {"type": it[2], "minimum": it[0], "maximum": it[0] + it[1]}
    ),
    st.integers(1, 50).map(lambda step: {"type": "integer", "multipleOf": step}),
    st.just({"$ref": "#/$defs/node"}),
)
SUBSCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4).map(strict),
        st.tuples(inner, COUNTS, COUNTS).map(
            lambda it: {"type": "array", "items": it[0], "minItems": min(it[1:]), "maxItems": max(it[1:])}
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
    ),
    max_leaves=12,
)
DEFINITIONS = {
    "node": strict(
        {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        }
    )
}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), SUBSCHEMAS, max_size=5), st.integers())
def test_any_schema_of_the_strict_subset_has_a_value_that_validates(
    properties: dict[str, Any], seed: int
) -> None:
    schema = strict(properties, **{"$defs": DEFINITIONS})
    validate(sample(schema, Random(seed)), schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab(", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "type properties required items enum const anyOf allOf $ref pattern minItems minimum "
                "multipleOf additionalProperties format prefixItems maxLength".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_comes_as_a_schema_gives_a_value_or_is_refused(schema: Any) -> None:
    with contextlib.suppress(SampleError):
        json.dumps(sample(schema, Random(1)))
