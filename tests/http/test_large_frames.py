"""What is large in a frame is done in a thread, and changes nothing of the answer or of the order."""

import json
import math
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from starlette.testclient import TestClient

from respool.http import create_app, large_frames
from respool.http.socket_responses import SocketResponses
from respool.play.pace import Pace
from respool.play.rendition import Renditions
from respool.recordings.recording import Recording
from respool.server import request as requests
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer

pytestmark = pytest.mark.parametrize("state", ["memory", "fakeredis", "redis"], indirect=True)

Serve = Callable[..., MockServer]
INSTANT = Pace(speed=math.inf)
TEXT = "a b" * 30_000
ENDS = {"response.completed", "error"}
WORKER = "respool-heavy"


def create(text: object = TEXT, **body: Any) -> str:
    return json.dumps({"type": "response.create", "model": "a", "input": text, **body})


def answer(socket: Any) -> list[dict[str, Any]]:
    """The events up to the end of a response."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] not in ENDS:
        events.append(socket.receive_json())
    return events


def noting(made: list[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which notes the thread that calls it."""

    def noted(*arguments: Any, **options: Any) -> Any:
        made.append(threading.current_thread().name)
        return function(*arguments, **options)

    return noted


def test_a_large_frame_is_read_in_a_thread(server: Serve) -> None:
    threads: list[str] = []
    with (
        mock.patch.object(large_frames, "parse", noting(threads, large_frames.parse)),
        TestClient(create_app(server(pace=INSTANT))) as client,
        client.websocket_connect("/v1/responses") as socket,
    ):
        socket.send_text(create("a"))
        small = answer(socket)
        socket.send_text(create())
        large = answer(socket)
    assert large == small
    assert [name.startswith(WORKER) for name in threads] == [True], "the large one alone"


def test_a_large_create_is_checked_in_a_thread(server: Serve) -> None:
    threads: list[str] = []
    with (
        mock.patch.object(requests, "check_create", noting(threads, requests.check_create)),
        TestClient(create_app(server(pace=INSTANT))) as client,
        client.websocket_connect("/v1/responses") as socket,
    ):
        socket.send_text(create())
        assert answer(socket)[-1]["type"] == "response.completed"
        socket.send_text(create(temperature="hot"))
        refused = answer(socket)[-1]
    assert refused["error"]["code"] == "invalid_type"
    assert [name.startswith(WORKER) for name in threads] == [True, True]


@pytest.mark.parametrize(
    ("text", "code"), [([1] * 50_001, "too_many_values"), ("a " * 4_200_000, "too_much_text")]
)
def test_a_frame_holds_no_more_than_a_body_may(text: object, code: str, server: Serve) -> None:
    with (
        TestClient(create_app(server(pace=INSTANT))) as client,
        client.websocket_connect("/v1/responses") as socket,
    ):
        socket.send_text(create(text))
        (refused,) = answer(socket)
        socket.send_text(create("a"))
        assert answer(socket)[-1]["type"] == "response.completed"
    assert (refused["status"], refused["error"]["code"]) == (413, code)


def test_fresh_ids_of_a_large_recording_are_made_in_a_thread(server: Serve, recording: Any) -> None:
    serving = server(large(recording), ids="fresh", pace=INSTANT)
    serving.schedule(next(serving.recordings()))
    threads: list[str] = []
    make = noting(threads, Renditions._make)
    with (
        TestClient(create_app(serving)) as client,
        client.websocket_connect("/v1/responses") as socket,
        mock.patch.object(Renditions, "_make", lambda *arguments: make(*arguments)),
    ):
        socket.send_text(create("a"))
        events = answer(socket)
    assert len({event["item"]["id"] for event in events if "item" in event}) == 400
    assert [name.startswith(WORKER) for name in threads] == [True], "made once, in a thread"
    assert sum(one.response_id != "" for one in serving.journal) == 1, "it was played once"


def test_a_small_create_does_not_overtake_a_large_one(server: Serve) -> None:
    serving = server(pace=INSTANT)
    all_came = threading.Event()
    add, check = serving.journal.add, requests.check_create

    def added(exchange: Exchange) -> None:
        add(exchange)
        if sum(one.method == "POST" for one in serving.journal) == 3:
            all_came.set()

    def checked(body: Any, *arguments: Any, **options: Any) -> None:
        if body["input"] == TEXT:
            assert all_came.wait(30)
        check(body, *arguments, **options)

    with (
        mock.patch.object(serving.journal, "add", added),
        mock.patch.object(requests, "check_create", checked),
        TestClient(create_app(serving)) as client,
        client.websocket_connect("/v1/responses") as socket,
    ):
        for lane in ("x", "y", "z"):
            socket.send_text(create(TEXT if lane == "x" else "a", stream_id=lane))
        events = [event for _ in range(3) for event in answer(socket)]
    begun = [event["stream_id"] for event in events if event["type"] == "response.created"]
    assert begun == ["x", "y", "z"]


def test_creates_of_one_lane_are_answered_in_their_order(server: Serve) -> None:
    serving = server(pace=INSTANT)
    with (
        TestClient(create_app(serving)) as client,
        client.websocket_connect("/v1/responses") as socket,
    ):
        for number, text in enumerate([TEXT, "a", TEXT, "a"]):
            socket.send_text(create(text, metadata={"number": str(number)}))
        for _ in range(4):
            answer(socket)
    played = [one for one in serving.journal if one.method == "POST"]
    assert [json.loads(one.body)["metadata"]["number"] for one in played] == ["0", "1", "2", "3"]
    assert [one.status for one in played] == [200] * 4


def test_a_client_that_leaves_while_its_create_is_checked_gets_no_stream(server: Serve) -> None:
    serving = server(pace=INSTANT)
    left, ended = threading.Event(), threading.Event()
    check, tell = requests.check_create, SocketResponses._end

    def checked(*arguments: Any, **options: Any) -> None:
        assert left.wait(30)
        check(*arguments, **options)

    def end(self: SocketResponses, exchange: Exchange) -> None:
        tell(self, exchange)
        ended.set()

    with (
        mock.patch.object(requests, "check_create", checked),
        mock.patch.object(SocketResponses, "_end", end),
        TestClient(create_app(serving)) as client,
    ):
        with client.websocket_connect("/v1/responses") as socket:
            socket.send_text(create())
        left.set()
        assert ended.wait(30)
    (created,) = [one for one in serving.journal if one.method == "POST"]
    assert (created.status, created.events) == (200, 0)
    assert created.ended


def large(recording: Callable[..., Recording]) -> Recording:
    """A recording of 400 items."""
    items = [
        {"id": f"fc_{place}", "type": "function_call", "call_id": f"call_{place}", "arguments": "x" * 200}
        for place in range(400)
    ]
    done = [("response.output_item.done", {"output_index": n, "item": item}) for n, item in enumerate(items)]
    begin = {"response": {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}}
    end = {"response": {"id": "resp_1", "object": "response", "status": "completed", "output": items}}
    events = [("response.created", begin), *done, ("response.completed", end)]
    return recording("a", [(0.0, *event) for event in events])
