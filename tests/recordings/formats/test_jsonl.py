import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.changed_json import Change, changed, changes

from respool.errors import RecordingError
from respool.protocol.events import Event
from respool.recordings.formats import fast_jsonl, jsonl
from respool.recordings.recording import Header, Recording, TimedEvent

VERBATIM = (Path(__file__).parents[2] / "data/verbatim.jsonl").read_bytes()

A, B = '{"type":"a"}', '{"type":"b"}'
CREATED = '{"type":"response.created"}'


def read(text: str | bytes) -> tuple[Recording, ...]:
    return jsonl.read(text.encode() if isinstance(text, str) else text, "a", "a.jsonl")


def timed(text: str | bytes) -> list[tuple[float | None, str]]:
    [turn] = read(text)
    return [(event.gap, event.event.text) for event in turn.events]


def refusal(data: str | bytes) -> RecordingError:
    with pytest.raises(RecordingError) as refused:
        read(data)
    return refused.value


def test_event_texts_are_those_of_the_lines_byte_for_byte() -> None:
    lines = [line for line in VERBATIM.decode().split("\n") if line.startswith("{")]
    assert len(lines) > 10
    assert [text for _, text in timed(VERBATIM)] == lines
    pairs = "\n".join(f"[0.5, {line}]" for line in lines)
    assert timed(pairs) == [(0.5, line) for line in lines]


@pytest.mark.parametrize(
    ("line", "gap", "text"),
    [
        (A, None, A),
        (f"[null, {A}]", None, A),
        (f"[0.412, {A}]", 0.412, A),
        (f"[0, {A}]", 0.0, A),
        (f"[-0.0, {A}]", 0.0, A),
        (f"[1e-3, {A}]", 0.001, A),
        (f"[12345678901, {A}]", 12345678901.0, A),
        (f"[0.5,{A}]", 0.5, A),
        (f"  [\t0.5  ,\t {A} \t]  ", 0.5, A),
        (f" \t{A} \t", None, A),
        (f"[0.5,{A}]\r", 0.5, A),
        (f"{A}\r", None, A),
        ('[0,{ "type" : "a" }]', 0.0, '{ "type" : "a" }'),
        ('{"type":"a",\r"b":1}', None, '{"type":"a",\r"b":1}'),
        ('[0,{"type":"a","b":"]"}]', 0.0, '{"type":"a","b":"]"}'),
        ('[0,{"type":"[0,"}]', 0.0, '{"type":"[0,"}'),
    ],
)
def test_a_line_is_an_event_or_its_gap_and_the_event(line: str, gap: float | None, text: str) -> None:
    assert timed(line) == [(gap, text)]
    assert timed(f"# before\n{line}\n\n") == [(gap, text)]


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}",
        f"{A}\n{B}\n",
        f"{A}\r\n{B}\r\n",
        f"\n \n{A}\n\t\r\n\n{B}\n\n",
        f"# comment\n{A}\n#{B}\n#\n{B}\n# end",
        f"\ufeff{A}\n{B}",
        f"\ufeff# comment\n\n{A}\n{B}",
    ],
)
def test_blank_lines_comments_line_ends_and_a_bom_say_nothing(text: str) -> None:
    assert timed(text) == [(None, A), (None, B)]


def test_a_comment_need_not_be_utf8() -> None:
    assert timed(b"# caf\xe9\n" + A.encode()) == [(None, A)]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "\ufeff", " \t\r\n"])
def test_a_file_that_says_nothing_has_no_turns(text: str) -> None:
    assert read(text) == ()


def test_events_know_their_lines() -> None:
    [turn] = read(f'# comment\n{{"respool":1}}\n\n{A}\r\n[0,{B}]')
    assert [event.line for event in turn.events] == [4, 5]


def test_an_event_without_a_type_may_stand_in_a_pair() -> None:
    [turn] = read('[null, {"x":1}]')
    assert turn.events[0].event == Event('{"x":1}', "message")


def test_a_header_comes_first_or_begins_another_turn() -> None:
    first, second, third = read(
        f'{{"respool":1,"note":"one"}}\n{A}\n{{"respool":1,"status":429,"body":{{}}}}\n'
        f'{{"note":"three","respool":1}}\n[0.1,{B}]\n{A}'
    )
    assert (first.name, first.header.note, len(first.events)) == ("a", "one", 1)
    assert (second.name, second.header.status, second.plain) == ("a#2", 429, True)
    assert (third.name, third.header.note, len(third.events)) == ("a#3", "three", 2)


def test_an_event_with_a_field_respool_in_a_pair_is_no_header() -> None:
    assert timed('[0, {"type":"a","respool":1}]') == [(0.0, '{"type":"a","respool":1}')]


