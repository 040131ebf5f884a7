"""Whatever bytes and frames a client sends on a WebSocket, the server answers or closes, and stays."""

import json
import logging
import math
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from respool import Pace, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
HANDSHAKE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with running_server(FIXTURES, pace=Pace(speed=math.inf), default="text/hello") as running:
        yield running


@pytest.fixture
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged as an error, and no traceback."""
    yield
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR or one.exc_info] == []


def masked(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """A client's frame, masked with zeros. Source: RFC 6455, section 5.2."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + b"\0\0\0\0" + data


def upgrade(client: socket.socket) -> None:
    """Shake hands. What is sent before the answer is lost, which RFC 6455 forbids."""
    client.sendall(HANDSHAKE)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 101 ")


def random_bytes(rng: Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 300))
    if kind == 1:
        return masked(rng.randrange(16), rng.randbytes(rng.randrange(0, 200)), fin=rng.random() < 0.8)
    if kind == 2:
        return masked(1, rng.randbytes(rng.randrange(1, 50)))
    return masked(1, json.dumps(random_value(rng)).encode())


WORDS = [
    "type", "response.create", "response.steer", "response.inject", "response.processed", "stream_id",
    "input", "previous_response_id", "generate", "model", "resp_x", "message", "role", "user", "content",
    "store", "\ud800",
]  # fmt: skip


def random_value(rng: Random, depth: int = 0) -> Any:
    if depth < 4 and rng.random() < 0.6:
        if rng.random() < 0.3:
            return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
        made = {rng.choice(WORDS): random_value(rng, depth + 1) for _ in range(rng.randrange(6))}
        if depth == 0 or rng.random() < 0.2:
            made["type"] = rng.choice(WORDS[1:5])
        return made
    return rng.choice([None, True, 0, -1.5, 10**400, "", rng.choice(WORDS), "x" * 300, math.inf])


def assert_serves(running: RunningServer) -> None:
    url = running.base_url.replace("http", "ws", 1) + "/responses"
    with connect(url) as client:
        client.send(json.dumps({"type": "response.create", "model": "gpt-5", "input": "Hello!"}))
        while json.loads(client.recv(timeout=10))["type"] != "response.completed":
            pass


@pytest.mark.usefixtures("no_errors")
def test_random_bytes_and_frames_leave_the_server_as_it_was(running: RunningServer) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    for seed in range(150):
        rng = Random(seed)
        with socket.create_connection((host, int(port)), timeout=10) as client, suppress(OSError):
            upgrade(client)
            for _ in range(rng.randrange(1, 8)):
                client.sendall(random_bytes(rng))
            if rng.random() < 0.5:
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
    assert_serves(running)


@pytest.mark.usefixtures("no_errors")
def test_each_random_object_is_answered_by_frames_or_a_close(running: RunningServer) -> None:
    url = running.base_url.replace("http", "ws", 1) + "/responses"
    for seed in range(100):
        rng = Random(seed)
        with connect(url, max_size=None) as client, suppress(ConnectionClosed):
            for _ in range(5):
                client.send(json.dumps(random_value(rng)))
            client.send("{")
            while '"invalid_json"' not in str(client.recv(timeout=10)):
                pass
    assert_serves(running)


@pytest.mark.usefixtures("no_errors")
def test_a_client_that_sends_and_never_reads_is_not_read_on(running: RunningServer) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    create = masked(1, json.dumps({"type": "response.create", "model": "text/hello", "input": "x"}).encode())
    many = create * 200_000  # more than the systems of both sides hold
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with socket.create_connection((host, int(port))) as client:
        upgrade(client)
        client.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.sendall(many)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
    assert_serves(running)
