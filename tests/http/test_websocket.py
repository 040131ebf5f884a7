"""The endpoint, with Starlette's test client: another ASGI server than uvicorn."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.play.socket_settings import SocketSettings
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.state import State

# Wherever it is kept what was asked, the answers are the same.
pytestmark = pytest.mark.parametrize("state", ["memory", "fakeredis", "redis"], indirect=True)

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENDS = {"response.completed", "response.failed", "response.incomplete", "error"}


Serve = Callable[..., TestClient]


@pytest.fixture
def server(state: Callable[[], State | None]) -> MockServer:
    return MockServer(Store([FIXTURES]), pace=Pace(speed=math.inf), default="text/hello", state=state())


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A client of a server that has started."""
    with ExitStack() as stack:
        yield lambda server, **options: stack.enter_context(TestClient(create_app(server, **options)))


def turn(socket: Any, **body: Any) -> list[dict[str, Any]]:
    socket.send_json({"type": "response.create", "model": "gpt-5", "input": "Hello!", **body})
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] not in ENDS:
        events.append(socket.receive_json())
    return events


@pytest.mark.parametrize(
    "path",
    [
        "/v1/responses",
        "/r/text/hello/v1/responses",
        "/s/mine/v1/responses",
        "/s/mine/r/text/hello/v1/responses",
        "/openai/v1/responses",
        "/openai/responses?api-version=2025-04-01-preview",
    ],
)
def test_the_upgrade_is_accepted_wherever_the_post_is(path: str, server: MockServer, serve: Serve) -> None:
    with serve(server).websocket_connect(path) as socket:
        types = [event["type"] for event in turn(socket)]

    assert (types[0], types[-1]) == ("response.created", "response.completed")


@pytest.mark.parametrize(
    ("path", "headers", "options", "status", "code"),
    [
        ("/v1/realtime", {}, {}, 404, None),
        ("/v1/responses", {}, {"api_keys": ["sk-right"]}, 401, None),
        (
            "/v1/responses",
            {"authorization": "Bearer sk-no"},
            {"api_keys": ["sk-right"]},
            401,
            "invalid_api_key",
        ),
        ("/v1/responses", {}, {"websocket": False}, 426, "websocket_not_supported"),
        ("/v1/responses", {"origin": "https://evil.example"}, {}, 403, "origin_not_allowed"),
        ("/v1/responses", {"x-respool-fault": "nonsense"}, {}, 400, "invalid_fault"),
        ("/v1/responses", {"x-respool-session": "x" * 300}, {}, 400, "invalid_session"),
    ],
)
def test_an_upgrade_that_is_denied_gets_the_envelope_of_an_error(
    path: str,
    headers: dict[str, str],
    options: dict[str, Any],
    status: int,
    code: str | None,
    server: MockServer,
    serve: Serve,
) -> None:
    client = serve(server, **options)
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(path, headers=headers):
        pass

    assert denied.value.status_code == status
    assert denied.value.json()["error"]["code"] == code
    assert denied.value.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://testserver"])
def test_pages_of_this_machine_and_of_the_server_itself_may_connect(
    origin: str, server: MockServer, serve: Serve
) -> None:
    client = serve(server)
    with client.websocket_connect("/v1/responses", headers={"origin": origin}) as socket:
        assert turn(socket)[-1]["type"] == "response.completed"


def test_the_headers_of_the_upgrade_hold_for_all_creates(server: MockServer, serve: Serve) -> None:
    client = serve(server)
    headers = {"x-respool-play": "tools/get_weather#2", "x-respool-session": "mine"}
    with client.websocket_connect("/v1/responses", headers=headers) as socket:
        answers = [turn(socket) for _ in range(2)]

    assert answers[0] == answers[1]
    assert {one.recording for one in server.journal if one.method == "POST"} == {"tools/get_weather#2"}
    assert {one.session for one in server.journal} == {"mine"}


def test_the_journal_has_the_connection_and_each_create(server: MockServer, serve: Serve) -> None:
    with serve(server).websocket_connect("/r/text/hello/v1/responses") as socket:
        count = len(turn(socket, metadata={"a": "b"}))
        turn(socket, previous_response_id="resp_missing")

    connection, created, refused = server.journal
    assert [one.transport for one in (connection, created, refused)] == ["websocket"] * 3
    assert (connection.method, connection.status) == ("WEBSOCKET", 101)
    assert (created.status, created.recording, created.events, created.ended) == (
        200,
        "text/hello",
        count,
        "",
    )
    assert json.loads(created.body)["metadata"] == {"a": "b"}
    assert (refused.status, refused.recording) == (400, None)
    assert None not in (connection.seconds, created.seconds, refused.seconds)
    assert "over websocket" in str(created)


def test_a_create_without_recording_is_refused_on_its_lane_and_the_socket_stays(
    state: Callable[[], State | None], serve: Serve
) -> None:
    server = MockServer(Store([FIXTURES]), state=state())
    with serve(server).websocket_connect("/v1/responses") as socket:
        (error,) = turn(socket, stream_id="a")
        assert (error["status"], error["error"]["code"], error["stream_id"]) == (
            404,
            "no_matching_recording",
            "a",
        )
        assert turn(socket, model="text/hello")[-1]["type"] == "response.completed"


