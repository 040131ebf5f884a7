from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import RequestError
from respool.protocol.request import (
    ListQuery,
    RetrieveQuery,
    ValidationLevel,
    read_include,
    read_list,
    read_retrieve,
)

RETRIEVE = [
    ([], RetrieveQuery()),
    ([("stream", "true"), ("starting_after", "3")], RetrieveQuery(stream=True, starting_after=3)),
    ([("starting_after", "0"), ("stream", "True")], RetrieveQuery(stream=True, starting_after=0)),
    ([("stream", "false"), ("include_obfuscation", "false")], RetrieveQuery(include_obfuscation=False)),
    ([("stream", ""), ("starting_after", ""), ("beta", "true")], RetrieveQuery()),
    ([("include[]", "a"), ("include[]", "b")], RetrieveQuery(include=("a", "b"))),
    ([("include", "a"), ("include[1]", "b"), ("includes", "c")], RetrieveQuery(include=("a", "b"))),
    ([("stream", "false"), ("stream", "true")], RetrieveQuery(stream=True)),
]
LIST = [
    ([], ListQuery()),
    ([("limit", "20"), ("order", "desc")], ListQuery()),
    (
        [("limit", "1"), ("order", "asc"), ("after", "msg_1"), ("include[]", "a")],
        ListQuery("msg_1", 1, "asc", ("a",)),
    ),
    ([("limit", "100"), ("unknown", "x")], ListQuery(limit=100)),
]
TYPE = "Invalid type for '{}': expected {}, but got a string instead."
BELOW = "Invalid '{}': integer below minimum value. Expected a value >= {}, but got {} instead."
OUT_OF_RANGE = [
    ("limit", "0", BELOW.format("limit", 1, 0)),
    ("limit", "-1", BELOW.format("limit", 1, -1)),
    ("limit", "101", BELOW.format("limit", 100, 101).replace("below min", "above max").replace(">", "<")),
]
REFUSED = [
    ("limit", "ten", TYPE.format("limit", "an integer")),
    ("limit", "1.5", TYPE.format("limit", "an integer")),
    ("limit", "٣", TYPE.format("limit", "an integer")),
    ("limit", "9" * 5000, TYPE.format("limit", "an integer")),
    ("order", "up", "Invalid value: 'up'. Supported values are: 'asc' and 'desc'."),
    ("stream", "1", TYPE.format("stream", "a boolean")),
    ("include_obfuscation", "no", TYPE.format("include_obfuscation", "a boolean")),
    ("starting_after", "-1", BELOW.format("starting_after", 0, -1)),
    ("starting_after", "x", TYPE.format("starting_after", "an integer")),
]


@pytest.mark.parametrize(("pairs", "query"), RETRIEVE)
def test_the_query_of_a_retrieve_is_read_in_any_order(
    pairs: list[tuple[str, str]], query: RetrieveQuery
) -> None:
    assert read_retrieve(pairs) == query


@pytest.mark.parametrize(("pairs", "query"), LIST)
def test_the_query_of_a_list_has_the_defaults_of_the_service(
    pairs: list[tuple[str, str]], query: ListQuery
) -> None:
    assert read_list(iter(pairs)) == query


@pytest.mark.parametrize("level", [ValidationLevel.OFF, ValidationLevel.BASIC])
@pytest.mark.parametrize(("name", "text", "message"), REFUSED)
def test_a_value_that_cannot_be_read_is_refused_at_every_level(
    name: str, text: str, message: str, level: ValidationLevel
) -> None:
    read: Any = read_list if name in ("limit", "order") else read_retrieve
    with pytest.raises(RequestError) as raised:
        read([(name, text)], level)
    assert (raised.value.message, raised.value.param, raised.value.status) == (message, name, 400)


@pytest.mark.parametrize(("name", "text", "message"), OUT_OF_RANGE)
def test_a_list_has_no_limit_out_of_range(name: str, text: str, message: str) -> None:
    with pytest.raises(RequestError) as raised:
        read_list([(name, text)])
    assert (raised.value.message, raised.value.param, raised.value.status) == (message, name, 400)


def test_what_include_may_be_is_known_to_strict_alone() -> None:
    pairs = [("include[]", "reasoning.encrypted_content"), ("include[]", "of.the.future")]
    assert read_include(pairs) == ("reasoning.encrypted_content", "of.the.future")
    assert read_include(pairs[:1], ValidationLevel.STRICT) == ("reasoning.encrypted_content",)
    with pytest.raises(RequestError) as raised:
        read_include(pairs, ValidationLevel.STRICT)
    assert (raised.value.code, raised.value.param) == ("invalid_value", "include[1]")


NAMES = st.sampled_from(
    "stream starting_after include_obfuscation include[] include[ limit order after".split()
)


@given(st.lists(st.tuples(NAMES | st.text(), st.text() | st.integers().map(str)), max_size=4))
def test_any_query_is_read_or_refused_with_a_request_error(pairs: list[tuple[str, str]]) -> None:
    for read in (read_retrieve, read_list):
        with suppress(RequestError):
            read(pairs)


@pytest.mark.parametrize(
    ("text", "limit"), [("0", 20), ("-3", 20), ("", 20), ("1", 1), ("101", 101), ("9" * 18, 10**18 - 1)]
)
def test_a_list_has_any_limit_where_nothing_is_checked(text: str, limit: int) -> None:
    assert read_list([("limit", text)], ValidationLevel.OFF).limit == limit


def test_a_limit_that_is_no_number_is_refused_where_nothing_is_checked_too() -> None:
    with pytest.raises(RequestError) as raised:
        read_list([("limit", "ten")], ValidationLevel.OFF)
    assert raised.value.code == "invalid_type"
