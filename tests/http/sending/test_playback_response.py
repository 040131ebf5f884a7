import asyncio
import http.client
import json
import logging
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sse_starlette.sse import AppStatus

import respool
from respool.http import create_app, edge
from respool.play.clock import ManualClock
from respool.play.frames import MAX_CHUNK, Schedule
from respool.play.pace import Pace
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.testing import RunningServer, running_server

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
Call = Callable[..., Any]
Settle = Callable[[], Any]
WaitFor = Callable[..., None]

STREAM = {"model": "a", "stream": True}


def frames(recording: Recording) -> list[bytes]:
    """What each event is on the wire."""
    return [encode_sse(timed.event) for timed in recording.events]


@pytest.fixture(params=["asgi", "httptools", "h11"])
def call(request: pytest.FixtureRequest, call: Any, connections: Callable[..., Any]) -> Call:
    """Each test runs on a server that is not known, where the library sends, and on uvicorn's protocols."""
    made: Call = connections(call).get(request.param, call)
    return made


@pytest.fixture(autouse=True)
async def no_task_outlives_its_test(settle: Settle) -> AsyncIterator[None]:
    yield
    await settle()
    left = {getattr(task.get_coro(), "__name__", "") for task in asyncio.all_tasks()}
    # The library's own watcher for signals, one per event loop, stays by design; the other is this.
    assert left <= {"_shutdown_watcher", "async_finalizer"}


