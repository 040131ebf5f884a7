from collections.abc import Callable
from typing import Any

import pytest

from respool.errors import RequestError
from respool.frames import Frame, Reel, Schedule
from respool.playback import Playback
from respool.protocol.events import Event
from respool.recording import Header, Recording, TimedEvent

CREATED = '{"type":"response.created","response":{"id":"resp_1","status":"in_progress"}}'
KEEPALIVE = '{"type":"keepalive","sequence_number":9}'
COMPLETED = '{"type":"response.completed","response":{"id":"resp_1","status":"completed"}}'
FAILED = '{"type":"response.failed","response":{"id":"resp_1","status":"failed"}}'
INCOMPLETE = '{"type":"response.incomplete","response":{"id":"resp_1","status":"incomplete"}}'
ERROR = '{"type":"error","error":{"type":"server_error","code":null,"message":"Boom.","param":null}}'


def playback(*texts: str, started: float = 0.0, moments: tuple[float, ...] = ()) -> Playback:
    events = tuple(TimedEvent(None, Event.parse(text)) for text in texts)
    return Playback(Recording("a", Header(), events), Schedule(Reel.wind([]), moments), started)


@pytest.mark.parametrize(
    ("texts", "response"),
    [
        ([CREATED, COMPLETED], '{"id":"resp_1","status":"completed"}'),
        ([CREATED, FAILED], '{"id":"resp_1","status":"failed"}'),
        ([CREATED, INCOMPLETE], '{"id":"resp_1","status":"incomplete"}'),
        ([CREATED, ERROR, FAILED], '{"id":"resp_1","status":"failed"}'),
        ([CREATED, COMPLETED, KEEPALIVE], '{"id":"resp_1","status":"completed"}'),
        ([CREATED, COMPLETED, '{"type":"response.completed"}'], '{"id":"resp_1","status":"completed"}'),
    ],
)
def test_the_final_response_is_that_of_the_last_terminal_event(texts: list[str], response: str) -> None:
    assert playback(*texts).final_response() == response


@pytest.mark.parametrize(
    "response",
    [
        '{"z":1,"a":2,"unknown":{"b":[1.0,1e5,-0]}}',
        '{ "text" : "caf\\u00e9 é \\/ \\u2028 \u2028" ,\t"id":"x" }',
        '{"id":1,"id":2}',
        '{"text":"\\ud800"}',
        '{"text":"\\"response\\":{}}"}',
        "{}",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        '{{"type":"response.completed","response":{}}}',
        '{{ "response" : {} , "type" : "response.completed", "sequence_number":7 }}',
        '{{"type":"response.completed","response":{{"id":"an earlier one"}},"response":{}}}',
    ],
)
def test_the_final_response_is_byte_for_byte_as_recorded(response: str, around: str) -> None:
    assert playback(CREATED, around.format(response)).final_response() == response


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."}},
            {"status": 429, "type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."},
        ),
        (
            {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "No more."}},
            {"status": 429, "type": "insufficient_quota", "code": "insufficient_quota"},
        ),
        (
            {"error": {"type": "server_error", "code": None, "message": "Boom.", "param": None}},
            {"status": 500, "type": "server_error", "code": None, "message": "Boom.", "param": None},
        ),
        (
            {"code": "rate_limit_exceeded", "message": "Slow down.", "param": None},
            {"status": 429, "type": "server_error", "code": "rate_limit_exceeded", "message": "Slow down."},
        ),
        (
            {"code": "ERR_SOMETHING", "message": "Boom."},
            {"status": 500, "type": "server_error", "code": "ERR_SOMETHING", "message": "Boom."},
        ),
        ({"error": {}}, {"status": 500, "type": "server_error", "code": None}),
        ({"error": None}, {"status": 500, "type": "server_error", "code": None}),
        ({"error": "Boom."}, {"status": 500, "type": "server_error", "code": None}),
        (
            {"error": {"type": 5, "code": 429, "message": None, "param": ["tools"]}},
            {"type": "server_error", "code": None, "param": None},
        ),
        pytest.param(
            {"error": {"code": None, "message": "No such tool.", "param": "tools"}}, {"param": "tools"}
        ),
    ],
)
def test_a_stream_that_ends_with_an_error_event_is_answered_with_that_error(
    event: dict[str, Any], fields: dict[str, Any], recording: Callable[..., Recording]
) -> None:
    ended = recording("a", [(None, "response.created"), (None, "error", event)])
    with pytest.raises(RequestError) as raised:
        Playback(ended, Schedule(Reel.wind([]), []), 0.0).final_response()
    assert raised.value.message
    assert {name: getattr(raised.value, name) for name in fields} == fields


@pytest.mark.parametrize("texts", [[CREATED], [CREATED, KEEPALIVE], ['{"type":"response.completed"}'], []])
def test_a_stream_that_was_cut_has_no_final_response(texts: list[str]) -> None:
    with pytest.raises(RequestError, match="The recording a ends without a final response") as raised:
        playback(*texts).final_response()
    assert (raised.value.status, raised.value.code) == (500, "recording_without_end")


def test_a_playback_ends_with_its_last_event_by_the_clock() -> None:
    assert playback(started=100.0, moments=(0.5, 2.5)).ends == 102.5
    assert playback(started=100.0).ends == 100.0


def test_the_frames_of_a_playback_are_in_seconds_since_it_began() -> None:
    recorded = Recording("a", Header(), ())
    frames = Playback(recorded, Schedule(Reel.wind([b"x", b"y"]), [0.5, 1.5]), 100.0).frames()
    assert list(frames) == [Frame(0.5, b"x"), Frame(1.5, b"y")]
