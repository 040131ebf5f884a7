"""What a connection may send, over sockets, with both of uvicorn's parsers."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from uvicorn.server import ServerState

from respool.http import connection_limits, create_app, serving
from respool.http.connection_limits import MAX_HEAD, MAX_PIPELINED, limited_protocol
from respool.http.limited_h11 import LimitedH11
from respool.listening import bind
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

FIXTURE = Path(__file__).parent.parent.parent / "fixtures/text/hello.jsonl"
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
BODY = b'{"model":"m"}'
PLAY = b'{"model":"m","stream":true}'
POST = b"POST /v1/responses HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@contextmanager
def listening(protocol: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[int]:
    """The port of a server with that protocol class."""
    monkeypatch.setattr(serving, "limited_protocol", lambda: protocol)
    monkeypatch.setattr(connection_limits, "_LINGER", 0.05)
    server = serving.uvicorn_server(
        create_app(MockServer(Store(FIXTURE), pace=Pace(speed=float("inf")))), 0, **options
    )
    with bind("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["httptools", "h11"])
def protocol(request: pytest.FixtureRequest) -> Any:
    return LimitedH11 if request.param == "h11" else limited_protocol()


@pytest.fixture
def port(protocol: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with listening(protocol, monkeypatch) as number:
        yield number


def ask(port: int, *parts: bytes) -> tuple[int, bytes]:
    """Send these, each in a write of its own, and read to the end: the last status and all that came."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            sock.sendall(part)
        got = b""
        while data := sock.recv(65536):
            got += data
    return int([b"0", *re.findall(rb"HTTP/1.1 ([0-9]{3})", got)][-1]), got


