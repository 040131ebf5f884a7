"""What only real connections show of streams; how they send is in test_sending."""

import asyncio
import gc
import http.client
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import respool
from respool.http import create_app
from respool.http.sending.stream import Stream, _finish, cycle_of
from respool.play.clock import ManualClock
from respool.play.frames import Schedule
from respool.protocol.event_frames import encode_sse
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.testing import RunningServer, running_server

Make = Callable[..., Recording]
WaitFor = Callable[..., None]

NO_LINGER = struct.pack("ii", 1, 0)


def request(name: str = "a", version: str = "1.1", **fields: Any) -> bytes:
    body = json.dumps({"model": name, "stream": True, **fields}).encode()
    return (
        f"POST /v1/responses HTTP/{version}\r\nhost: [::1]\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )


def frames(recording: Recording) -> bytes:
    return b"".join(encode_sse(timed.event) for timed in recording.events)


@contextmanager
def connected(url: str, *requests: bytes) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        sock.sendall(b"".join(requests))
        yield sock


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def unchunked(data: bytes) -> bytes:
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        content += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return content


def answer_in(sock: socket.socket) -> bytes:
    response = http.client.HTTPResponse(sock)
    response.begin()
    return response.read()


@pytest.fixture
def manual(store: Callable[..., Store], recording: Make, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of the recording `a`, on a clock that stands still."""
    store(recording())
    with running_server(tmp_path, clock=ManualClock()) as running:
        yield running


def clock_of(running: RunningServer) -> ManualClock:
    assert isinstance(running.server.clock, ManualClock)
    return running.server.clock


@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
def test_a_stream_ends_with_its_connection_however_that_ends(
    way: str, manual: RunningServer, wait_for: WaitFor
) -> None:
    clock = clock_of(manual)
    with connected(manual.url, request()) as sock:
        wait_for(manual, lambda: clock.sleepers == 1)
        if way == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        # uvicorn takes a client that sends no more for one that has left.
        if way == "half-close":
            sock.shutdown(socket.SHUT_WR)
        else:
            sock.close()
        wait_for(manual, lambda: clock.sleepers == 0)
    wait_for(manual, lambda: "client left" in [exchange.ended for exchange in manual.server.journal])


def test_a_client_of_http_1_0_gets_the_plain_bytes_and_the_end_of_the_connection(
    manual: RunningServer, recording: Make, wait_for: WaitFor
) -> None:
    with connected(manual.url, request(version="1.0")) as sock:
        for _ in range(3):
            wait_for(manual, lambda: clock_of(manual).sleepers == 1)
            clock_of(manual).advance(1)
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert body == frames(recording())
    assert f"content-length: {len(body)}".encode() in head
    assert b"chunked" not in head


def test_pipelined_requests_are_answered_one_after_the_other(
    manual: RunningServer, recording: Make, wait_for: WaitFor
) -> None:
    clock = clock_of(manual)
    with connected(manual.url, request(), request(), request()) as sock:
        for _ in range(3):  # each begins when the one before it has ended
            for _ in range(3):
                wait_for(manual, lambda: clock.sleepers == 1)
                clock.advance(1)
        received = b""
        while received.count(b"0\r\n\r\n") < 3:
            received += sock.recv(65536)
    head = rb"HTTP/1.1 200 OK\r\n.*?\r\n\r\n"
    answers = re.split(head, received, flags=re.DOTALL)
    assert [unchunked(answer) for answer in answers[1:]] == [frames(recording())] * 3


def test_a_client_that_leaves_with_requests_in_the_pipeline_ends_its_stream(
    manual: RunningServer, wait_for: WaitFor
) -> None:
    clock = clock_of(manual)
    with connected(manual.url, request(), request()):
        wait_for(manual, lambda: clock.sleepers == 1)
    # uvicorn tells the last request only; the first finds out when it next has something to send.
    for _ in range(2):
        clock.advance(1)
        wait_for(manual, lambda: True)
    assert clock.sleepers == 0


def test_a_reader_that_stops_for_a_minute_costs_no_memory_and_gets_all(
    store: Callable[..., Store], recording: Make, tmp_path: Path, wait_for: WaitFor
) -> None:
    recorded = recording("a", [(0.1, "response.x", {"n": n, "d": "x" * 20_000}) for n in range(1000)])
    store(recorded)
    clock = ManualClock()
    buffered: list[int] = []
    with (
        running_server(tmp_path, clock=clock) as running,
        socket.socket() as sock,
    ):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        host, port = running.url.removeprefix("http://").split(":")
        sock.connect((host, int(port)))
        sock.sendall(request())
        wait_for(running, lambda: clock.sleepers == 1)
        gc.collect()  # those that a defect has ended are in cycles, with its traceback
        (stream,) = [one for one in gc.get_objects() if type(one) is Stream]
        while clock.now() < 60:
            clock.advance(5)
            wait_for(running, lambda: True)
            buffered.append(stream._transport.get_write_buffer_size())
        clock.advance(60)
        assert answer_in(sock) == frames(recorded)
    assert 0 < max(buffered) < 3 * 65536


def test_sigterm_ends_a_server_with_a_thousand_open_streams(
    store: Callable[..., Store], recording: Make, tmp_path: Path
) -> None:
    count = min(1000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100))
    first = (0.0, "response.created", {"response": {}})
    store(recording("a", [first, (3600.0, "response.completed", {"response": {}})]))
    command = [sys.executable, "-m", "respool", "serve", str(tmp_path), "--port", "0", "--quiet"]
    source_root = str(Path(respool.__file__).parents[1])
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source_root, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert found
            with ExitStack() as clients:
                open_ = [clients.enter_context(connected(found.group(), request())) for _ in range(count)]
                for sock in open_:
                    received = b""
                    while b"response.created" not in received:
                        received += sock.recv(4096)
                process.send_signal(signal.SIGTERM)
                rests = [read_all(sock) for sock in open_]
                _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert rests == [b""] * count, "cut, not completed"
    assert errors == ""


def test_streams_leave_nothing_behind_however_they_end(
    store: Callable[..., Store], recording: Make, tmp_path: Path, wait_for: WaitFor
) -> None:
    store(
        recording("a", [(0.0, "response.x", {"d": "x" * 100})] * 10),
        recording("b", [(0.0, "response.x", {}), (0.002, "response.x", {}), (0.002, "response.x", {})]),
        recording("c", [(0.0, "response.x", {}), (3600.0, "response.x", {})]),
        recording("d", [(0.0, "response.x", {"d": "x" * 50_000})] * 200),
    )

    def play(running: RunningServer) -> None:
        for _ in range(10):
            for name in "abcd":
                with connected(running.url, request(name)) as sock:
                    sock.recv(100)
                    if name in "ab":
                        answer_rest(sock)
                    if name == "c":
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        wait_for(running, all_ended)

    with running_server(tmp_path) as running:
        play(running)
        before = left_behind()
        for _ in range(3):
            play(running)
        assert left_behind() == before
    assert not [one for one in gc.get_objects() if type(one) is Stream]


@pytest.mark.parametrize("fields", [{}, {"background": True}], ids=str)
@pytest.mark.parametrize("leaves", [False, True])
def test_a_stream_that_has_ended_is_gone_without_garbage_collection(
    store: Callable[..., Store],
    recording: Make,
    tmp_path: Path,
    wait_for: WaitFor,
    fields: dict[str, Any],
    leaves: bool,
) -> None:
    store(recording("a", [(0.0, "response.x", {}), (0.05, "response.x", {})]))

    def streams() -> list[Stream]:
        return [one for one in gc.get_objects() if type(one) is Stream]

    gc.collect()
    gc.disable()
    try:
        with running_server(tmp_path) as running:
            with connected(running.url, request(**fields)) as sock:
                if not leaves:
                    answer_rest(sock)
            wait_for(running, lambda: len(running.server.journal.ended) > 0 and not streams())
    finally:
        gc.enable()


def answer_rest(sock: socket.socket) -> None:
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        data += sock.recv(65536)


def all_ended() -> bool:
    return not [one for one in gc.get_objects() if type(one) is Stream and one._task is not None]


def left_behind() -> dict[str, int]:
    """What a server has that could become more with each stream."""
    gc.collect()
    kinds = ("Stream", "Timer", "Task", "RequestResponseCycle", "PlaybackResponse")
    counts = dict.fromkeys(kinds, 0)
    for one in gc.get_objects():
        if type(one).__name__ in counts:
            counts[type(one).__name__] += 1
    counts["threads"] = threading.active_count()
    return counts


def test_no_other_server_is_taken_for_uvicorn(recording: Make) -> None:
    class Cycle:
        async def send(self, message: Any) -> None: ...

    for send in (None, Cycle().send, lambda message: None):
        assert cycle_of(send) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["httptools", "h11"])
async def test_the_head_leaves_in_one_write_with_what_is_due_when_the_answer_begins(
    server: Callable[..., MockServer],
    recording: Make,
    call: type,
    connections: Callable[[type], dict[str, Any]],
    protocol: str,
) -> None:
    short = recording("a", [(0.0, "response.x", {"n": n}) for n in range(3)])
    stream = connections(call)[protocol](server(short), body={"model": "a", "stream": True})
    await stream.task
    assert len(stream.written) == 1
    assert stream.body == frames(short)
    assert stream.complete


class Lingering:
    """A layer that returns some time after what is within it."""

    def __init__(self, server: MockServer) -> None:
        self.server_app: Any = create_app(server)
        guard = self.server_app.edge.create
        self.app, guard.app = guard.app, self
        self.returns = asyncio.Event()

    async def __call__(self, *call: Any) -> None:
        await self.app(*call)
        await self.returns.wait()


async def test_what_fails_before_the_layers_have_returned_ends_the_stream(
    server: Callable[..., MockServer],
    recording: Make,
    call: type,
    connections: Callable[[type], dict[str, Any]],
    settle: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    layer = Lingering(server(recording("a", [(1.0, "response.x", {"n": n}) for n in range(3)]), clock=clock))
    stream = connections(call)["httptools"](layer.server_app, body={"model": "a", "stream": True})
    await settle()
    monkeypatch.setattr(Schedule, "take", lambda *_: 1 / 0)
    clock.advance(1.0)
    await settle()
    layer.returns.set()
    await stream.task
    assert not stream.complete
    assert [record for record in caplog.records if record.exc_info]


async def test_a_cancel_before_the_layers_have_returned_is_streamed(
    server: Callable[..., MockServer],
    recording: Make,
    call: type,
    connections: Callable[[type], dict[str, Any]],
    settle: Callable[[], Any],
) -> None:
    clock = ManualClock()
    response = {"id": "resp_1", "status": "in_progress"}
    events = [
        (0.0, "response.created", {"response": response}),
        (60.0, "response.in_progress", {"response": response}),
    ]
    serving = server(recording("a", events), clock=clock)
    layer = Lingering(serving)
    stream = connections(call)["httptools"](
        layer.server_app, body={"model": "a", "stream": True, "background": True}
    )
    await settle()
    clock.advance(1.0)
    serving.cancel("resp_1")
    await settle()
    layer.returns.set()
    await stream.task
    assert stream.complete
    assert b"event: response.failed" in stream.body


async def test_what_several_streams_have_to_say_is_written_when_all_were_called(
    server: Callable[..., MockServer],
    recording: Make,
    call: type,
    connections: Callable[[type], dict[str, Any]],
) -> None:
    clock = Turning()
    serving = server(recording("a", [(1.0, "response.x", {"n": n}) for n in range(3)]), clock=clock)
    connection = connections(call)["httptools"]
    streams = [connection(serving, body={"model": "a", "stream": True}) for _ in range(3)]
    for _ in range(20):
        await asyncio.sleep(0)
    clock.turning = True
    clock.advance(1.0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert [len(stream.writes) for stream in streams] == [0, 0, 0]
    (write_all,) = clock.after
    write_all()
    first = encode_sse(recording("a", [(1.0, "response.x", {"n": 0})]).events[0].event)
    assert [stream.writes for stream in streams] == [[first]] * 3
    clock.turning = False
    clock.advance(5.0)
    for stream in streams:
        await stream.task
        assert stream.complete


class Turning(ManualClock):
    """A clock whose turn, while it is `turning`, lasts until the test ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.turning = False
        self.after: list[Callable[[], None]] = []

    def after_turn(self, callback: Callable[[], None]) -> None:
        if self.turning:
            self.after.append(callback)
        else:
            callback()


async def test_a_send_that_waits_where_it_should_not_is_a_defect_and_is_ended() -> None:
    ended = []

    async def send() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(1)

    with pytest.raises(RuntimeError, match="waits though its connection has room"):
        _finish(send())
    assert ended == [1]
