"""`--max-client-bytes`, over sockets."""

import gzip
import json
import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest
from websockets.sync.client import connect

from respool import Pace, running_server
from respool.http import large_frames
from respool.testing import RunningServer

FIXTURE = Path(__file__).parents[2] / "fixtures/text/hello.jsonl"
LIMIT = 10_000
INSTANT = Pace(speed=math.inf)
HOLD = {"x-respool-hold": "after=response.created"}


@pytest.fixture
def running() -> Iterator[RunningServer]:
    with running_server(FIXTURE, max_client_bytes=LIMIT, pace=INSTANT) as running:
        yield running


def body(size: int, **more: Any) -> bytes:
    """A request of so many bytes."""
    request = {"model": "m", **more, "input": ""}
    request["input"] = "x" * (size - len(json.dumps(request)))
    return json.dumps(request).encode()


def post(running: RunningServer, content: Any, address: str = "127.0.0.1", **headers: str) -> httpx2.Response:
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address=address), timeout=60) as client:
        return client.post(f"{running.base_url}/responses", content=content, headers=headers)


def error(answer: httpx2.Response) -> tuple[int, str]:
    told = answer.json()["error"]
    assert "--max-client-bytes" in told["message"]
    return answer.status_code, told["code"]


@contextmanager
def held(running: RunningServer, size: int, **headers: str) -> Iterator[None]:
    """A stream under way, whose request has so many bytes."""
    url = f"{running.base_url}/responses"
    content = body(size, stream=True)
    with httpx2.stream("POST", url, content=content, headers=HOLD | headers, timeout=60) as stream:
        chunks = stream.iter_raw()
        assert b"response.created" in next(chunks)
        yield


def test_unanswered_requests_of_a_client_have_a_limit_together(running: RunningServer) -> None:
    with held(running, 6000):
        assert error(post(running, body(4001))) == (429, "too_many_client_bytes")
        assert post(running, body(4000)).status_code == 200
        assert post(running, body(4001), address="127.0.0.2").status_code == 200  # another client
    while (answer := post(running, body(4001))).status_code == 429:  # until the server sees that it has left
        pass
    assert answer.status_code == 200


def test_the_refusal_is_in_the_journal(running: RunningServer) -> None:
    with held(running, 6000):
        post(running, body(4001))
        assert "--max-client-bytes" in running.requests.last.why
        assert running.requests.last.status == 429


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_that_is_too_large_alone_is_a_413(running: RunningServer, chunked: bool) -> None:
    content = body(LIMIT + 1)
    sent = iter([content[:5000], content[5000:]]) if chunked else content
    assert error(post(running, sent)) == (413, "request_too_large")
    content = body(LIMIT)
    assert post(running, iter([content[:5000], content[5000:]]) if chunked else content).status_code == 200


def test_what_is_inflated_is_counted(running: RunningServer) -> None:
    small = gzip.compress(body(LIMIT + 1))
    assert error(post(running, small, **{"content-encoding": "gzip"})) == (413, "request_too_large")
    small = gzip.compress(body(LIMIT - 1000))
    assert post(running, small, **{"content-encoding": "gzip"}).status_code == 200


def test_a_request_is_counted_as_large_as_it_says_before_it_has_come(running: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), 60) as sock:
        sock.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10001\r\n\r\n{")
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_uploads_are_counted(running: RunningServer) -> None:
    url = f"{running.url}/__admin/recordings/mine"
    jsonl = {"content-type": "application/jsonl"}
    line = '[0.0, {"type":"response.created","response":{"id":"resp_up"}}]\n'
    answer = httpx2.put(url, content=line.ljust(LIMIT + 1), headers=jsonl)
    assert (answer.status_code, "--max-client-bytes" in answer.json()["error"]["message"]) == (413, True)
    assert httpx2.put(url, content=line, headers=jsonl).status_code == 200


def test_a_client_is_a_key_where_sessions_are_by_key() -> None:
    options: Any = {"max_client_bytes": LIMIT, "session_by": "api-key", "pace": INSTANT}
    with running_server(FIXTURE, **options) as running, held(running, 6000, authorization="Bearer one"):
        assert error(post(running, body(4001), authorization="Bearer one"))[0] == 429
        assert post(running, body(4001), authorization="Bearer two").status_code == 200
        assert post(running, body(4001)).status_code == 200


def test_creates_over_a_websocket_are_counted_until_they_are_answered(running: RunningServer) -> None:
    def create(size: int, lane: str) -> str:
        return body(size, type="response.create", stream_id=lane).decode()

    url = running.base_url.replace("http:", "ws:") + "/responses"
    with connect(url, additional_headers=HOLD) as ws:
        ws.send(create(6000, "a"))
        assert json.loads(ws.recv(60))["type"] == "response.created"
        assert error(post(running, body(4001))) == (429, "too_many_client_bytes")
        ws.send(create(4001, "b"))
        told = json.loads(ws.recv(60))
        assert (told["type"], told["status"], told["error"]["code"]) == (
            "error",
            429,
            "too_many_client_bytes",
        )
        ws.send(create(LIMIT + 1, "b"))
        assert json.loads(ws.recv(60))["status"] == 413
    while post(running, body(4001)).status_code == 429:
        pass


def test_a_socket_goes_on_after_more_than_the_limit_one_after_the_other(running: RunningServer) -> None:
    with connect(running.base_url.replace("http:", "ws:") + "/responses") as ws:
        for _ in range(3):
            ws.send(body(6000, type="response.create").decode())
            while (told := json.loads(ws.recv(60)))["type"] != "response.completed":
                assert told["type"] != "error", told


def test_a_large_frame_is_counted_while_it_is_read() -> None:
    begun, go_on = threading.Event(), threading.Event()
    read: list[int] = []

    def parse(text: str, **options: Any) -> Any:
        read.append(len(text))
        begun.set()
        assert go_on.wait(60)
        return original(text, **options)

    original = large_frames.parse
    with (
        running_server(FIXTURE, max_client_bytes=200_000, pace=INSTANT) as running,
        mock.patch.object(large_frames, "parse", parse),
        connect(url := running.base_url.replace("http:", "ws:") + "/responses") as one,
        connect(url) as other,
    ):
        one.send(body(120_000, type="response.create").decode())
        assert begun.wait(60)
        assert error(post(running, body(80_001))) == (429, "too_many_client_bytes")
        other.send(body(80_001, type="response.create").decode())
        assert json.loads(other.recv(60))["error"]["code"] == "too_many_client_bytes"
        go_on.set()
        while json.loads(one.recv(60))["type"] != "response.completed":
            pass
        other.send(body(80_001, type="response.create").decode())
        assert json.loads(other.recv(60))["type"] == "response.created"
        other.send(body(200_001, type="response.create").decode())
        while (told := json.loads(other.recv(60)))["type"] != "error":
            pass
        assert told["status"] == 413
    assert read == [120_000, 80_001], "what is refused is not read"
