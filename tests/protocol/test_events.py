import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.protocol.events import Event, compact_recorded, dumps, json_kind, loads

# Each event is preceded by a comment, which is its test's id. No splitlines: U+2028 ends no line here.
_LINES = (Path(__file__).parents[1] / "data/verbatim.jsonl").read_bytes().decode().rstrip("\n").split("\n")
VERBATIM = [
    pytest.param(text, id=comment.removeprefix("# "))
    for comment, text in zip(_LINES[::2], _LINES[1::2], strict=True)
]


@pytest.mark.parametrize("text", VERBATIM)
def test_text_is_kept_and_type_is_its_decoded_value(text: str) -> None:
    event = Event.parse(text)
    assert event.text == text
    assert event.type == json.loads(text)["type"]


def test_white_space_around_the_object_is_kept() -> None:
    assert Event.parse('  {"type":"a"} \t').text == '  {"type":"a"} \t'


@pytest.mark.parametrize(
    ("text", "default", "type"),
    [
        ('{"type":"a"}', None, "a"),
        ('{"type":"a"}', "b", "a"),
        ('{"x":1}', "b", "b"),
        (r'{"\u0074ype":"\u0061"}', None, "a"),
        ('{"type":"a","type":"b"}', None, "b"),
        ('{"response":{"type":"a"}}', "b", "b"),
        (r'{"type":"\ud800"}', None, "\ud800"),
        ('{"type":"nobody.knows.this"}', None, "nobody.knows.this"),
    ],
)
def test_type_is_the_text_s_own_or_else_the_default(text: str, default: str | None, type: str) -> None:
    assert Event.parse(text, default).type == type


@pytest.mark.parametrize(
    ("text", "default", "cause"),
    [
        ("{}", None, 'an event needs a "type" that is a string, but it has no "type"'),
        ("{}", "", 'an event needs a "type" that is a string, but it has no "type"'),
        ('{"type":null}', "b", 'an event needs a "type" that is a string, but its "type" is null'),
        ('{"type":1}', None, 'an event needs a "type" that is a string, but its "type" is an integer'),
        ('{"type":["a"]}', "b", 'an event needs a "type" that is a string, but its "type" is an array'),
        ("[]", "b", "an event is a JSON object, but this is an array"),
        ('"type"', "b", "an event is a JSON object, but this is a string"),
        ("true", "b", "an event is a JSON object, but this is a boolean"),
        ("1.5", "b", "an event is a JSON object, but this is a number"),
        ("null", "b", "an event is a JSON object, but this is null"),
    ],
)
def test_what_is_no_event_is_refused_with_its_cause(text: str, default: str | None, cause: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole text is compared
        Event.parse(text, default)
    assert str(refusal.value) == cause


def test_empty_type_is_refused_as_empty() -> None:
    with pytest.raises(ValueError, match="empty"):
        Event.parse('{"type":""}')


@pytest.mark.parametrize("text", ["", "{", '{"type":"a"', '{"type":"a"}x', '{"type":"\n"}', "{'type':'a'}"])
def test_damaged_json_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        Event.parse(text)


@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000], ids=lambda text: text[:4])
def test_json_without_end_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the interpreter words it
        loads(f'{{"type":"a","x":{value}')


@pytest.mark.parametrize(
    "text",
    [
        "1e999",
        "-1e999",
        "-0",
        "-0.0",
        '{"a":1,"a":2}',
        "123456789012345678901",
        "9" * 4300,
        r'"\ud800"',
        '"\ud800"',
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_json_in_which_something_is_unusual_is_read_as_json_reads_it(text: str) -> None:
    assert repr(loads(text)) == repr(json.loads(text))


@settings(deadline=None)
@given(st.text(st.sampled_from('{}[]":,\\ue09. type\n'), max_size=30) | st.text(max_size=30))
def test_any_text_is_an_event_or_a_value_error(text: str) -> None:
    try:
        event = Event.parse(text)
    except ValueError:
        return
    assert event.text == text
    assert event.data["type"] == event.type


def test_data_is_the_parsed_text_anew_at_each_access() -> None:
    event = Event.parse('{"type":"a","x":[1]}')
    event.data["x"].append(2)
    assert event.data == {"type": "a", "x": [1]}


@pytest.mark.parametrize(
    ("member", "number"),
    [
        ('"sequence_number":7', 7),
        ('"sequence_number":0', 0),
        ('"sequence_number":-1', -1),
        ('"sequence_number":99999999999999999999', 99999999999999999999),
        ('"sequence_number":null', None),
        ('"sequence_number":true', None),
        ('"sequence_number":7.0', None),
        ('"sequence_number":"7"', None),
        ('"response":{"sequence_number":7}', None),
    ],
)
def test_sequence_number_is_an_integer_or_none(member: str, number: int | None) -> None:
    assert Event.parse(f'{{"type":"a",{member}}}').sequence_number == number


def test_events_are_values_that_cannot_be_changed() -> None:
    event = Event.parse('{"type":"a"}')
    assert event == Event('{"type":"a"}', "a")
    assert event != Event.parse('{"type": "a"}')
    assert len({event, Event.parse('{"type":"a"}')}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.text = "{}"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True, 1.0]}, '{"b": 1, "a": [null, true, 1.0]}'),
        ("é\u2028😀", '"é\u2028😀"'),
        ("é\ud800", r'"\u00e9\ud800"'),
    ],
)
def test_json_is_written_so_that_it_can_be_encoded(value: object, text: str) -> None:
    assert dumps(value) == text
    assert json.loads(dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a boolean"),
        (0, "an integer"),
        (0.0, "a number"),
        ("", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_json_kind_names_each_kind_of_value(value: object, kind: str) -> None:
    assert json_kind(value) == kind


def test_numbers_that_json_lacks_are_written_as_they_were_recorded() -> None:
    value = loads('{"a":NaN,"b":1e400,"c":-1e400,"d":"Infinity \\" -Infinity","e":[-Infinity]}')
    text = compact_recorded(value)
    assert text == '{"a":NaN,"b":1e999,"c":-1e999,"d":"Infinity \\" -Infinity","e":[-1e999]}'
    assert repr(loads(text)) == repr(value)