def test_a_recording_that_is_an_http_error_becomes_an_error_frame(server: MockServer, serve: Serve) -> None:
    with serve(server).websocket_connect("/r/errors/rate_limit/v1/responses") as socket:
        (error,) = turn(socket)

    (recording,) = server.store.turns("errors/rate_limit")
    body = recording.header.body["error"]
    assert error["status"] == 429
    assert error["error"]["code"] == (body["code"] or body["type"])
    assert error["error"]["message"] == body["message"]


def test_a_response_that_is_not_stored_can_be_continued_on_its_connection_alone(
    server: MockServer, serve: Serve
) -> None:
    client = serve(server)
    with client.websocket_connect("/v1/responses") as socket:
        first = turn(socket, store=False)[-1]["response"]["id"]
        assert turn(socket, store=False, previous_response_id=first)[-1]["type"] == "response.completed"
    with client.websocket_connect("/v1/responses") as socket:
        (error,) = turn(socket, previous_response_id=first)
    assert error["error"]["code"] == "previous_response_not_found"


def test_a_stored_response_can_be_continued_on_another_connection(server: MockServer, serve: Serve) -> None:
    client = serve(server)
    with client.websocket_connect("/v1/responses") as socket:
        first = turn(socket)[-1]["response"]["id"]
    with client.websocket_connect("/v1/responses") as socket:
        assert turn(socket, previous_response_id=first)[-1]["type"] == "response.completed"
    assert client.get(f"/v1/responses/{first}").status_code == 200


@pytest.mark.parametrize("store", [True, False])
def test_a_warm_up_is_answered_at_once_and_can_be_continued(
    store: bool, server: MockServer, serve: Serve
) -> None:
    client = serve(server)
    with client.websocket_connect("/v1/responses") as socket:
        warm = turn(socket, generate=False, store=store, instructions="Be brief.")
        assert [event["type"] for event in warm] == ["response.created", "response.completed"]
        id_ = warm[-1]["response"]["id"]
        assert turn(socket, previous_response_id=id_, store=False)[-1]["type"] == "response.completed"

    stored = client.get(f"/v1/responses/{id_}")
    assert stored.status_code == (200 if store else 404)
    asked = [one for one in server.journal if one.method == "POST"]
    assert [one.recording for one in asked] == [None, "text/hello"]
    assert asked[0].why.startswith("warm-up")


def test_an_output_of_a_call_that_nobody_made_evicts_what_it_continues(
    server: MockServer, serve: Serve
) -> None:
    output = [{"type": "function_call_output", "call_id": "call_missing", "output": "1"}]
    with serve(server).websocket_connect("/v1/responses") as socket:
        first = turn(socket, store=False)[-1]["response"]["id"]
        (refused,) = turn(socket, store=False, previous_response_id=first, input=output)
        (evicted,) = turn(socket, store=False, previous_response_id=first)

    assert refused["status"] == 400
    assert "call_missing" in refused["error"]["message"]
    assert evicted["error"]["code"] == "previous_response_not_found"


def test_a_steered_response_is_told_as_incomplete_later(
    state: Callable[[], State | None], serve: Serve
) -> None:
    clock = ManualClock()
    steered = MockServer(Store([FIXTURES / "tools"]), clock=clock, default="web_search", state=state())
    client = serve(steered)
    with client.websocket_connect("/v1/responses") as socket:
        socket.send_json({"type": "response.create", "model": "gpt-5", "input": "Hello!"})
        socket.send_text("{")
        assert socket.receive_json()["error"]["code"] == "invalid_json"  # so the create has been read
        clock.advance(0.5)
        id_ = socket.receive_json()["response"]["id"]
        socket.send_json({"type": "response.steer", "previous_response_id": id_, "input": "Stop."})
        events: list[dict[str, Any]] = []
        while not events or events[-1]["type"] != "response.steer.accepted":
            events.append(socket.receive_json())
        clock.advance(1.0)
        while events[-1]["type"] != "response.incomplete":
            events.append(socket.receive_json())

        told = client.get(f"/v1/responses/{id_}").json()
    assert told == events[-1]["response"]


def test_the_limits_of_a_connection_are_settings(server: MockServer, serve: Serve) -> None:
    client = serve(server, socket_settings=SocketSettings(frame_bytes=100))
    with client.websocket_connect("/v1/responses") as socket:
        socket.send_json({"type": "response.create", "input": "x" * 200})
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1009


def test_each_frame_of_nonsense_is_answered_or_closes_the_connection(
    server: MockServer, serve: Serve
) -> None:
    with serve(server).websocket_connect("/v1/responses") as socket:
        for text in ("", "{", "[1]", '{"type":7}', '{"type":"response.create","input":1e999}'):
            socket.send_text(text)
            assert socket.receive_json()["type"] == "error"
        socket.send_bytes(b"{}")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1003
