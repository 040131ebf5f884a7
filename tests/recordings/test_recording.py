import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

from respool.faults import Abort, Stall
from respool.protocol.events import Event
from respool.recordings.recording import Header, ReadRecording, Recording, Row, TimedEvent, turn_name

EVENT = Event('{"type":"a"}', "a")


def test_an_empty_header_is_that_of_a_stream_of_which_nothing_is_known() -> None:
    header = Header()
    assert header.fields == {}
    assert header.request == {}
    assert header.status == 200
    assert header.headers == {}
    assert header.body is None
    assert header.note == ""
    assert header.done is False


def test_a_full_header_says_what_its_fields_say() -> None:
    fields: dict[str, Any] = {
        "respool": 1,
        "request": {"model": "m", "stream": True},
        "status": 429,
        "headers": {"x-request-id": "req_1", "retry-after": "", "Content-Type": 'a; b="c"'},
        "body": {"error": {"code": "rate_limit_exceeded"}},
        "note": "é",
        "done": True,
        "origin": {"unknown": "to this version"},
    }
    header = Header(fields)
    assert header.fields == fields
    assert list(header.fields) == list(fields)
    assert header.request == fields["request"]
    assert header.status == 429
    assert header.headers == fields["headers"]
    assert header.body == fields["body"]
    assert header.note == "é"
    assert header.done is True


def test_null_is_as_if_the_field_were_not_there() -> None:
    fields = dict.fromkeys(["request", "status", "headers", "body", "note", "done"])
    header = Header(fields)
    assert (header.request, header.status, header.headers, header.body) == ({}, 200, {}, None)
    assert (header.note, header.done) == ("", False)
    assert header.fields == fields


@pytest.mark.parametrize("body", ["", "Bad Gateway", 0, False, [], {}, {"error": None}])
def test_a_body_is_any_json_but_null(body: object) -> None:
    assert Header({"body": body}).body == body