DEEP = "[" * 100_000
DAMAGE = {
    "cut within a string": (f'{A}\n{{"type":"b', "2:9: not JSON: unterminated string"),
    "cut after a colon": ('{"type":', "1:9: not JSON: expecting value"),
    "cut after a value": ('{"type":"a"', "1:12: not JSON: expecting ',' delimiter"),
    "cut pair": ('[0.5, {"type":"a"}', '1:19: expected "]" here: a line is [gap, event] or the bare event'),
    "cut after the comma of a pair": ("[0.5, ", "1:7: not JSON: expecting value"),
    "only a bracket": ("[", "1:2: not JSON: expecting value"),
    "only a gap": ("[0.5]", '1:5: expected "," here: a line is [gap, event] or the bare event'),
    "no comma": (f"[0.5 {A}]", '1:6: expected "," here: a line is [gap, event] or the bare event'),
    "array of three": (f"[0.5, {A}, 1]", '1:19: expected "]" here: a line is [gap, event] or the bare event'),
    "empty array": ("[]", "1:2: not JSON: expecting value"),
    "two events run together": (
        f"{A}\n{A}{B}",
        f"2:13: expected the end of the line, but it goes on with {B}: two events run together?",
    ),
    "two pairs run together": (
        f"[0,{A}] [0,{B}]",
        f"1:18: expected the end of the line, but it goes on with [0,{B}]: two events run together?",
    ),
    "something after the event": (
        f"{A} ...",
        "1:14: expected the end of the line, but it goes on with ...",
    ),
    "much after the event": (
        f"{A} {'x' * 99}",
        f"1:14: expected the end of the line, but it goes on with {'x' * 37}...",
    ),
    "a comment after the event": (
        f"{A} # no",
        "1:14: expected the end of the line, but it goes on with # no",
    ),
    "no type": ('{"x":1}', '1:1: an event needs a "type" that is a string, but it has no "type"'),
    "type is no string": (
        '  {"type":1}',
        '1:3: an event needs a "type" that is a string, but its "type" is an integer',
    ),
    "type in a pair is no string": (
        '[0.5, {"type":null}]',
        '1:7: an event needs a "type" that is a string, but its "type" is null',
    ),
    "a plain number": ("5", "1:1: an event is a JSON object, but this is an integer"),
    "a plain string": ('\n"x"', "2:1: an event is a JSON object, but this is a string"),
    "no JSON at all": ("hello", "1:1: not JSON: expecting value"),
    "a comment that does not begin its line": (" # x", "1:2: not JSON: expecting value"),
    "a form feed before the event": (f"\f{A}", "1:1: not JSON: expecting value"),
    "a BOM that is not at the beginning": (f"{A}\n\ufeff{B}", "2:1: not JSON: expecting value"),
    "a raw control character": ('{"type":"a\tb"}', "1:11: not JSON: invalid control character"),
    "too deep": (DEEP, "1:2: the JSON is nested too deeply"),
    "too deep within an event": (f'{{"type":"a","x":{DEEP}', "1:1: the JSON is nested too deeply"),
    "too deep within a pair": (f'[0.5, {{"type":"a","x":{DEEP}', "1:7: the JSON is nested too deeply"),
    "invalid UTF-8": (A.encode() + b'\n{"type":"\xff"}', "2:10: byte 0xff is not UTF-8"),
    "UTF-8 of a surrogate": (b'{"type":"\xed\xa0\x80"}', "1:10: byte 0xed is not UTF-8"),
    "a character cut in two": (b'{"type":"\xc3', "1:10: byte 0xc3 is not UTF-8"),
    "UTF-16": (b"\xff\xfe{\x00", "1:1: byte 0xff is not UTF-8"),
    "event after a body": (
        f'{{"respool":1,"body":{{}}}}\n\n{A}',
        '3: the header has a "body", so no event may follow it',
    ),
    "header alone": (
        '# x\n{"respool":1}\n# y\n',
        '2: the header is followed by no event and has no "body"',
    ),
    "header whose body is null": (
        '{"respool":1,"body":null}',
        '1: the header is followed by no event and has no "body"',
    ),
    "last header alone": (
        f'{A}\n{{"respool":1}}\n\n',
        '2: the header is followed by no event and has no "body"',
    ),
    "another format version": ('{"respool":2}', "1: the header's format version is 2, this Respool reads 1"),
    "version is a boolean": (
        '{"respool":true}',
        '1: the header\'s "respool" is a boolean, expected an integer',
    ),
    "request is an array": (
        f'{A}\n{{"respool":1,"request":[]}}',
        '2: the header\'s "request" is an array, expected an object',
    ),
    "status is a string": (
        '{"respool":1,"status":"200"}',
        '1: the header\'s "status" is a string, expected an integer',
    ),
    "status is no HTTP status": (
        '{"respool":1,"status":1000}',
        '1: the header\'s "status" is 1000, expected 200 to 599',
    ),
    "headers are no object": (
        '{"respool":1,"headers":"a: b"}',
        '1: the header\'s "headers" is a string, expected an object',
    ),
    "a header's value is no string": (
        '{"respool":1,"headers":{"retry-after":1}}',
        '1: the header\'s "headers": retry-after is an integer, expected a string',
    ),
    "line ends in a header's value": (
        r'{"respool":1,"headers":{"x":"a\r\nset-cookie: b"}}',
        "1: the header's \"headers\": 'x' cannot be sent as an HTTP header",
    ),
    "line ends in a header's name": (
        r'{"respool":1,"headers":{"x\r\ny":"a"}}',
        r"""1: the header's "headers": 'x\r\ny' cannot be sent as an HTTP header""",
    ),
}


