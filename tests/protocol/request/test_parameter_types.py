from typing import Any

import pytest

from respool.errors import RequestError
from respool.protocol.request.parameter_types import (
    Parameter,
    array,
    boolean,
    decimal,
    each,
    enum,
    integer,
    mapping,
    string,
)
from respool.protocol.request.parameters import NEEDED, PARAMETERS

ALLOWED: list[tuple[Parameter, list[Any]]] = [
    (string(3), ["", "abc", "äöü"]),
    (boolean(), [True, False]),
    (integer(1, 3), [1, 3]),
    (decimal(0, 2), [0, 2, 0.0, 2.0]),
    (enum("a", "b"), ["a", "b"]),
    (mapping(), [{}, {"a": 1}]),
    (array("an array", each(integer())), [[], [1, 2]]),
]
REFUSED: list[tuple[Parameter, Any, str | None, str]] = [
    (string(3), "abcd", "string_above_max_length", "x"),
    (string(), 1, "invalid_type", "x"),
    (boolean(), 1, "invalid_type", "x"),
    (integer(), True, "invalid_type", "x"),
    (integer(), 1.0, "invalid_type", "x"),
    (integer(1), 0, "integer_below_min_value", "x"),
    (integer(1, 3), 4, "integer_above_max_value", "x"),
    (decimal(0), -0.1, "decimal_below_min_value", "x"),
    (decimal(0, 2), 3, "decimal_above_max_value", "x"),
    (decimal(), False, "invalid_type", "x"),
    (enum("a", "b"), "c", "invalid_value", "x"),
    (mapping(), [], "invalid_type", "x"),
    (array("an array"), {}, "invalid_type", "x"),
    (array("an array", each(integer())), [1, "2"], "invalid_type", "x[1]"),
    (array("an array", each(integer())), [None], "invalid_type", "x[0]"),
]


@pytest.mark.parametrize(("parameter", "values"), ALLOWED)
def test_bounds_are_allowed(parameter: Parameter, values: list[Any]) -> None:
    for value in values:
        parameter.check("x", value)


@pytest.mark.parametrize(("parameter", "value", "code", "param"), REFUSED)
def test_a_value_beyond_them_is_refused_by_its_place(
    parameter: Parameter, value: Any, code: str, param: str
) -> None:
    with pytest.raises(RequestError) as raised:
        parameter.check("x", value)
    assert (raised.value.code, raised.value.param) == (code, param)


JSON_VALUES = [True, False, 0, -7, 10**30, 1.5, -1e300, "", "x" * 100_000, [], [None, 1, {}], {}, {"a": [1]}]


@pytest.mark.parametrize("parameter", [*PARAMETERS.values(), *NEEDED.values()])
def test_of_a_free_type_every_value_is_allowed(parameter: Parameter) -> None:
    for value in JSON_VALUES:
        if type(value) in parameter.free:
            parameter.check("x", value)


def test_a_type_is_free_only_where_nothing_is_asked_of_its_values() -> None:
    assert string().free == {str}
    assert string(3).free == enum("a").free == integer(1).free == decimal(0, 2).free == frozenset()
    assert array("an array", each(integer())).free == frozenset()
    assert mapping().free == {dict}
    assert Parameter((str, list), "either", inside=each(integer())).free == {str}