@pytest.mark.parametrize("status", [200, 201, 302, 400, 599])
def test_any_status_of_an_answer_is_taken(status: int) -> None:
    assert Header({"status": status}).status == status


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"respool": 2}, "the header's format version is 2, this Respool reads 1"),
        ({"respool": 0}, "the header's format version is 0, this Respool reads 1"),
        ({"respool": "1"}, 'the header\'s "respool" is a string, expected an integer'),
        ({"respool": 1.0}, 'the header\'s "respool" is a number, expected an integer'),
        ({"request": []}, 'the header\'s "request" is an array, expected an object'),
        ({"request": "{}"}, 'the header\'s "request" is a string, expected an object'),
        ({"status": "200"}, 'the header\'s "status" is a string, expected an integer'),
        ({"status": 200.0}, 'the header\'s "status" is a number, expected an integer'),
        ({"status": True}, 'the header\'s "status" is a boolean, expected an integer'),
        ({"status": 199}, 'the header\'s "status" is 199, expected 200 to 599'),
        ({"status": 600}, 'the header\'s "status" is 600, expected 200 to 599'),
        ({"status": -1}, 'the header\'s "status" is -1, expected 200 to 599'),
        ({"headers": []}, 'the header\'s "headers" is an array, expected an object'),
        ({"headers": {"a": None}}, 'the header\'s "headers": a is null, expected a string'),
        ({"headers": {"a": ["b"]}}, 'the header\'s "headers": a is an array, expected a string'),
        ({"note": 1}, 'the header\'s "note" is an integer, expected a string'),
        ({"done": 1}, 'the header\'s "done" is an integer, expected true or false'),
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_refused(fields: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared
        Header(fields)
    assert str(refused.value) == cause


def test_a_status_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match='"status" is 0, expected 200 to 599'):
        Header({"status": 0})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nset-cookie: b"),
        ("x", "a\n"),
        ("x", "\ra"),
        ("x", "\0"),
        ("x", "\x7f"),
        ("x", "é"),
        ("x", "\ud800"),
        ("x\r\ny", "a"),
        ("x:", "a"),
        ("x y", "a"),
        ("x\t", "a"),
        ("é", "a"),
        ("", "a"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared
        Header({"headers": {name: value}})
    assert str(refused.value) == f'the header\'s "headers": {name!r} cannot be sent as an HTTP header'


@pytest.mark.parametrize("name", ["a(b)", "a/b", 'a"b', "a,b", "a;b", "a=b", "a@b", "[a]", "{a}", "a\\b"])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent as an HTTP header"):
        Header({"headers": {name: "x"}})


def test_a_refusal_can_be_printed_whatever_the_name() -> None:
    with pytest.raises(ValueError, match="expected a string") as refused:
        Header({"headers": {"\ud800": 1}})
    assert str(refused.value).encode()


def test_a_header_holds_what_goes_wrong_with_the_answer() -> None:
    given = ["abort(after=5)", {"fault": "stall", "seconds": 2}]
    header = Header({"faults": given})
    assert header.faults == (Abort(after=5), Stall(seconds=2))
    assert header.fields["faults"] == given, "as it was written"
    assert Header({"faults": None}).faults == Header().faults == ()


@pytest.mark.parametrize(
    ("faults", "cause"),
    [
        ("abort", "faults are a list, but this is a string"),
        (["abrt"], "no fault is named abrt: did you mean abort?"),
        ([{"fault": "abort", "after": -1}], "fault abort: after is -1, expected an event number"),
    ],
)
def test_a_fault_that_is_not_understood_is_refused(faults: object, cause: str) -> None:
    with pytest.raises(ValueError, match=f'^the header\'s "faults": {re.escape(cause)}'):
        Header({"faults": faults})


def test_a_header_does_not_change_with_what_it_was_made_of() -> None:
    fields = {"note": "a"}
    header = Header(fields)
    fields["note"] = "b"
    assert header.note == "a"
    with pytest.raises(TypeError):
        header.fields["note"] = "b"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        header.fields = fields  # type: ignore[misc]


def test_headers_are_equal_when_their_fields_are() -> None:
    assert Header({"note": "a", "x": [1]}) == Header({"x": [1], "note": "a"})
    assert Header({"note": "a"}) != Header()


def test_where_an_event_stands_in_its_file_is_no_part_of_its_value() -> None:
    assert TimedEvent(0.5, EVENT, line=1) == TimedEvent(0.5, EVENT, line=2) == TimedEvent(0.5, EVENT)
    assert TimedEvent(0.5, EVENT) != TimedEvent(None, EVENT)


def test_a_recording_is_plain_if_it_has_no_events() -> None:
    assert Recording("a", Header({"body": {}}), ()).plain
    assert not Recording("a", Header(), (TimedEvent(None, EVENT),)).plain


def test_a_recording_that_was_read_again_is_another_one() -> None:
    one, other = Recording("a", Header(), ()), Recording("a", Header(), ())
    assert one != other
    assert len({one, other}) == 2


ROWS = [(0.5, '{"type":"a"}', "a", 3), (None, '{"type":"b"}', "b", None)]
TIMED = (TimedEvent(0.5, Event('{"type":"a"}', "a"), 3), TimedEvent(None, Event('{"type":"b"}', "b")))


def test_the_events_of_one_that_was_read_are_made_once_when_they_are_asked_for() -> None:
    recording = ReadRecording.of("a", Header({"note": "b"}), ROWS)
    assert "events" not in vars(recording)
    assert (recording.name, recording.header.note, recording.scripted) == ("a", "b", None)
    assert recording.events == TIMED
    assert [timed.line for timed in recording.events] == [3, None]
    assert recording.events is recording.events
    assert ROWS not in vars(recording).values()  # they are no longer held


def test_the_events_are_there_for_two_threads_that_ask_at_once() -> None:
    accesses = []

    class Rows(list[Row]):
        def __iter__(self) -> Iterator[Row]:
            if not accesses:  # while the first makes them, another one asks, and is done sooner
                accesses.append(1)
                accesses.append(ReadRecording.events.func(recording))
            return super().__iter__()

    recording = ReadRecording.of("a", Header(), Rows(ROWS))
    assert recording.events == TIMED
    assert accesses == [1, TIMED]
    assert (
        ReadRecording.events.func(recording) == TIMED
    )  # one who looked before they were there, and asks after


def test_one_that_was_read_can_be_changed_like_any_other_and_cannot_be_set() -> None:
    recording = ReadRecording.of("a", Header(), ROWS)
    other = dataclasses.replace(recording, name="b")
    assert (other.name, other.events, other == recording) == ("b", TIMED, False)
    assert dataclasses.replace(recording, events=()).events == ()
    for name in ("name", "events"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(recording, name, ())


@pytest.mark.parametrize(("turn", "name"), [(1, "b/a"), (2, "b/a#2"), (10, "b/a#10")])
def test_turns_after_the_first_have_their_number_in_the_name(turn: int, name: str) -> None:
    assert turn_name("b/a", turn) == name
