import json

import pytest

from respool.errors import RequestError
from respool.protocol import api_errors
from respool.protocol.event_types import EVENT_TYPES
from respool.protocol.websocket import server_frames, socket_errors

SERVER_FRAMES = [
    server_frames.steer_accepted("steer_1", "r", 4, "a"),
    server_frames.steer_pending("steer_1", "r", [], 12, None),
    server_frames.steer_failed("invalid_input", "No.", "r", [], 0, None),
    server_frames.inject_created("r", 3, "a"),
    server_frames.inject_failed("r", [], "response_not_found", "No.", 0, None),
]


@pytest.mark.parametrize("text", SERVER_FRAMES)
def test_frames_have_the_fields_of_their_type(text: str) -> None:
    data = json.loads(text)
    row = EVENT_TYPES[data["type"]]
    assert set(row.required) <= set(data) <= {*row.required, *row.optional, "stream_id"}


def test_an_error_frame_is_word_for_word_that_of_the_service() -> None:
    assert server_frames.error_frame(api_errors.previous_response_not_found("resp_abc")) == (
        '{"type":"error","status":400,"error":{"type":"invalid_request_error",'
        '"code":"previous_response_not_found","message":"Previous response with id \'resp_abc\' not found.",'
        '"param":"previous_response_id"}}'
    )


def test_the_code_of_an_error_is_always_a_string() -> None:
    error = RequestError("No.", status=500, type="server_error")
    assert json.loads(server_frames.error_frame(error, "a")) == {
        "type": "error",
        "status": 500,
        "stream_id": "a",
        "error": {"type": "server_error", "code": "server_error", "message": "No."},
    }


def test_what_cannot_be_written_as_json_is_not_repeated() -> None:
    assert server_frames.echo([float("inf")]) is None
    assert server_frames.echo({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "stream_id", "named"),
    [
        ('{"type":"x"}', "a", '{"type":"x","stream_id":"a"}'),
        ('{"type":"x","stream_id":"b"}', "a", '{"type":"x","stream_id":"a"}'),
        ('{"type":"x","stream_id":"b"}', None, '{"type":"x"}'),
        ('{"type":"x"}', None, '{"type":"x"}'),
    ],
)
def test_an_event_names_its_lane(text: str, stream_id: str | None, named: str) -> None:
    assert server_frames.with_stream_id(text, stream_id) == named


def test_the_limit_of_a_connection_is_told_in_minutes() -> None:
    assert "(1.5 minutes)" in socket_errors.connection_limit_reached(90.0).message
