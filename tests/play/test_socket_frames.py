import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.play.socket_frames import SocketFrames
from respool.protocol.events import Event
from respool.protocol.members import set_members
from respool.recordings import formats

CREATED = '{"type":"response.created","response":{"id":"r"}}'
IN_PROGRESS = '{"type":"response.in_progress","response":{"id":"r"}}'
COMPLETED = '{"type":"response.completed","response":{"id":"r"}}'
FAILED = '{"type":"response.failed","response":{"id":"r"}}'
ERROR = '{"type":"error","status":429,"error":{"type":"tokens","code":"rate_limit_exceeded","message":"No."}}'
FIXTURES = sorted((Path(__file__).parents[2] / "fixtures").rglob("*.jsonl"))


def frames(*texts: str) -> SocketFrames:
    return SocketFrames.of([Event.parse(text) for text in texts])


@pytest.mark.parametrize("path", FIXTURES, ids=str)
def test_the_frames_of_a_recording_are_its_texts_and_named_lanes_add_one_member(path: Path) -> None:
    for turn in formats.read(path.read_bytes(), path.stem, str(path)):
        events = [timed.event for timed in turn.events]
        made = SocketFrames.of(events)
        assert len(made) <= len(events)
        for place, event in enumerate(events[: len(made)]):
            if event.type != "error":
                assert made.text(place) is event.text
            assert made.text(place, "a.b-c_1") == set_members(made.text(place), {"stream_id": "a.b-c_1"})


@pytest.mark.parametrize(
    "text",
    ['{"type":"x"}', '{ "type" : "x" } \n', '{"type":"x","a":{"b":"}"}}', '{"a":"stream_id","type":"x"}'],
)
def test_a_lane_is_named_where_set_members_would_name_it(text: str) -> None:
    assert frames(text).text(0, "a") == set_members(text, {"stream_id": "a"})


def test_the_lane_of_a_recorded_socket_gives_way_to_that_of_the_play() -> None:
    made = frames('{"type":"x","stream_id":"old","a":1}')
    assert made.text(0) == '{"type":"x","a":1}'
    assert made.text(0, "new") == '{"type":"x","a":1,"stream_id":"new"}'


def test_a_type_that_only_the_event_line_had_is_put_into_the_text() -> None:
    made = SocketFrames.of([Event('{"response":{"type":"y"}}', "response.created")])
    assert json.loads(made.text(0)) == {"type": "response.created", "response": {"type": "y"}}


@pytest.mark.parametrize(
    ("texts", "end", "in_progress", "count"),
    [
        ((CREATED, IN_PROGRESS, COMPLETED), 2, 1, 3),
        ((CREATED, COMPLETED), 1, 1, 2),
        ((CREATED, IN_PROGRESS, COMPLETED, CREATED), 2, 1, 3),
        ((CREATED, ERROR, FAILED), 2, 1, 3),
        ((CREATED, ERROR, CREATED), 1, 1, 2),
        ((ERROR,), 0, 0, 1),
        ((CREATED, IN_PROGRESS), None, 1, 2),
    ],
)
def test_the_end_of_a_response_is_its_last_frame(
    texts: tuple[str, ...], end: int | None, in_progress: int, count: int
) -> None:
    made = frames(*texts)
    assert (made.end, made.in_progress, len(made)) == (end, in_progress, count)


@pytest.mark.parametrize(
    ("error", "status", "details"),
    [
        (
            {"code": "rate_limit_exceeded", "message": "No.", "param": None},
            429,
            {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "No.", "param": None},
        ),
        (
            {"code": "server_error", "message": "Boom."},
            500,
            {"type": "server_error", "code": "server_error", "message": "Boom.", "param": None},
        ),
        ({"error": {"type": "invalid_request_error", "code": "x"}}, 400, None),
        ({"error": {"type": "server_error", "code": None}}, 500, None),
        ({"status": 503, "error": {"code": "x"}}, 503, None),
    ],
)
def test_an_error_has_a_status_and_nested_details(
    error: dict[str, Any], status: int, details: dict[str, Any] | None
) -> None:
    sent = json.loads(frames(json.dumps({"type": "error", **error})).text(0))
    assert sent["status"] == status
    assert sent["error"] == (details or error["error"])


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_any_members_survive_the_name_of_a_lane(members: dict[str, Any]) -> None:
    members = {**members, "type": "x"}
    sent = json.loads(frames(json.dumps(members)).text(0, "lane"))
    assert sent == {**members, "stream_id": "lane"}
