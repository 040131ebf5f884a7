"""What many clients at once cost a server, and what becomes of them when it ends.

Bounds are generous, so that no test of these fails on a busy machine.
"""

import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from respool.bench.servers import ServerProcess, started

FIXTURE = Path(__file__).parents[1] / "fixtures/text/hello.jsonl"
SPARE = 300  # descriptors that this process and the server need for other things


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Allow this process, and those that it starts, so many; skip where that cannot be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    except (ValueError, OSError):
        pytest.skip(f"{wanted} open files are not allowed here (ulimit -n says {hard}): NOT TESTED")
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, wanted)))


@contextmanager
def serving(*options: str) -> Iterator[ServerProcess]:
    command = [sys.executable, "-m", "respool", "serve", "--port", "0", "--quiet", *options, str(FIXTURE)]
    with TemporaryDirectory() as folder, started("respool", command, Path(folder) / "log") as server:
        yield server


def connect(server: ServerProcess, stack: ExitStack, count: int) -> list[socket.socket]:
    # Several addresses of loopback: one has not enough ports for tests that follow each other.
    return [
        stack.enter_context(
            socket.create_connection(("127.0.0.1", server.port), 60, (f"127.0.1.{1 + number % 8}", 0))
        )
        for number in range(count)
    ]


def create(fault: str = "") -> bytes:
    body = b'{"stream":true}'
    head = f"POST /r/hello/v1/responses HTTP/1.1\r\nhost: localhost\r\n{fault}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def read_to_end(connections: list[socket.socket], seconds: float) -> list[bytes]:
    """What came on each until it was closed."""
    got = {one.fileno(): bytearray() for one in connections}
    by_number = {one.fileno(): one for one in connections}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    until = time.monotonic() + seconds
    open_ = set(by_number)
    while open_ and time.monotonic() < until:
        for number, _ in poll.poll(0.5):
            part = by_number[number].recv(65536)
            got[number] += part
            if not part:
                poll.unregister(number)
                open_.discard(number)
    assert not open_, f"{len(open_)} connections are still open"
    return [bytes(got[one.fileno()]) for one in connections]


def test_10000_idle_connections_keep_nobody_out() -> None:
    with descriptors(10_000), serving() as server, ExitStack() as stack:
        before = server.memory()
        connections = connect(server, stack, 10_000)
        assert httpx2.get(f"http://127.0.0.1:{server.port}/healthz", timeout=60).status_code == 200
        assert (server.memory() - before) / 10_000 < 32 * 1024, "bytes of a connection"
        connections[-1].sendall(create())
        assert connections[-1].recv(20).startswith(b"HTTP/1.1 200")


def test_9500_streams_that_stall_for_ever_use_no_cpu() -> None:
    with descriptors(9_500), serving() as server, ExitStack() as stack:
        for connection in (connections := connect(server, stack, 9_500)):
            connection.sendall(create("x-respool-fault: stall(after=1)\r\n"))
        for connection in connections:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        used = server.cpu_seconds()
        time.sleep(3)
        assert server.cpu_seconds() - used < 0.3, "of 3 seconds; a look at each in each second would be more"
        assert httpx2.get(f"http://127.0.0.1:{server.port}/healthz", timeout=60).status_code == 200


def test_1000_streams_are_ended_whole_after_sigterm() -> None:
    with descriptors(1_000), serving("--speed", "0.5", "--drain", "60") as server, ExitStack() as stack:
        for connection in (connections := connect(server, stack, 1_000)):
            connection.sendall(create())
        for connection in connections:
            connection.settimeout(60)
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        os.kill(server.pid, signal.SIGTERM)
        ends = [one[-80:] for one in read_to_end(connections, 60)]
        assert {end[-7:] for end in ends} == {b"\r\n0\r\n\r\n"}, "each has its last chunk"


def test_after_sigterm_1000_streams_are_cut_soon() -> None:
    with descriptors(1_000), serving("--speed", "0.01") as server, ExitStack() as stack:
        for connection in (connections := connect(server, stack, 1_000)):
            connection.sendall(create())
        for connection in connections:
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        os.kill(server.pid, signal.SIGTERM)
        ends = read_to_end(connections, 30)
        assert not any(end.endswith(b"0\r\n\r\n") for end in ends), "it can be told from a whole one"
        assert all(end.endswith(b"\n\n\r\n") for end in ends if b"event:" in end), "no event is cut in two"
