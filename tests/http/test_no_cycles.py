"""A connection that has ended is gone at once, without garbage collection, which a server seldom does."""

import gc
import json
import time
from collections.abc import Callable, Iterator
from socket import create_connection
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from respool import running_server
from respool.testing import RunningServer

FRAME = {"type": "response.create", "model": "text/hello", "input": "Hi"}
ENDED = 5.0  # seconds after which a connection is gone, at most


@pytest.fixture(params=[None, 1_000_000], ids=["without a limit", "with a limit on clients"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with running_server("fixtures", max_client_bytes=request.param) as server:
        yield server


@pytest.fixture
def connections() -> Iterator[Callable[[], int]]:
    """Return how many connections there are in memory, besides those of other tests' servers. Nothing is
    collected meanwhile."""
    gc.collect()
    gc.disable()
    others = parts()  # held, so that none of their ids is another's
    known = {id(each) for each in others}
    yield lambda: sum(id(each) not in known for each in parts())
    gc.enable()


def ask(server: RunningServer, body: bytes) -> bytes:
    """POST a create on a connection of its own, and close that after the answer."""
    at = urlsplit(server.url)
    head = f"POST /v1/responses HTTP/1.1\r\nhost: {at.netloc}\r\ncontent-length: {len(body)}\r\n"
    with create_connection((at.hostname or "", at.port or 0), 10) as connection:
        connection.sendall(head.encode() + b"connection: close\r\n\r\n" + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def play(server: RunningServer) -> None:
    answer = ask(server, json.dumps({"model": "text/hello", "stream": True, "input": "Hi"}).encode())
    assert b"response.completed" in answer


def be_refused(server: RunningServer) -> None:
    assert ask(server, b"{").startswith(b"HTTP/1.1 400 ")


def play_on_a_socket(server: RunningServer) -> None:
    with connect(server.url.replace("http", "ws", 1) + "/v1/responses") as socket:
        socket.send(json.dumps(FRAME))
        while json.loads(socket.recv(10))["type"] != "response.completed":
            pass


def be_refused_on_a_socket(server: RunningServer) -> None:
    with connect(server.url.replace("http", "ws", 1) + "/v1/responses") as socket:
        socket.send(json.dumps({**FRAME, "model": "no/such"}))
        assert json.loads(socket.recv(10))["type"] == "error"


def parts() -> list[object]:
    """Return the parts of connections that are in memory."""
    wanted = {
        "LimitedHttpTools",
        "SocketProtocol",
        "SocketDriver",
        "SocketConnection",
        "RequestResponseCycle",
    }
    return [each for each in gc.get_objects() if type(each).__name__ in wanted]


@pytest.mark.parametrize("visit", [play, be_refused, play_on_a_socket, be_refused_on_a_socket])
def test_nothing_of_a_connection_stays(
    server: RunningServer, connections: Callable[[], int], visit: Callable[[RunningServer], None]
) -> None:
    visit(server)
    gc.collect()  # what the first of its kind imports
    visit(server)
    ends = time.monotonic() + ENDED
    while connections() and time.monotonic() < ends:
        time.sleep(0.01)
    assert connections() == 0


def test_a_connection_is_there_while_it_lasts(server: RunningServer, connections: Callable[[], int]) -> None:
    at = urlsplit(server.url)
    with create_connection((at.hostname or "", at.port or 0), 10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert connection.recv(100)
        assert connections() == 2  # the protocol, and its latest request
