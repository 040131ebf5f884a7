import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.protocol.event_frames import encode_sse
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
Call = Callable[..., Any]
Settle = Callable[[], Any]
Ask = Callable[..., TestClient]


@pytest.fixture
def ask(server: Serve) -> Ask:
    """A client of a server that plays these recordings at once."""
    return lambda *files, **options: TestClient(
        create_app(server(*files, pace=Pace(speed=math.inf), **options))
    )


def answer_of(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/responses", json={"model": "a", **body})


def error_of(client: TestClient, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = answer_of(client, **body)
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error


def test_with_stream_the_events_are_sent_byte_for_byte(ask: Ask, recording: Make) -> None:
    answer = answer_of(ask(), stream=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content == b"".join(encode_sse(timed.event) for timed in recording().events)


@pytest.mark.parametrize("body", [{}, {"stream": False}, {"stream": None}])
def test_without_stream_the_final_response_is_sent_byte_for_byte(body: dict[str, Any], ask: Ask) -> None:
    answer = answer_of(ask(), **body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b'{"id": "resp_1", "status": "completed"}'


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json", "*/*", ""])
@pytest.mark.parametrize("stream", [True, False])
def test_the_body_alone_says_whether_it_is_a_stream(accept: str, stream: bool, ask: Ask) -> None:
    body = {"model": "a", "stream": stream}
    answer = ask().post("/v1/responses", json=body, headers={"accept": accept})
    kind = "text/event-stream" if stream else "application/json"
    assert answer.headers["content-type"].startswith(kind)


def test_the_content_type_of_the_request_does_not_matter(ask: Ask) -> None:
    headers = {"content-type": "text/plain"}
    assert ask().post("/v1/responses", content=b'{"model":"a"}', headers=headers).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_has_the_headers_of_the_service(stream: bool, ask: Ask) -> None:
    headers = answer_of(ask(), stream=stream).headers
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 1
    assert headers["cache-control"] == "no-cache"


async def test_the_processing_time_is_the_time_until_the_head_leaves(
    server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    serving = server(clock=clock)
    stream = call(serving, body={"model": "a", "stream": True})
    answer = call(serving, body={"model": "a"})
    await settle()
    clock.advance(3)
    await answer.task
    await stream.task
    assert stream.headers["openai-processing-ms"] == "1"
    assert answer.headers["openai-processing-ms"] == "3000"


RECORDED = {
    "X-Request-Id": "req_recorded",
    "OpenAI-Version": "2021-01-01",
    "openai-processing-ms": "77",
    "x-ratelimit-remaining-tokens": "149999",
    "x-ratelimit-reset-tokens": "6m0s",
    "Retry-After": "1",
    "x-should-retry": "false",
    "cache-control": "no-store",
    "cf-ray": "8f2",
}


@pytest.mark.parametrize(
    ("header", "body"),
    [({}, {"stream": True}), ({}, {"stream": False}), ({"status": 429, "body": {}}, {})],
    ids=["stream", "no stream", "error"],
)
def test_recorded_headers_are_given_back(
    header: dict[str, Any], body: dict[str, Any], ask: Ask, recording: Make
) -> None:
    events = {"events": ()} if header else {}
    answer = answer_of(ask(recording(**events, headers=RECORDED, **header)), **body)
    for name, value in RECORDED.items():
        assert answer.headers.get_list(name) == [value]


DROPPED = {
    "Connection": "close",
    "Keep-Alive": "timeout=5",
    "Proxy-Authenticate": "Basic",
    "Proxy-Connection": "close",
    "TE": "trailers",
    "Trailer": "x-checksum",
    "Transfer-Encoding": "chunked",
    "Upgrade": "h2c",
    "Content-Length": "3",
    "Content-Encoding": "gzip",
    "Date": "Mon, 01 Jan 2024 00:00:00 GMT",
    "Server": "cloudflare",
    "Set-Cookie": "__cf_bm=secret",
    "Set-Cookie2": "secret",
    "Alt-Svc": 'h3=":443"',
    "OpenAI-Organization": "user-abc",
    "OpenAI-Project": "proj_abc",
}


@pytest.mark.parametrize(
    ("header", "body"),
    [({}, {"stream": True}), ({}, {"stream": False}), ({"status": 429, "body": {}}, {})],
    ids=["stream", "no stream", "error"],
)
def test_headers_of_the_connection_and_of_the_account_are_not_given_back(
    header: dict[str, Any], body: dict[str, Any], ask: Ask, recording: Make
) -> None:
    events = {"events": ()} if header else {}
    answer = answer_of(ask(recording(**events, headers=DROPPED, **header)), **body)
    kept = {name for name, value in DROPPED.items() if value in answer.headers.get_list(name)}
    assert kept == set()


@pytest.mark.parametrize("recorded", ["text/event-stream", "text/event-stream; charset=utf-8"])
def test_a_recorded_content_type_is_kept_for_a_stream(recorded: str, ask: Ask, recording: Make) -> None:
    client = ask(recording(headers={"Content-Type": recorded}))
    assert answer_of(client, stream=True).headers.get_list("content-type") == [recorded]


def test_a_stream_played_without_stream_is_json_whatever_its_recorded_content_type(
    ask: Ask, recording: Make
) -> None:
    client = ask(recording(headers={"content-type": "text/event-stream; charset=utf-8"}))
    assert answer_of(client).headers.get_list("content-type") == ["application/json"]


@pytest.mark.parametrize("body", [{"stream": True}, {"stream": False}])
@pytest.mark.parametrize(
    ("recorded", "headers", "content_type", "content"),
    [
        ({"error": {"code": "é"}}, {}, "application/json", '{"error": {"code": "é"}}'.encode()),
        ([1, "two"], {}, "application/json", b'[1, "two"]'),
        (0, {}, "application/json", b"0"),
        (False, {}, "application/json", b"false"),
        ("upstream error\n", {}, "text/plain; charset=utf-8", b"upstream error\n"),
        ("", {}, "text/plain; charset=utf-8", b""),
        ("<h1>502</h1>", {"content-type": "text/html"}, "text/html", b"<h1>502</h1>"),
        ('{"error": 1.0}', {"content-type": "application/json"}, "application/json", b'{"error": 1.0}'),
    ],
)
def test_a_recorded_error_is_answered_as_it_was_with_and_without_stream(
    recorded: Any,
    headers: dict[str, str],
    content_type: str,
    content: bytes,
    body: dict[str, Any],
    ask: Ask,
    recording: Make,
) -> None:
    client = ask(recording("a", (), status=503, headers=headers, body=recorded))
    answer = answer_of(client, **body)
    assert (answer.status_code, answer.content) == (503, content)
    assert answer.headers["content-type"] == content_type


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500, 503, 599])
def test_a_recorded_status_is_given_back(status: int, ask: Ask, recording: Make) -> None:
    assert answer_of(ask(recording("a", (), status=status, body={}))).status_code == status


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body_is_sent_without_one(status: int, ask: Ask, recording: Make) -> None:
    answer = answer_of(ask(recording("a", (), status=status, body={})))
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_recorded_error_may_hold_a_lone_surrogate(ask: Ask, recording: Make) -> None:
    answer = answer_of(ask(recording("a", (), status=429, body={"error": "\ud800"})))
    assert (answer.status_code, json.loads(answer.content)) == (429, {"error": "\ud800"})


def test_an_answer_without_stream_may_hold_a_lone_surrogate(ask: Ask, recording: Make) -> None:
    ended = (0.0, "response.completed", {"response": {"text": "\ud800"}})
    assert answer_of(ask(recording("a", [ended]))).content == b'{"text": "\\ud800"}'


def test_a_stream_that_ends_with_an_error_is_answered_with_it(ask: Ask, recording: Make) -> None:
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}
    client = ask(recording("a", [(0.0, "response.created"), (0.0, "error", {"error": error})]))
    assert error_of(client) == (429, error)


def test_a_cut_stream_has_no_answer_without_stream(ask: Ask, recording: Make) -> None:
    client = ask(recording("a", [(0.0, "response.created")]))
    assert answer_of(client, stream=True).content == b"".join(
        encode_sse(timed.event) for timed in recording("a", [(0.0, "response.created")]).events
    )
    status, error = error_of(client)
    assert (status, error["type"], error["code"]) == (500, "server_error", "recording_without_end")


def test_a_failed_response_is_an_answer(ask: Ask, recording: Make) -> None:
    failed = (0.0, "response.failed", {"response": {"status": "failed", "error": {"code": "x"}}})
    answer = answer_of(ask(recording("a", [(0.0, "error", {"error": {}}), failed])))
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({"model": "nope"}, 404, {"type": "invalid_request_error", "code": "no_matching_recording"}),
        ({"model": 5}, 400, {"code": "invalid_type", "param": "model"}),
        ({"stream": "yes"}, 400, {"code": "invalid_type", "param": "stream"}),
        ({"model": None}, 400, {"code": "missing_required_parameter", "param": "model"}),
    ],
)
def test_a_request_that_is_refused_has_the_envelope_of_the_service(
    body: dict[str, Any], status: int, fields: dict[str, Any], ask: Ask, recording: Make
) -> None:
    answered, error = error_of(ask(recording("a"), recording("b")), **body)
    assert answered == status
    assert {name: error[name] for name in fields} == fields


def test_a_model_that_is_no_unicode_is_not_found(ask: Ask, recording: Make) -> None:
    client = ask(recording("a"), recording("b"))
    assert client.post("/v1/responses", content=b'{"model":"\\ud800"}').status_code == 404


def test_the_header_names_what_plays(ask: Ask, recording: Make) -> None:
    client = ask(recording("a"), recording("text/b", [(0.0, "response.completed", {"response": {"b": 1}})]))
    headers = {"x-respool-play": "text/b"}
    assert client.post("/v1/responses", json={"model": "a"}, headers=headers).content == b'{"b": 1}'


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_header_names_what_plays_in_utf_8(encoding: str, ask: Ask, recording: Make) -> None:
    name = "größe" if encoding == "utf-8" else "groesse"
    client = ask(recording(name), recording("b", [(0.0, "response.created")]))
    headers = {b"x-respool-play": name.encode(encoding)}
    assert client.post("/v1/responses", json={"model": "b"}, headers=headers).status_code == 200


async def test_a_header_that_is_not_utf_8_names_nothing(server: Serve, call: Call) -> None:
    answer = call(server(), body={"model": "a"}, headers=[("x-respool-play", "\xff\xfea")])
    await answer.task
    assert answer.status == 404


def test_an_unknown_parameter_is_no_reason_to_refuse(ask: Ask) -> None:
    body = {"model": "a", "input": [{"type": "of the future"}], "tools": None, "include": [], "x": {"y": [1]}}
    assert ask().post("/v1/responses", json=body).status_code == 200


@pytest.mark.parametrize("authorization", [None, "Bearer DUMMY_KEY", "anything"])
def test_no_key_is_asked_for(authorization: str | None, ask: Ask) -> None:
    headers = {"authorization": authorization} if authorization else {}
    assert ask().post("/v1/responses", json={"model": "a"}, headers=headers).status_code == 200


def test_the_journal_tells_what_was_played(ask: Ask, recording: Make, store: Callable[..., Store]) -> None:
    serving = MockServer(
        store(recording("a"), recording("e", (), status=429, body={})), pace=Pace(speed=math.inf)
    )
    client = TestClient(create_app(serving))
    for body in ({"model": "a", "stream": True}, {"model": "a"}, {"model": "e"}, {"model": "nope"}):
        client.post("/v1/responses", json=body)
    told = [(exchange.status, exchange.recording, exchange.events) for exchange in serving.journal]
    assert told == [(200, "a", 4), (200, "a", 0), (429, "e", 0), (404, None, 0)]
    assert all(exchange.ended == "" and exchange.seconds is not None for exchange in serving.journal)
