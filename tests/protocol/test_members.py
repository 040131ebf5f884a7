import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.protocol.members import drop_member, edit_member, member_text, set_members


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ('{"response":{"id":"a","n":1.0}}', '{"id":"a","n":1.0}'),
        ('{ "a" : [ ] ,\t"response"\n:\r { "x" : 1e5 } , "b" : 1 }', '{ "x" : 1e5 }'),
        ('{"a":{"response":1},"response":2,"b":{"response":3}}', "2"),
        ('{"response":1,"a":2,"response":{"last":true}}', '{"last":true}'),
        (r'{"r\u0065sponse":"\u00e9é\/"}', r'"\u00e9é\/"'),
        ('{"response":"a","respons\u00e9":"b"}', '"a"'),
        (r'{"a":"\"response\":1,","response":"}"}', '"}"'),
        ('  {"response":null}  ', "null"),
        ('{"response":-0.0}', "-0.0"),
        ('{"response":123456789012345678901234567890}', "123456789012345678901234567890"),
        ('{"response":[{"response":[]}]}', '[{"response":[]}]'),
        ('{"Response":1}', None),
        ('{"a":{"response":1}}', None),
        ('{"a":"response"}', None),
        ("{}", None),
        ("{ }", None),
    ],
)
def test_member_text_is_the_raw_text_of_the_last_such_member(text: str, raw: str | None) -> None:
    assert member_text(text, "response") == raw


_space = st.text(st.sampled_from(" \t\n\r"), max_size=2)
_raw_value = st.recursive(
    st.sampled_from(["null", "true", "-0.0", "1e5", '""', r'"\""', r'"\\"', '"}"', '","'])
    | st.text(string.printable[:95] + "é😀\u2028", max_size=5).map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{' ,'.join(items)}]")
        | inner.map(lambda value: f'{{"k": {value} , "K":{value}}}')
    ),
    max_leaves=6,
)
_raw_key = st.sampled_from(['"k"', r'"\u006b"', '"K"', '""', r'"k\""', r'"\\"'])


@settings(deadline=None)
@given(st.lists(st.tuples(_raw_key, _raw_value, _space, _space, _space, _space), max_size=4), _space, _space)
def test_member_text_cuts_out_what_was_put_in(
    members: list[tuple[str, str, str, str, str, str]], before: str, inside: str
) -> None:
    joined = ",".join(f"{a}{key}{b}:{c}{value}{d}" for key, value, a, b, c, d in members)
    text = f"{before}{{{inside}{joined}}}"
    put_in: dict[Any, str] = {json.loads(key): value for key, value, *_ in members}
    for key in ("k", "K", "", 'k"', "\\", "absent"):
        assert member_text(text, key) == put_in.get(key)


@pytest.mark.parametrize(
    ("text", "values", "changed"),
    [
        ('{"a":1}', {"a": 1}, '{"a":1}'),
        ('{"a": 1e0 }', {"a": 1.0}, '{"a": 1e0 }'),
        ('{"a":1}', {"a": True}, '{"a":true}'),
        ('{"a":1}', {"a": None}, '{"a":null}'),
        ('{ "a" : [1] , "b" : 2 }', {"a": []}, '{ "a" : [] , "b" : 2 }'),
        ('{"a":1,"b":2}', {"c": {"d": "é"}}, '{"a":1,"b":2,"c":{"d":"é"}}'),
        ("{}", {"c": "\ud800"}, '{"c":"\\ud800"}'),
        (" { } ", {"c": 1, "d": 2}, ' { "c":1,"d":2} '),
        ('{"a":1,"a":2}', {"a": 3}, '{"a":1,"a":3}'),
        (r'{"\u0061":1}', {"a": 3}, r'{"\u0061":3}'),
    ],
)
def test_members_are_set_where_they_stand(text: str, values: dict[str, Any], changed: str) -> None:
    assert set_members(text, values) == changed


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"k":1}', "{}"),
        ('{ "k" : 1 }', "{  }"),
        ('{"k":1,"b":2}', '{"b":2}'),
        ('{"a":1, "k":"," ,"b":2}', '{"a":1, "b":2}'),
        ('{"a":1,"k":{"k":1}}', '{"a":1}'),
        ('{"a":1 , "k":[1] }', '{"a":1 }'),
        ('{"k":1,"a":2,"k":3}', '{"a":2}'),
        ('{"a":{"k":1}}', '{"a":{"k":1}}'),
        ("{}", "{}"),
    ],
)
def test_a_member_is_dropped_with_its_comma(text: str, left: str) -> None:
    assert drop_member(text, "k") == left


def test_the_text_of_a_member_is_edited_alone() -> None:
    assert edit_member('{ "a" : {"b":1.0} , "c":2 }', "a", str.upper) == '{ "a" : {"B":1.0} , "c":2 }'
    assert edit_member('{"a":1}', "absent", str.upper) == '{"a":1}'


@given(st.dictionaries(st.sampled_from("abcdk"), st.integers() | st.text() | st.none()), st.booleans())
def test_what_is_set_and_dropped_is_so_for_a_reader(values: dict[str, Any], spaced: bool) -> None:
    text = json.dumps(values, indent=2) if spaced else json.dumps(values)
    assert json.loads(set_members(text, {"k": 5, "e": [1]})) == {**values, "k": 5, "e": [1]}
    assert json.loads(drop_member(text, "k")) == {key: value for key, value in values.items() if key != "k"}
