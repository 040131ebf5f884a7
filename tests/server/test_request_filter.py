import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import OptionError
from respool.server.journal import Exchange
from respool.server.request_filter import RequestFilter, differences, look_up, same
from respool.server.seen_requests import SeenRequest

BODY = {
    "model": "gpt-5",
    "input": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "What is the weather?"}]},
    ],
    "tools": [{"type": "function", "name": "get_weather"}],
    "a/b~c": 0,
}


def seen(body: Any = BODY, **fields: Any) -> SeenRequest:
    given = {"method": "POST", "path": "/r/text%2Fhello/v1/responses", "received": 100.0, "status": 200}
    exchange = Exchange(**{**given, "recording": "text/hello", "session": "s", "seconds": 1.0, **fields})
    exchange.raw_headers = [(b"x-trace", b"7"), (b"authorization", b"Bearer sk-secret")]
    exchange.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SeenRequest(exchange)


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"session": "s"}, []),
    ({"session": ""}, ['session is "s", expected ""']),
    ({"method": "post"}, []),
    ({"method": "GET"}, ["method is POST, expected GET"]),
    ({"path": "*/v1/responses"}, []),
    ({"path": "/r/text%2Fhello/v1/responses"}, []),
    ({"path": "/v1/responses"}, ["path is /r/text%2Fhello/v1/responses, expected /v1/responses"]),
    ({"path": "/r/*/v2/*"}, ["path is /r/text%2Fhello/v1/responses, expected /r/*/v2/*"]),
    ({"status": 404}, ["status is 200, expected 404"]),
    ({"recording": "text/hello", "matched": True, "unmatched": False, "pending": False}, []),
    ({"recording": "other"}, ['recording is "text/hello", expected "other"']),
    ({"pending": True}, ["pending is false, expected true"]),
    ({"since": 100.0}, []),
    ({"since": 100.5}, ["it came 0.500 s earlier than expected"]),
    ({"model": "gpt-5"}, []),
    ({"model": "gpt-4"}, ['model is "gpt-5", expected "gpt-4"']),
    ({"text": "weather"}, []),
    ({"text": "brief"}, ['the user\'s last text is "What is the weather?", expected a part "brief"']),
    ({"headers": {"X-Trace": "7", "authorization": True, "cookie": False}}, []),
    ({"headers": {"authorization": "Bearer [secret]"}}, []),
    (
        {"headers": {"authorization": "Bearer sk-secret"}},
        ['header authorization is "Bearer [secret]", expected "Bearer sk-secret"'],
    ),
    ({"headers": {"x-trace": False}}, ['header x-trace is "7", expected not sent']),
    ({"headers": {"cookie": True}}, ["header cookie is not sent, expected any value"]),
    ({"headers": {"cookie": "a"}}, ['header cookie is not sent, expected "a"']),
    ({"body": {"model": "gpt-5", "input": [{"role": "user"}]}}, []),
    ({"body": {"input": [{"role": "user"}, {"role": "system"}]}}, [
        'body /input lacks {"role":"system"}, in the order that is expected',
    ]),
    ({"body": {"tools": [{"name": "get_time"}]}}, [
        'body /tools lacks {"name":"get_time"}, in the order that is expected',
    ]),
    ({"body": {"stream": True}}, ["body /stream is not there, expected true"]),
    ({"body": {"a/b~c": False}}, ["body /a~1b~0c is 0, expected false"]),
    ({"pointers": {"/tools/0/name": "get_weather", "/a~1b~0c": 0}}, []),
    ({"pointers": {"/tools/0": {"name": "get_weather"}}}, [
        'body /tools/0 is {"type":"function","name":"get_weather"}, expected {"name":"get_weather"}',
    ]),
    ({"pointers": {"/tools/1": 1}}, ["body /tools/1 is not there, expected 1"]),
    ({"pointers": {"/tools/00/name": 1}}, ["body /tools/00/name is not there, expected 1"]),
    ({"jmespath": "length(input) == `2`"}, []),
    ({"jmespath": "tools[?name == 'get_weather']"}, []),
    ({"jmespath": "tools[?name == 'none']"}, ["the body does not meet tools[?name == 'none']"]),
    ({"jmespath": "length(model.nothing)"}, ["the body does not meet length(model.nothing)"]),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "misses"), CASES)
def test_a_request_is_told_by_conditions(conditions: dict[str, Any], misses: list[str]) -> None:
    wanted = RequestFilter(**conditions)
    assert list(wanted.misses(seen())) == misses
    assert wanted.matches(seen()) is not bool(misses)


def test_a_body_of_another_kind_is_shown_shortened() -> None:
    [miss] = RequestFilter(body=[]).misses(seen())
    assert miss.startswith('body is {"model":"gpt-5",')
    assert miss.endswith("..., expected []")
    assert len(miss) < 200


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[1", b'"text"', b"[" * 100_000])
def test_any_body_can_be_asked_about(body: bytes) -> None:
    for conditions in (
        {"model": "a"},
        {"text": "a"},
        {"body": {"a": 1}},
        {"pointers": {"/a": 1}},
        {"jmespath": "a"},
    ):
        assert not RequestFilter(**conditions).matches(seen(body))


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ({"jmespath": "length("}, r"length\( is no JMESPath expression"),
        ({"jmespath": "a" * 2001}, "2001 characters, expected at most 2000"),
        ({"jmespath": "(" * 2000}, "is no JMESPath expression"),
        ({"pointers": {"tools": 1}}, "tools is no JSON pointer"),
        ({"body": json.loads("[" * 80 + "]" * 80)}, "nested deeper than 60 levels"),
        ({"pointers": {"/a": json.loads("[" * 80 + "]" * 80)}}, "nested deeper than 60 levels"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(conditions: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        RequestFilter(**conditions)


def test_a_filter_tells_what_it_asks_for() -> None:
    assert str(RequestFilter(session="", status=200)) == 'with session "", status 200'
    assert str(RequestFilter()) == "of any kind"


SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(VALUES)
def test_each_value_has_all_that_is_expected_of_itself(value: Any) -> None:
    assert same(value, value)
    assert list(differences(value, value)) == []
    assert look_up(value, "") == (True, value)


@given(st.dictionaries(st.text(), VALUES, min_size=1))
def test_each_member_is_found_by_its_pointer(value: dict[str, Any]) -> None:
    for name, one in value.items():
        pointer = f"/{name.replace('~', '~0').replace('/', '~1')}"
        assert look_up(value, pointer) == (True, one)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ([1], [True], False),
        ("1", 1, False),
    ],
)
def test_numbers_are_never_truth_values(one: Any, other: Any, is_same: bool) -> None:
    assert same(one, other) is is_same
    assert same({"a": [one]}, {"a": [other]}) is is_same