@pytest.mark.parametrize(("data", "expected"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_with_its_place_and_cause(data: str | bytes, expected: str) -> None:
    assert str(refusal(data)) == f"a.jsonl:{expected}"


@pytest.mark.parametrize(
    ("gap", "shown"),
    [
        ("-0.1", "-0.1"),
        ("-1", "-1"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ('"0.5"', "a string"),
        ("true", "a boolean"),
        ("[0]", "an array"),
        ("{}", "an object"),
        (A, "an object"),
    ],
)
def test_a_gap_that_is_no_time_is_refused(gap: str, shown: str) -> None:
    refused = refusal(f"{A}\n[ {gap}, {A}]")
    assert refused.cause == f"a gap is a number of seconds, 0 or more, or null, but this is {shown}"
    assert (refused.line, refused.column) == (2, 3)


def test_a_gap_that_no_float_can_hold_is_refused() -> None:
    refused = refusal(f"[1{'0' * 400}, {A}]")
    assert refused.cause.startswith("a gap is a number of seconds, 0 or more, or null, but this is ")
    assert (refused.line, refused.column) == (1, 2)


def test_a_message_does_not_repeat_a_long_number() -> None:
    assert len(refusal(f"[1{'0' * 4000}, {A}]").cause) < 200


@pytest.mark.parametrize(
    ("line", "column"),
    [("1" * 5000, 1), (f"[{'1' * 5000}, {A}]", 2), (f'[0, {{"x":{"1" * 5000}}}]', 5)],
    ids=["alone", "as gap", "in an event"],
)
def test_a_number_of_thousands_of_digits_is_refused(line: str, column: int) -> None:
    refused = refusal(f"{A}\n{line}")
    assert refused.cause.startswith("not JSON that can be read: ")
    assert (refused.line, refused.column) == (2, column)


@pytest.mark.parametrize(("line", "column"), [("[0, 0]", 5), ("[1.5, 5]", 7), ("[null, null]", 8)])
def test_the_column_is_that_of_the_event_also_where_the_gap_looks_like_it(line: str, column: int) -> None:
    assert refusal(line).column == column


def test_a_header_without_anything_is_refused_at_its_own_line() -> None:
    assert refusal(f'{A}\n{{"respool":1}}\n{{"respool":1}}\n{B}').line == 2


def test_two_events_parted_by_a_comma_are_recognised() -> None:
    assert refusal(f"{A}, {B}").cause.endswith(": two events run together?")


def test_with_an_on_damage_that_returns_what_is_sound_is_read() -> None:
    damages: list[RecordingError] = []
    data = f'{A}\n{{"type":\n[0.5, {B}]\n\n5\n{{"respool":1,"status":"x"}}\n'.encode() + b"\xff\n[-1,{}]\n{}"
    [turn] = jsonl.read(data, "a", "a.jsonl", damages.append)
    assert [(event.gap, event.event.text, event.line) for event in turn.events] == [(None, A, 1), (0.5, B, 3)]
    places = [(damage.path, damage.line, damage.column) for damage in damages]
    assert places == [
        ("a.jsonl", line, column) for line, column in [(2, 9), (5, 1), (6, None), (7, 1), (8, 2), (9, 1)]
    ]


def test_each_header_without_anything_is_damage() -> None:
    damages: list[RecordingError] = []
    jsonl.read(
        b'{"respool":1}\n{"respool":1}\n' + A.encode() + b'\n{"respool":1}', "a", "a.jsonl", damages.append
    )
    assert len(damages) == 2


@pytest.mark.parametrize(
    ("data", "is_native"),
    [
        (CREATED, True),
        (f"[0.5, {CREATED}]", True),
        (f"[null,{CREATED}]", True),
        ('{"respool": 1}', True),
        ('{"note":"x","respool":9}', True),
        (f"\ufeff{CREATED}", True),
        (f"# comment\n\n{CREATED}", True),
        (f'{{"type":\n{CREATED}', True),
        (f"{CREATED}\r\n", True),
        ('{"type":\n' * 19 + CREATED, True),
        ('{"type":\n' * 20 + CREATED, False),
        ("# comment\n\n" * 30 + CREATED, True),
        ("", False),
        ("[]", False),
        ("{}", False),
        ("[1,2]", False),
        ('["a","b"]', False),
        ('{"type":1}', False),
        (f"[{CREATED}]", False),
        (f"[1,{CREATED},1]", False),
        ('{\n"type":"response.created"\n}', False),
        (f"data: {CREATED}", False),
        (DEEP, False),
        ("1" * 5000, False),
        (f'{{"x":{"1" * 5000}}}', False),
        (b"\xff\xfe", False),
        (b'{"type":"\xff"}', False),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_format_is_recognised_by_its_first_lines(data: str | bytes, is_native: bool) -> None:
    assert jsonl.sniff(data.encode() if isinstance(data, str) else data) is is_native


def test_white_space_before_an_event_is_no_hindrance() -> None:
    assert jsonl.sniff(f"  {CREATED}".encode())


def recording(*events: tuple[float | None, str], **fields: Any) -> Recording:
    return Recording(
        "a", Header(fields), tuple(TimedEvent(gap, Event.parse(text, "message")) for gap, text in events)
    )


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        ([], ""),
        ([recording((None, A), (0.25, B))], f"{A}\n[0.25, {B}]\n"),
        ([recording((0.1 + 0.2, A))], f"[0.30000000000000004, {A}]\n"),
        ([recording((1e-07, A), (0.0, B))], f"[1e-07, {A}]\n[0.0, {B}]\n"),
        ([recording((None, '{"x":1}'))], '[null, {"x":1}]\n'),
        ([recording((None, A)), recording((None, B))], f'{A}\n{{"respool": 1}}\n{B}\n'),
        (
            [recording((None, A), note="é\u2028", status=201)],
            f'{{"respool": 1, "note": "é\u2028", "status": 201}}\n{A}\n',
        ),
        (
            [recording(respool=1, status=500, body={"b": 1, "a": 2})],
            '{"respool": 1, "status": 500, "body": {"b": 1, "a": 2}}\n',
        ),
        ([recording((None, '{\r\n"type":\n"a"\r}'))], '{ "type": "a" }\n'),
    ],
)
def test_what_is_written(turns: list[Recording], text: str) -> None:
    assert jsonl.write(turns) == text


def test_what_was_written_is_read_again_byte_for_byte() -> None:
    turns = jsonl.read(VERBATIM, "a", "a.jsonl")
    [again] = read(jsonl.write(turns))
    assert again.events == turns[0].events


def test_a_lone_surrogate_in_a_header_can_be_written() -> None:
    turns = read(r'{"respool":1,"note":"\ud800"}' + f"\n{A}")
    [again] = read(jsonl.write(turns).encode())
    assert again.header.note == "\ud800"


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)
_unknown_fields = st.dictionaries(
    _text.filter(lambda name: name not in ("request", "status", "headers", "body", "note", "done")),
    _json,
    max_size=4,
)
_event_text = st.builds(
    lambda fields, ensure_ascii, space: json.dumps(
        {**fields, "type": "a"}, ensure_ascii=ensure_ascii, separators=(f",{space}", f"{space}:")
    ),
    st.dictionaries(_text.filter(lambda name: name != "respool"), _json, max_size=3),
    st.booleans(),
    st.sampled_from(["", " ", "\t "]),
)
_gap = st.none() | st.floats(min_value=0, allow_infinity=False)
_turn = st.tuples(_unknown_fields, st.lists(st.tuples(_gap, _event_text), min_size=1, max_size=3))


@settings(deadline=None)
@given(st.lists(_turn, min_size=1, max_size=3))
def test_headers_gaps_and_texts_survive_a_round_trip(
    turns: list[tuple[dict[str, Any], list[tuple[float | None, str]]]],
) -> None:
    written = [recording(*events, **{**fields, "respool": 1}) for fields, events in turns]
    again = read(jsonl.write(written).encode())
    assert [turn.events for turn in again] == [turn.events for turn in written]
    for (fields, _), turn in zip(turns, again, strict=True):
        expected = {"respool": 1} | fields | {"respool": 1}
        assert json.dumps(dict(turn.header.fields)) == json.dumps(expected)


@settings(max_examples=4 * settings.default.max_examples)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [" ", "\t", "\r", "\u00a0", "[", "]", ",", "null", A, "{}", '{"type":1}', "{", "x", "]]"]
            ),
            st.sampled_from(
                ["0", "00", "01", "-0", "-1", "1.", ".5", "1e5", "1e-5", "1E+5", "1e999", "NaN", "9" * 30]
            ),
            st.floats(0, 1e12).map(repr),
            st.integers(0).map(str),
        ),
        max_size=6,
    ),
    st.floats(0, allow_infinity=False).map(repr) | st.just("null"),
    st.integers(0, 6),
)
def test_the_short_way_through_a_line_reads_and_refuses_as_the_general_way_does(
    noise: list[str], gap: str, place: int
) -> None:
    parts = ["[", gap, ", ", A, "]"]
    for line in ("".join(noise), "".join([*parts[:place], *noise, *parts[place:]])):
        assert outcome(line) == read_carefully(line)