async def test_each_event_is_sent_when_its_moment_has_come_and_not_before(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    clock = ManualClock(1000.0)
    recorded = recording("a", [(gap, "response.x", {"n": gap}) for gap in (0.5, 1.0, 0.0, 0.0, 0.25, 2.0)])
    due_at = accumulate(timed.gap or 0 for timed in recorded.events)
    due = list(zip(due_at, frames(recorded), strict=True))
    stream = call(server(recorded, clock=clock), body=STREAM)
    for elapsed in (0.0, 0.25, 0.499, 0.5, 0.75, 1.499, 1.5, 1.749, 1.75, 3.749, 3.75):
        clock.advance(1000.0 + elapsed - clock.now())
        await settle()
        assert stream.body == b"".join(frame for at, frame in due if at <= elapsed)
        assert stream.complete is (elapsed == 3.75)
    assert stream.writes == [b"".join(frame for at, frame in due if at == moment) for moment in dict(due)]
    assert stream.task.done()


async def test_the_head_leaves_at_once(server: Serve, call: Call, settle: Settle) -> None:
    stream = call(server(), body=STREAM)
    await settle()
    assert (stream.status, stream.writes) == (200, [])
    stream.leave()
    await stream.task


async def test_all_that_is_due_leaves_in_one_write(server: Serve, recording: Make, call: Call) -> None:
    clock = ManualClock()
    stream = call(server(clock=clock), body=STREAM)
    while not clock.sleepers:
        await asyncio.sleep(0)
    clock.advance(60)
    await stream.task
    assert stream.writes == [b"".join(frames(recording()))]


async def test_an_answer_that_is_wholly_due_is_sent_and_noted_like_others(
    server: Serve, recording: Make, call: Call
) -> None:
    short = recording("a", [(0.0, "response.x", {"n": n}) for n in range(3)])
    serving = server(short, clock=ManualClock(1000.0))
    stream = call(serving, body=STREAM)
    await stream.task
    assert stream.body == b"".join(frames(short))
    assert stream.complete
    (exchange,) = serving.journal
    assert (exchange.status, exchange.events, exchange.ended, exchange.lateness) == (200, 3, "", 0.0)
    assert not len(serving.deliveries)
    assert list(serving.deliveries.ended) == [("pb_1", exchange, False)]


async def test_a_moment_that_rounding_puts_just_after_now_has_come(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    clock = ManualClock(1000.1)
    assert (1000.1 + 0.3) - 1000.1 < 0.3
    stream = call(server(recording("a", [(0.3, "response.x")]), clock=clock), body=STREAM)
    await settle()
    clock.advance(0.3)
    await stream.task
    assert stream.complete


async def test_events_that_were_due_before_the_head_left_follow_it_at_once(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    serving = server()
    stream = call(serving, body=b'{"model":"a","stream":', more_body=True)
    await settle()
    serving.clock.advance(2)  # type: ignore[attr-defined]
    stream.upload(b"true}")
    await settle()
    assert stream.writes == [b"".join(frames(recording())[:3])]
    stream.leave()
    await stream.task


async def test_a_large_burst_leaves_in_writes_of_whole_events_and_up_to_64_kib(
    server: Serve, recording: Make, call: Call
) -> None:
    sizes = [100, 30_000, 30_000, 30_000, 200_000, 5, 70_000, 5, 65_000, 65_536, 9]
    recorded = recording("a", [(0.0, "response.x", {"d": "x" * size}) for size in sizes])
    stream = call(server(recorded), body=STREAM)
    await stream.task
    whole = frames(recorded)
    assert stream.body == b"".join(whole)
    ends = set(accumulate(map(len, whole)))
    assert ends.issuperset(accumulate(map(len, stream.writes)))
    assert all(len(write) <= 64 * 1024 or write in whole for write in stream.writes)
    assert len(stream.writes) < len(whole)


async def test_the_sentinel_is_sent_but_is_no_event(server: Serve, recording: Make, call: Call) -> None:
    serving = server(recording(done=True), pace=Pace(speed=math.inf))
    stream = call(serving, body=STREAM)
    await stream.task
    assert stream.body.endswith(SSE_DONE)
    assert [exchange.events for exchange in serving.journal] == [4]


async def test_a_stream_that_was_sent_whole_is_in_the_journal(
    server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock(50.0)
    serving = server(clock=clock)
    stream = call(serving, body=STREAM)
    await settle()
    clock.advance(2)
    await settle()
    (exchange,) = serving.journal
    assert exchange.seconds is None
    assert serving.journal.ended == []
    clock.advance(1)
    await stream.task
    assert serving.journal.ended == [exchange]
    assert (exchange.status, exchange.recording, exchange.events, exchange.ended) == (200, "a", 4, "")
    assert (exchange.received, exchange.seconds) == (50.0, 3.0)


@pytest.mark.parametrize(("seconds", "events"), [(0, 0), (1, 1), (2, 3)])
async def test_a_client_that_leaves_ends_its_stream_at_once(
    seconds: float, events: int, server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    serving = server(clock=clock)
    stream = call(serving, body=STREAM)
    await settle()
    clock.advance(seconds)
    await settle()
    stream.leave()
    await settle()
    assert stream.task.done()
    assert clock.sleepers == 0
    assert not stream.complete
    (exchange,) = serving.journal
    assert (exchange.events, exchange.ended, exchange.seconds) == (events, "client left", seconds)


async def test_a_client_that_leaves_after_the_end_has_not_left_early(server: Serve, call: Call) -> None:
    serving = server(pace=Pace(speed=math.inf))
    stream = call(serving, body=STREAM)
    await stream.task
    stream.leave()
    assert [exchange.ended for exchange in serving.journal] == [""]


async def test_a_client_that_leaves_with_the_last_event_in_hand_has_not_left_early(
    server: Serve, call: Call
) -> None:
    class Leaving(call):  # type: ignore[misc,valid-type]
        async def _send(self, message: Any) -> None:
            await super()._send(message)
            if b"response.completed" in message.get("body", b""):
                self.leave()

    serving = server(pace=Pace(speed=math.inf))
    await Leaving(serving, body=STREAM).task
    assert [(exchange.events, exchange.ended) for exchange in serving.journal] == [(4, "")]


async def test_a_client_of_http_1_0_is_told_the_length_and_that_the_connection_ends(
    server: Serve, recording: Make, call: Call
) -> None:
    stream = call(server(recording(done=True), pace=Pace(speed=math.inf)), body=STREAM, http_version="1.0")
    await stream.task
    assert stream.body.endswith(SSE_DONE)
    assert stream.headers["content-length"] == str(len(stream.body))
    assert stream.headers["connection"] == "close"


async def test_nothing_more_is_made_while_the_client_does_not_read(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    recorded = recording("a", [(0.0, "response.x", {"d": "x" * 60_000})] * 5)
    stream = call(server(recorded), body=STREAM)
    stream.room = asyncio.Semaphore(0)
    await settle()
    with_head = len(stream.writes)  # what left in one write with the head, which has been let through
    assert with_head <= 1
    for written in range(with_head, 5 + with_head):
        await settle()
        assert stream.writes == frames(recorded)[:written]
        stream.room.release()
    stream.leave()
    await stream.task


async def test_a_client_that_leaves_without_having_read_was_not_sent_the_rest(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    serving = server(recording("a", [(0.0, "response.x", {"d": "x" * 60_000})] * 9))
    stream = call(serving, body=STREAM)
    stream.room = asyncio.Semaphore(1)
    await settle()
    # As with a socket: it has closed, so what was held up goes on, and is dropped.
    stream.leave()
    for _ in range(20):
        stream.room.release()
    await stream.task
    (exchange,) = serving.journal
    assert exchange.ended == "client left"
    assert exchange.events < 9


async def test_what_is_overdue_because_the_client_did_not_read_follows_as_it_reads(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    stream = call(server(clock=clock), body=STREAM)
    await settle()
    stream.room = asyncio.Semaphore(0)
    for seconds in (1, 60):
        clock.advance(seconds)
        await settle()
        assert stream.writes == frames(recording())[:1]
    for _ in range(9):
        stream.room.release()
    await stream.task
    assert stream.writes == [frames(recording())[0], b"".join(frames(recording())[1:])]


async def test_an_answer_without_stream_leaves_at_the_moment_of_the_last_event(
    server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock(1000.0)
    serving = server(clock=clock)
    answer = call(serving, body={"model": "a"})
    for elapsed in (0.0, 1.0, 2.999):
        clock.advance(1000.0 + elapsed - clock.now())
        await settle()
        assert answer.sent == []
    clock.advance(0.001)
    await settle()
    assert answer.task.done()
    assert (answer.status, answer.json) == (200, {"id": "resp_1", "status": "completed"})
    (exchange,) = serving.journal
    assert (exchange.status, exchange.events, exchange.ended) == (200, 0, "")
    assert exchange.seconds == pytest.approx(3.0)


async def test_a_client_that_leaves_ends_the_wait_for_its_answer_at_once(
    server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    serving = server(clock=clock)
    answer = call(serving, body={"model": "a"})
    await settle()
    clock.advance(1)
    answer.leave()
    await settle()
    assert answer.task.done()
    assert clock.sleepers == 0
    assert answer.sent == []
    (exchange,) = serving.journal
    assert (exchange.status, exchange.recording, exchange.ended) == (None, "a", "client left")
    assert exchange.seconds == 1.0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_the_server_cancels_leaves_nothing_behind(
    stream: bool, server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    serving = server(clock=clock)
    answer = call(serving, body={"model": "a", "stream": stream})
    await settle()
    answer.task.cancel()
    await asyncio.wait([answer.task])
    assert clock.sleepers == 0
    assert len(serving.journal) == 1


async def test_a_stream_that_the_server_cuts_says_so_in_the_journal(
    server: Serve, call: Call, settle: Settle
) -> None:
    serving = server()
    stream = call(serving, body=STREAM)
    await settle()
    stream.task.cancel()
    await asyncio.wait([stream.task])
    assert [exchange.ended for exchange in serving.journal] == ["cut by the server"]


async def test_an_answer_that_the_server_cuts_says_so_in_the_journal(
    server: Serve, call: Call, settle: Settle
) -> None:
    serving = server()
    answer = call(serving, body={"model": "a"})
    await settle()
    answer.task.cancel()
    await asyncio.wait([answer.task])
    assert [exchange.ended for exchange in serving.journal] == ["cut by the server"]


def hundred(recording: Make) -> list[Recording]:
    """Recordings that differ in names, in times and in every event."""
    return [
        recording(f"r{n}", [(n / 64, "response.x", {"n": n, "i": i, "d": "x" * n * 100}) for i in range(9)])
        for n in range(100)
    ]


async def test_a_hundred_streams_at_once_do_not_disturb_each_other(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    recordings = hundred(recording)
    app = create_app(server(*recordings, clock=clock))
    streams = [call(app, body={"model": recorded.name, "stream": True}) for recorded in recordings]
    await settle()
    for tick in range(1, 15):
        clock.advance(1)
        await settle()
        for recorded, stream in zip(recordings, streams, strict=True):
            gap = recorded.events[0].gap or 0
            assert stream.body == b"".join(
                frame for place, frame in enumerate(frames(recorded), 1) if place * gap <= tick
            )
    assert all(stream.task.done() for stream in streams)


async def test_a_hundred_connections_at_once_get_each_their_own_bytes(
    recording: Make, store: Callable[..., Store], tmp_path: Path
) -> None:
    recordings = hundred(recording)
    store(*recordings)
    with running_server(tmp_path, pace=Pace(speed=100)) as running:
        async with httpx2.AsyncClient(timeout=60) as client:
            url = f"{running.base_url}/responses"
            answers = await asyncio.gather(
                *(client.post(url, json={"model": r.name, "stream": True}) for r in recordings)
            )
    assert [answer.content for answer in answers] == [b"".join(frames(r)) for r in recordings]


@contextmanager
def connection(running: RunningServer, body: object, path: str = "/v1/responses") -> Iterator[socket.socket]:
    """A socket on which a request has been sent, and nothing read."""
    content = json.dumps(body).encode()
    host, port = running.url.removeprefix("http://").split(":")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect((host, int(port)))
        sock.sendall(
            f"POST {path} HTTP/1.1\r\nhost: [::1]\r\ncontent-length: {len(content)}\r\n\r\n".encode()
            + content
        )
        yield sock


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """The exchanges that have begun, health checks as well."""
    begun: list[Exchange] = []

    def note(*args: Any, **more: Any) -> Exchange:
        begun.append(Exchange(*args, **more))
        return begun[-1]

    monkeypatch.setattr(edge, "Exchange", note)
    return begun


def stall(running: RunningServer, exchanges: list[Exchange], wait_for: WaitFor) -> Exchange:
    """Wait until the only stream goes no further, because its client does not read."""
    unchanged, events = 0, -1

    def stalled() -> bool:
        nonlocal unchanged, events
        sent = exchanges[0].events if exchanges else 0
        unchanged = unchanged + 1 if sent == events and sent else 0
        events = sent
        return unchanged == 50

    wait_for(running, stalled)
    return exchanges[0]


def test_a_client_that_reads_nothing_holds_the_stream_up_and_loses_nothing(
    recording: Make, store: Callable[..., Store], tmp_path: Path, exchanges: list[Exchange], wait_for: WaitFor
) -> None:
    recorded = recording("a", [(0.0, "response.x", {"n": n, "d": "x" * 20_000}) for n in range(1000)])
    store(recorded)
    with running_server(tmp_path, pace=Pace(speed=math.inf)) as running, connection(running, STREAM) as sock:
        stream = stall(running, exchanges, wait_for)
        # The kernel's buffers hold some megabytes of the 20; the server's own must not hold the rest.
        assert stream.events < 500
        assert stream.seconds is None
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.read() == b"".join(frames(recorded))
        wait_for(running, lambda: stream.seconds is not None)
        assert (stream.events, stream.ended) == (1000, "")


def test_a_client_that_closes_its_connection_ends_its_stream(
    store: Callable[..., Store], recording: Make, tmp_path: Path, wait_for: WaitFor
) -> None:
    clock = ManualClock()
    store(recording())
    with running_server(tmp_path, clock=clock) as running:
        with connection(running, STREAM) as sock:
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
            wait_for(running, lambda: clock.sleepers == 1)
        wait_for(running, lambda: clock.sleepers == 0)
        wait_for(running, lambda: any(e.ended == "client left" for e in running.server.journal))


def test_a_client_that_closes_its_connection_without_having_read_was_not_sent_the_rest(
    recording: Make,
    store: Callable[..., Store],
    tmp_path: Path,
    exchanges: list[Exchange],
    wait_for: WaitFor,
) -> None:
    store(recording("a", [(0.0, "response.x", {"d": "x" * 20_000})] * 1000))
    with running_server(tmp_path, pace=Pace(speed=math.inf)) as running:
        with connection(running, STREAM):
            stream = stall(running, exchanges, wait_for)
        wait_for(running, lambda: stream.seconds is not None)
    assert stream.ended == "client left"
    assert stream.events < 1000


def test_a_server_that_ends_closes_the_connection_of_a_client_that_does_not_read(
    recording: Make,
    store: Callable[..., Store],
    tmp_path: Path,
    exchanges: list[Exchange],
    wait_for: WaitFor,
) -> None:
    store(recording("a", [(0.0, "response.x", {"d": "x" * 20_000})] * 1000))
    with warnings.catch_warnings(record=True) as caught, ExitStack() as clients:
        warnings.simplefilter("always")
        with running_server(tmp_path, pace=Pace(speed=math.inf)) as running:
            clients.enter_context(connection(running, STREAM))
            stream = stall(running, exchanges, wait_for)
    assert stream.ended == "cut by the server"
    assert [str(warning.message) for warning in caught] == []


async def test_a_defect_after_the_head_cuts_the_stream_and_is_logged_once(
    server: Serve,
    call: Call,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    serving = server(clock=clock)
    stream = call(serving, body=STREAM)
    await settle()
    clock.advance(1)
    await settle()
    monkeypatch.setattr(Schedule, "chunk", lambda *_: 1 / 0)
    clock.advance(1)
    await stream.task
    assert len(stream.writes) == 1
    assert not stream.complete
    (error,) = [record for record in caplog.records if record.exc_info]
    assert error.getMessage().startswith("internal error in POST /v1/responses")
    (exchange,) = serving.journal
    assert (exchange.status, exchange.events, exchange.ended) == (200, 1, "cut by the server")


def test_a_defect_after_the_head_closes_the_connection(
    store: Callable[..., Store], recording: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(
        recording("a", [(0.0, "response.x", {"text": "x" * MAX_CHUNK})])
    )  # what is less leaves with the head
    monkeypatch.setattr(Schedule, "take", lambda *_: 1 / 0)
    with running_server(tmp_path, pace=Pace(speed=math.inf)) as running, connection(running, STREAM) as sock:
        response = http.client.HTTPResponse(sock)
        response.begin()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_a_server_ends_in_silence_while_streams_and_answers_are_open(
    store: Callable[..., Store],
    recording: Make,
    tmp_path: Path,
    wait_for: WaitFor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    store(recording())
    before = threading.active_count()
    with ExitStack() as clients:
        with running_server(tmp_path, clock=clock) as running:
            open_ = [clients.enter_context(connection(running, body)) for body in (STREAM, {"model": "a"})]
            wait_for(running, lambda: clock.sleepers == 2)
        assert threading.active_count() == before
        assert clock.sleepers == 0
        for sock in open_:
            while sock.recv(4096):
                pass
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("stopped_by_signal", [False, True])
def test_a_second_server_in_the_same_process_streams_whole(
    stopped_by_signal: bool,
    store: Callable[..., Store],
    recording: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: WaitFor,
) -> None:
    store(recording())
    clock = ManualClock()
    with ExitStack() as clients, running_server(tmp_path, clock=clock) as running:
        clients.enter_context(connection(running, STREAM))
        wait_for(running, lambda: clock.sleepers == 1)
    # What a signal leaves behind in the library: the flag is never taken back.
    monkeypatch.setattr(AppStatus, "should_exit", stopped_by_signal)
    with running_server(tmp_path, clock=clock) as running, connection(running, STREAM) as sock:
        wait_for(running, lambda: clock.sleepers == 1)
        for _ in range(3):
            clock.advance(1)
            wait_for(running, lambda: clock.sleepers == (clock.now() < 3))
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.read() == b"".join(frames(recording()))


def test_sigterm_ends_a_server_with_open_streams_and_no_traceback(
    store: Callable[..., Store], recording: Make, tmp_path: Path
) -> None:
    first = (0.0, "response.created", {"response": {}})
    store(recording("a", [first, (3600.0, "response.completed", {"response": {}})]))
    source_root = Path(respool.__file__).parents[1]
    command = [sys.executable, "-m", "respool", "serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source_root), "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert found
            running = RunningServer(found.group(), MockServer(Store([tmp_path])))
            with (
                connection(running, STREAM) as one,
                connection(running, STREAM) as two,
                connection(running, {"model": "a"}),
            ):
                for sock in (one, two):
                    received = b""
                    while b"response.created" not in received:
                        received += sock.recv(4096)
                process.send_signal(signal.SIGTERM)
                _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    lines = errors.splitlines()
    assert sum(line.endswith("(cut by the server)") for line in lines) >= 2
    assert all(re.fullmatch(r"[0-9:]{8} POST /v1/responses .*", line) for line in lines)
