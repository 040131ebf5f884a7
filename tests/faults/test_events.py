"""Faults of the events: what a client reads."""

import json
from typing import Any

import pytest
from fault_streams import EVENTS, events, make_body, make_stream, moments, numbers, run, timeline

from respool.faults import (
    FAULTS,
    Drop,
    Duplicate,
    ErrorEvent,
    Failed,
    Fault,
    Gap,
    HugeEvent,
    Incomplete,
    InvalidUtf8,
    Renumber,
    Swap,
    TruncatedJson,
    UnknownEvent,
    WrongEventName,
)
from respool.faults.frame import Action, Frame
from respool.protocol import sse
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.protocol.events import Event

DATA = [encode_sse(Event.parse(text)) for text in EVENTS]
OLD = [
    '{"type":"response.created"}',
    '{"type":"response.output_text.delta","delta":"a"}',
    '{"type":"response.completed"}',
]


@pytest.mark.parametrize(
    ("fault", "read", "at"),
    [
        (Drop(at=3), [0, 1, 3, 4], [1, 2, 4, 5]),
        (Drop(at="output_text.delta", count=2), [0, 1, 4], [1, 2, 5]),
        (Drop(at=4, count=9), [0, 1, 2], [1, 2, 3]),
        (Drop(at=6), [0, 1, 2, 3, 4], [1, 2, 3, 4, 5]),
        (Duplicate(at=3), [0, 1, 2, 2, 3, 4], [1, 2, 3, 3, 4, 5]),
        (Swap(at=3), [0, 1, 3, 2, 4], [1, 2, 3, 4, 5]),
        (Swap(at=5), [0, 1, 2, 3, 4], [1, 2, 3, 4, 5]),
        (Gap(at=3), [0, 1, 3, 4, 5], [1, 2, 3, 4, 5]),
        (Gap(at=1, size=10), [10, 11, 12, 13, 14], [1, 2, 3, 4, 5]),
        (Renumber(), [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        (Renumber(first=0), [0, 1, 2, 3, 4], [1, 2, 3, 4, 5]),
        (UnknownEvent(after=2), [0, 1, 2, 3, 4, 5], [1, 2, 2, 3, 4, 5]),
        (UnknownEvent(after=0), [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]),
        (UnknownEvent(after=5), [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 5]),
        (HugeEvent(at=3), [0, 1, 2, 3, 4], [1, 2, 3, 4, 5]),
    ],
    ids=str,
)
def test_the_events_that_are_read_by_their_numbers(fault: Fault, read: list[int], at: list[float]) -> None:
    frames = run(fault)
    assert numbers(frames) == read
    assert moments(frame for frame in frames if frame.event) == at
    assert timeline(frames)[-1] == (5.0, Action.CLOSE)


@pytest.mark.parametrize(
    ("fault", "read"),
    [
        (Gap(at=2), [None] * 3),
        (Renumber(first=7), [7, 8, 9]),
        (UnknownEvent(after=1), [None] * 4),
        (ErrorEvent(after=1), [None] * 2),
    ],
    ids=str,
)
def test_events_without_numbers_stay_so_unless_they_are_numbered(
    fault: Fault, read: list[int | None]
) -> None:
    assert numbers(run(fault, make_stream(OLD))) == read


def test_a_changed_number_changes_nothing_else() -> None:
    text = '{ "type": "response.x",\t"sequence_number" : 4, "n": 1.0e2, "s":"\\u00e9" }'
    (event,) = events(run(Gap(at=1), make_stream([text])))
    assert event.text == text.replace(": 4,", ": 5,")
    text = '{ "type": "response.x", "n": 1.0e2 }'
    (event,) = events(run(Renumber(), make_stream([text])))
    assert event.text == '{ "type": "response.x", "n": 1.0e2 ,"sequence_number":1}'


def test_an_unknown_event_is_put_in() -> None:
    frames = run(UnknownEvent(after=2, type="response.new"))
    assert (
        frames[3].data
        == b'event: response.new\ndata: {"type":"response.new","delta":"?","sequence_number":2}\n\n'
    )


@pytest.mark.parametrize(
    ("fault", "data"),
    [
        (TruncatedJson(at=3), sse.encode(EVENTS[2][: len(EVENTS[2]) // 2], "response.output_text.delta")),
        (InvalidUtf8(at=3), DATA[2].replace(b'"delta":"', b'"delta":"\xff')),
        (
            WrongEventName(at=3),
            DATA[2].replace(b"event: response.output_text.delta", b"event: response.in_progress"),
        ),
        (WrongEventName(at=3, value="x"), DATA[2].replace(b"event: response.output_text.delta", b"event: x")),
    ],
    ids=str,
)
def test_one_event_is_damaged_and_the_others_are_not(fault: Fault, data: bytes) -> None:
    frames = make_stream()
    expected = [timeline([frame]) for frame in frames]
    expected[3] = [(3.0, data)]
    assert [timeline([frame]) for frame in run(fault, frames)] == expected


def test_truncated_json_is_none_and_the_invalid_byte_leaves_json_to_those_who_replace_it() -> None:
    (message,) = sse.decode(run(TruncatedJson(at=3))[3].data)
    with pytest.raises(json.JSONDecodeError):
        json.loads(message.data)
    spoiled = run(InvalidUtf8(at=3))[3].data
    with pytest.raises(UnicodeDecodeError):
        spoiled.decode()
    (message,) = sse.decode(spoiled.decode("utf-8", "replace").encode())
    assert json.loads(message.data)["delta"] == "\ufffdHé"


def test_a_huge_event_keeps_its_other_fields() -> None:
    frame = run(HugeEvent(at=3))[3]
    assert len(frame.data) > 10 * 1024 * 1024
    assert frame.event is not None
    data = frame.event.data
    assert data.pop("obfuscation") == "x" * 10 * 1024 * 1024
    assert data == json.loads(EVENTS[2])


def last(fault: Fault, texts: list[str] | tuple[str, ...] = EVENTS) -> tuple[dict[str, Any], list[Frame]]:
    """The last event that a client reads, and all frames."""
    frames = run(fault, make_stream(texts, done=True))
    return events(frames)[-1].data, frames


def test_an_error_ends_the_stream() -> None:
    error, frames = last(ErrorEvent(after=2, code="x", message="Boom."))
    details = {"type": "server_error", "code": "x", "message": "Boom.", "param": None}
    assert error == {"type": "error", "error": details, "sequence_number": 2}
    assert timeline(frames)[3][1].startswith(b"event: error\ndata: {")  # type: ignore[union-attr,attr-defined]
    assert timeline(frames)[4:] == [(2.0, Action.CLOSE)]


def test_an_error_may_be_flat() -> None:
    error, _ = last(ErrorEvent(after=2, code="x", message="Boom.", flat=True))
    assert error == {"type": "error", "code": "x", "message": "Boom.", "param": None, "sequence_number": 2}


def test_a_response_fails_as_itself() -> None:
    failed, frames = last(Failed(after=3, code="rate_limit_exceeded", message="Slow down."))
    assert failed == {
        "type": "response.failed",
        "response": {
            "id": "resp_1",
            "output": [],
            "status": "failed",
            "error": {"code": "rate_limit_exceeded", "message": "Slow down."},
            "usage": None,
        },
        "sequence_number": 3,
    }
    assert timeline(frames)[-1] == (3.0, Action.CLOSE)
    assert SSE_DONE not in [frame.data for frame in frames]


MESSAGE = {"id": "msg_1", "type": "message", "status": "in_progress", "content": []}
ITEM = {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE}
IN_PART = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
PART = {"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}, **IN_PART}
DELTA = {"type": "response.output_text.delta", "delta": "Hel", **IN_PART}


def test_an_incomplete_response_has_what_came_until_then() -> None:
    incomplete, _ = last(
        Incomplete(after=4, reason="content_filter"),
        [EVENTS[0], *map(json.dumps, (ITEM, PART, DELTA, DELTA)), EVENTS[4]],
    )
    response = incomplete["response"]
    assert incomplete["type"] == "response.incomplete"
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "content_filter"}
    assert response["usage"] == {"total_tokens": 7}
    (item,) = response["output"]
    assert (item["id"], item["status"], item["content"][0]["text"]) == ("msg_1", "incomplete", "Hel")


@pytest.mark.parametrize("fault", [ErrorEvent, Failed, Incomplete])
def test_a_response_that_has_ended_does_not_end_again(fault: type[Fault]) -> None:
    assert run(fault(after="100%")) == make_stream()  # type: ignore[call-arg]
    assert run(fault(after=9)) == make_stream()  # type: ignore[call-arg]


@pytest.mark.parametrize("fault", [Failed, Incomplete])
def test_a_response_that_ends_before_it_began_is_that_of_the_recording(fault: type[Fault]) -> None:
    event, frames = last(fault(after=0))  # type: ignore[call-arg]
    assert (event["response"]["id"], event["sequence_number"]) == ("resp_1", 0)
    assert len(events(frames)) == 1


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.category == "events"])
def test_an_answer_without_stream_has_no_events_to_change(name: str) -> None:
    assert run(FAULTS[name](), make_body()) == make_body()