@settings(max_examples=6 * settings.default.max_examples, deadline=None)
@given(
    st.sampled_from(
        [
            '[0.5, {"type":"response.created","response":{"id":"r","x":[1,-0.0,true,{}]},"d":"\\u00e9é"}]',
            '{"type":"response.created","sequence_number":12,"response":{"id":"r","output":[]}}',
            '[null,{"delta":"a","response":null}]',
            '{"respool":1,"request":{"model":"a"}}',
        ]
    ),
    changes('"type":', '"response":', '"id":', '"response":{"id":1},', '"type":"b",', '"respool":1,'),
)
def test_a_line_that_was_changed_anywhere_is_read_and_refused_as_the_careful_reader_does(
    line: str, changes: list[Change]
) -> None:
    line = changed(line, changes)
    # What follows tells whether the response's id was found: with another one, another turn begins.
    assert outcome(f"{line}\n{FOLLOWING}") == read_carefully(f"{line}\n{FOLLOWING}")


FOLLOWING = '{"type":"response.created","response":{"id":"r"}}'


@pytest.mark.parametrize(
    "line",
    [
        '[0,{"type":"a","x":%s}]' % ("9" * 4300),
        '[0,{"type":"a","x":%s}]' % ("9" * 4301),
        '{"type":"a","x":%s}' % ("9" * 4301),
        '[0,{"type":"a","x":"%s"}]' % ("9" * 4301),
        '[0,{"type":"a","x":' + "[" * 950 + "]" * 950 + "}]",
        '[0,{"type":"a","x":' + "[" * 2000 + "]" * 2000 + "}]",
        '[0,{"type":"a","x":1e999}]',
        '[0,{"type":"a","x":NaN}]',
        r'[0,{"type":"\ud800"}]',
        r'[0,{"type":"a","x":"\ud800"}]',
        '[0,{"type":"a","type":"b"}]',
        '[0,{"type":1,"type":"b"}]',
        '[0,{"type":"b","type":1}]',
        '[0,{"type":""}]',
        '{"type":"a","respool":null}',
        '[0,{"type":"a","respool":null}]',
        '{"type":"a","response":7}',
        '{"type":"a","response":{"id":{"x":[]}}}',
        '{"type":"a","response":{"id":"q"},"response":{}}',
    ],
    ids=lambda line: line[:40],
)
def test_a_line_in_which_something_is_unusual_is_read_and_refused_as_the_careful_reader_does(
    line: str,
) -> None:
    assert outcome(f"{line}\n{FOLLOWING}") == read_carefully(f"{line}\n{FOLLOWING}")


def read_carefully(text: str) -> Any:
    with mock.patch.object(fast_jsonl, "read_event", return_value=None):
        return outcome(text)


def outcome(line: str) -> Any:
    """The events of the turns, or the refusal."""
    try:
        return [[(timed.gap, timed.event, timed.line) for timed in turn.events] for turn in read(line)]
    except RecordingError as error:
        return str(error)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"respool":1,"status":500,"body":"\\ud800"}', "half a character"),
        (
            b'{"type":"response.created","x":' + b"[" * 600 + b"]" * 600 + b"}",
            "nested deeper than 500 levels",
        ),
    ],
)
def test_what_could_not_be_sent_is_refused_with_its_line(line: bytes, cause: str) -> None:
    with pytest.raises(RecordingError, match=cause) as refused:
        jsonl.read(b'{"type":"response.created"}\n' + line, "a", "a.jsonl")
    assert refused.value.line == 2