def endless(port: int, head: bytes) -> bytes:
    """Send a head that goes on until the server has enough, and read what it says."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(head)
        sent, got = 0, b""
        try:
            while sent < 100 * 2**20:
                sent += sock.send(b"a" * 65536)
        except ConnectionError:
            pass
        assert sent < 64 * 2**20
        with suppress(ConnectionError):
            got = sock.recv(65536)
    return got


def code_of(answer: bytes) -> str:
    code: str = json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]["code"]
    return code


@pytest.mark.parametrize("size", [1000, MAX_HEAD - 200])
def test_a_head_within_the_limit_is_read(port: int, size: int) -> None:
    assert ask(port, GET + b"x: " + b"a" * size + b"\r\n\r\n")[0] == 200


@pytest.mark.parametrize("one_write", [True, False])
@pytest.mark.parametrize("line", [b"x: " + b"a" * 70_000, b"\r\n".join(b"x%d: a" % i for i in range(9000))])
def test_a_head_beyond_the_limit_is_a_431(port: int, line: bytes, one_write: bool) -> None:
    parts = [GET + line + b"\r\n\r\n"] if one_write else [GET, line, b"\r\n\r\n"]
    status, answer = ask(port, *parts)
    assert (status, code_of(answer)) == (431, "request_headers_too_large")


def test_a_url_beyond_the_limit_is_a_414(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(limited_protocol(), monkeypatch) as port:
        for parts in ([b"GET /" + b"a" * 70_000 + GET[12:] + b"\r\n"], [b"GET /" + b"a" * 70_000]):
            status, answer = ask(port, *parts)
            assert (status, code_of(answer)) == (414, "url_too_long")


@pytest.mark.parametrize(
    "head", [GET + b"x: ", b"GET /", POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nx: "]
)
def test_a_head_without_end_is_cut(port: int, head: bytes) -> None:
    got = endless(port, head)
    assert got[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 414", b"HTTP/1.1 400", b"")
    assert ask(port, GET + b"\r\n")[0] == 200


@pytest.mark.parametrize("coding", [b"Content-Length: 2000018\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_large_body_is_no_head(port: int, coding: bytes) -> None:
    body = b'{"model":"m","x":"' + b"a" * 2_000_000
    body = body + b'"}' if b"chunked" in coding else body[:2_000_016] + b'"}'
    if b"chunked" in coding:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert ask(port, POST + coding + b"\r\n" + body)[0] == 200


@pytest.mark.parametrize("trailer", [b"x-respool-play: nothing", b"content-encoding: gzip"])
def test_trailers_are_no_headers(port: int, trailer: bytes) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(BODY), BODY, trailer)
    assert ask(port, POST + b"Transfer-Encoding: chunked\r\n\r\n", chunks)[0] == 200


def test_requests_after_a_trailer_have_their_headers(port: int) -> None:
    chunks = b"%x\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(BODY), BODY)
    first = b"POST /v1/responses HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    assert ask(port, first + POST + b"x-respool-play: nothing\r\nContent-Length: 13\r\n\r\n" + BODY)[0] == 404


@pytest.mark.parametrize(
    "request_",
    [
        POST.replace(b"close", b"Upgrade, HTTP2-Settings") + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        POST.replace(b"close", b"Upgrade, HTTP2-Settings") + b"HTTP2-Settings: AAMAAABk\r\nupgrade:h2c\r\n",
    ],
)
def test_an_offer_of_h2c_is_answered_over_http_1_1(port: int, request_: bytes) -> None:
    end = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    status, answer = ask(port, request_ + b"Content-Length: 13\r\n\r\n" + BODY + end)
    assert (status, answer.count(b"HTTP/1.1 200")) == (200, 2)


def test_a_body_that_speaks_of_h2c_is_not_touched(port: int) -> None:
    body = b'{"model":"\r\nUpgrade: h2c\r\n"}'
    status, answer = ask(port, POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert (status, code_of(answer)) == (400, "invalid_json")


def test_another_upgrade_with_a_body_is_a_400_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(limited_protocol(), monkeypatch) as port:
        upgrade = POST.replace(b"close", b"Upgrade") + b"Upgrade: foo/2\r\nContent-Length: 13\r\n\r\n"
        status, answer = ask(port, upgrade + BODY)
    assert (status, code_of(answer)) == (400, "unsupported_upgrade")
    assert b"upgrade to foo/2: leave out the header Upgrade" in answer


def test_what_is_no_http_is_a_400(port: int) -> None:
    status, answer = ask(port, b"nonsense\r\n\r\n")
    assert (status, code_of(answer)) == (400, "invalid_http")


@pytest.mark.parametrize(("sent", "status"), [(b"", 0), (b"GET /heal", 408), (GET, 408)])
def test_a_connection_without_a_whole_head_is_closed(
    protocol: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: int
) -> None:
    with listening(protocol, monkeypatch, head_timeout=0.05) as port:
        assert ask(port, sent)[0] == status


def test_an_answer_and_a_body_may_take_longer_than_a_head(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(protocol, monkeypatch, head_timeout=0.05) as port:
        slow = b"x-respool-fault: latency(seconds=0.2)\r\nContent-Length: 13\r\n\r\n"
        assert ask(port, POST + slow + BODY)[0] == 200


def test_many_pipelined_requests_are_answered_in_order(port: int) -> None:
    one = b"GET /r/%d HTTP/1.1\r\nHost: a\r\n\r\n"
    requests = b"".join(one % number for number in range(MAX_PIPELINED // 4))
    _, answer = ask(port, requests + GET + b"\r\n")
    urls = [int(part.split(b")")[0]) for part in answer.split(b"(GET /r/")[1:]]
    assert urls == list(range(MAX_PIPELINED // 4))


def test_pipelined_requests_that_nobody_reads_are_not_taken(port: int) -> None:
    burst = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n" * 100
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setblocking(False)
        sent, idle = 0, 0
        while idle < 20:
            try:
                sent += sock.send(burst)
            except BlockingIOError:
                idle += ask(port, GET + b"\r\n")[0] == 200  # the server's turn
            except ConnectionError:
                break
    assert sent < 16 * 2**20


UPGRADE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
CLOSE_FRAME = b"\x88\x80\0\0\0\0"
KEPT = GET.replace(b"close", b"keep-alive") + b"\r\n"


def answered(sock: socket.socket, request: bytes) -> int:
    """Send a request on a connection that is kept, and read its answer: the status."""
    sock.sendall(request)
    got = sock.recv(65536)
    if size := re.search(rb"content-length: ([0-9]+)", got):  # head and body may come one after the other
        while len(got) < got.index(b"\r\n\r\n") + 4 + int(size[1]):
            got += sock.recv(65536)
    return int(got.split(b" ", 2)[1])


def read_to_end(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def test_the_first_connections_are_served_and_the_next_is_refused(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(protocol, monkeypatch, max_connections=2) as port:
        one, other, third = (socket.create_connection(("127.0.0.1", port), 20) for _ in range(3))
        with one, other, third:
            assert [answered(sock, KEPT) for sock in (one, other, one)] == [200, 200, 200]
            status, answer = ask(port, GET + b"\r\n")
            error = json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]
            assert (status, error["code"], error["type"]) == (503, "too_many_connections", "server_error")
            assert error["message"].startswith("2 connections are open")
            one.sendall(GET + b"\r\n")
            read_to_end(one)  # the server has closed it, and counts it no more
            # The third was beyond the limit when it was made, and is not when it asks.
            assert [answered(sock, KEPT) for sock in (third, other)] == [200, 200]
            assert ask(port, GET + b"\r\n")[0] == 503


def test_websockets_are_among_the_connections_that_are_counted(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(protocol, monkeypatch, max_connections=2) as port:
        one, other = (socket.create_connection(("127.0.0.1", port), 20) for _ in range(2))
        with one, other:
            assert [answered(sock, UPGRADE) for sock in (one, other)] == [101, 101]
            assert [ask(port, request)[0] for request in (UPGRADE, GET + b"\r\n")] == [503, 503]
            one.sendall(CLOSE_FRAME)
            read_to_end(one)
            assert [ask(port, GET + b"\r\n")[0] for _ in range(2)] == [200, 200]


def test_a_body_that_follows_a_refused_request_does_not_keep_the_answer_from_the_client(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"{" + b" " * 500_000 + b"}"
    with (
        listening(protocol, monkeypatch, max_connections=1) as port,
        socket.create_connection(("127.0.0.1", port), 20) as one,
    ):
        assert answered(one, KEPT) == 200
        status, answer = ask(port, POST + b"Content-Length: %d\r\n\r\n" % len(body), body)
        assert (status, code_of(answer)) == (503, "too_many_connections")


HANDSHAKE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (HANDSHAKE + b"x: " + b"a" * 9000 + b"\r\n", 431, "request_headers_too_large"),
        (HANDSHAKE + b"".join(b"x%d: a\r\n" % at for at in range(200)), 431, "request_headers_too_large"),
        (HANDSHAKE.replace(b"GET", b"PUT"), 400, "invalid_handshake"),
    ],
)
def test_a_handshake_that_cannot_be_read_is_answered(port: int, head: bytes, status: int, code: str) -> None:
    got = ask(port, head + b"\r\n")
    assert (got[0], code_of(got[1])) == (status, code)


def test_a_handshake_with_long_headers_within_the_limit_is_accepted(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(HANDSHAKE + b"x: " + b"a" * 8000 + b"\r\n\r\n")
        assert sock.recv(65536)[:12] == b"HTTP/1.1 101"


class LoopOfATest:
    """An event loop whose time a test sets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[..., None]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, function: Callable[[], None]) -> Any:
        self.timers.append((when, function))
        return self._loop.call_later(3600, function)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [function for when, function in self.timers if when <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for function in due:
            function()


class Connection:
    """A connection of which a test holds the time, of its event loop and of its server."""

    def __init__(self, server: MockServer) -> None:
        config = connection_limits.Config(create_app(server), log_config=None, timeout_keep_alive=75)
        config.load()
        self.loop, self.state, self.wire = LoopOfATest(), ServerState(), Wire()
        self.protocol: Any = limited_protocol()(config, self.state, {}, self.loop)  # type: ignore[call-arg]
        self.protocol.connection_made(self.wire)

    def play(self) -> None:
        self.protocol.data_received(
            b"POST /v1/responses HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(PLAY) + PLAY
        )

    async def all_answered(self) -> None:
        while self.state.tasks:
            await asyncio.sleep(0)


async def test_an_idle_connection_is_closed_and_one_timer_is_enough_for_all_its_answers() -> None:
    connection = Connection(MockServer(Store(FIXTURE), pace=Pace(speed=float("inf"))))
    loop, wire = connection.loop, connection.wire
    for _ in range(3):
        connection.play()
        await connection.all_answered()
        loop.advance(70)
    assert connection.state.total_requests == 3
    assert wire.written.count(b"response.completed") == 6  # the event's name, and its type
    assert [when for when, _ in loop.timers] == [
        1000.0 + 140 + 75
    ]  # that of the first has looked, and waits on
    loop.advance(4)
    assert not wire.closed
    loop.advance(1)
    assert wire.closed
    connection.protocol.connection_lost(None)


async def test_a_connection_that_is_being_answered_is_not_idle(settle: Callable[[], Any]) -> None:
    clock = ManualClock()
    connection = Connection(MockServer(Store(FIXTURE), clock=clock))
    loop, wire = connection.loop, connection.wire
    connection.protocol.data_received(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    await connection.all_answered()
    connection.play()
    await settle()
    loop.advance(100)
    assert not wire.closed
    assert not loop.timers
    clock.advance(100)
    await connection.all_answered()
    loop.advance(75)
    assert wire.closed
    connection.protocol.connection_lost(None)


class Wire(asyncio.Transport):
    """The client's end: it takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


async def test_who_sends_waits_while_a_connection_has_no_room(settle: Callable[[], Any]) -> None:
    protocol = Connection(MockServer(Store(FIXTURE))).protocol
    await asyncio.wait_for(protocol.flow.drain(), 5)
    for _ in range(2):
        protocol.pause_writing()
        waiting = asyncio.create_task(protocol.flow.drain())
        await settle()
        assert not waiting.done()
        protocol.resume_writing()
        await asyncio.wait_for(waiting, 5)
    protocol.connection_lost(None)
