"""What Respool uses of uvicorn, sse-starlette and Starlette though it is not documented: one test each.

A test that fails here means that a new version of the package has changed the property which the message
names. Adapt the module that the message names, or lower the package's bound in pyproject.toml.
"""

import asyncio
import inspect
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from respool.http import serving
from respool.http.heads import encoded_head
from respool.http.sending import checked_head, open_streams, playback_response, stream
from respool.http.sending.connection import SERVER_SEND, transport_of
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Renditions
from respool.play.session_clock import SessionClock
from respool.recordings.recording import Recording
from respool.server.delivery import Delivery
from respool.server.journal import Exchange

HEAD: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def chunk(body: bytes, more_body: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more_body}


class Answered:
    """A request to uvicorn that a test answers by hand."""

    cycle: Any
    connection: Any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.cycle = getattr(send, "__self__", None)
        self.over = asyncio.Event()
        await self.over.wait()


@pytest.fixture
def answering(call: Any, connections: Callable[..., Any]) -> Callable[..., Any]:
    """Open a connection to uvicorn without a socket, and send a request on it."""

    @asynccontextmanager
    async def opened(protocol: str = "httptools", *headers: tuple[str, str]) -> AsyncIterator[Answered]:
        answered = Answered()
        answered.connection = connections(call)[protocol](answered, headers=headers)
        await asyncio.sleep(0)
        await answered.receive()  # the request's body
        yield answered
        answered.connection.leave()
        answered.over.set()
        await answered.connection.task

    return opened


@pytest.fixture(params=["httptools", "h11"])
async def answered(request: pytest.FixtureRequest, answering: Callable[..., Any]) -> AsyncIterator[Answered]:
    async with answering(request.param) as made:
        yield made


def ends_without_waiting(coroutine: Any) -> bool:
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    coroutine.close()
    return False


async def few_rounds() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# uvicorn's cycle: sending/stream.py, sending/connection.py


async def test_uvicorns_send_is_a_method_of_a_cycle_of_a_known_module(answered: Answered) -> None:
    module = type(answered.cycle).__module__
    assert module in stream._CYCLES, f"uvicorn: `send` is of {module}, which sending/stream.py does not know"


@pytest.mark.parametrize("name", ["transport", "flow", "response_complete", "receive"])
async def test_uvicorns_cycle_has_what_we_use_of_it(answered: Answered, name: str) -> None:
    assert hasattr(answered.cycle, name), f"uvicorn: a cycle has no `{name}` (sending/stream.py)"


async def test_a_head_of_ours_is_what_uvicorn_writes(answering: Callable[..., Any]) -> None:
    answers = []
    for ours in (False, True):
        async with answering() as answered:
            answered.cycle.default_headers = [(b"date", b"today")]
            headers = [*encoded_head({"X-Own": "1"}), (b"x-request-id", b"req_1")]
            head = {"type": "http.response.start", "status": 200, "headers": headers}
            if ours:
                assert checked_head.write_head(answered.send, head), "uvicorn: see sending/checked_head.py"
            else:
                await answered.send(head)
            await answered.send(chunk(b"a"))
            await answered.send(chunk(b"", more_body=False))
            answers.append(b"".join(answered.connection.written))
    assert answers[0] == answers[1], "uvicorn: `send` begins an answer otherwise (sending/checked_head.py)"


async def test_a_whole_answer_of_ours_is_what_uvicorn_writes(answering: Callable[..., Any]) -> None:
    answers = []
    for ours in (False, True):
        async with answering() as answered:
            ended = []
            cycle = answered.cycle
            cycle.default_headers, cycle.on_response = [(b"date", b"today")], lambda: ended.append(1)  # noqa: B023
            head = {"type": "http.response.start", "status": 200, "headers": encoded_head({"X-Own": "1"})}
            if ours:
                head[checked_head.WHOLE] = b"a" * 20
                assert checked_head.write_head(answered.send, head), "uvicorn: see sending/checked_head.py"
            else:
                await answered.send(head)
                await answered.send(chunk(b"a" * 20, more_body=False))
            state = (cycle.response_started, cycle.response_complete, cycle.chunked_encoding, ended)
            written = b"".join(answered.connection.written)
            answers.append((written, state, await answered.receive()))
    assert answers[0] == answers[1], "uvicorn: `send` ends an answer otherwise (sending/checked_head.py)"


@pytest.mark.parametrize(
    "change",
    [
        {"keep_alive": False},
        {"disconnected": True},
        {"access_log": True},
        {"response_started": True},
        {"scope": {"method": "HEAD"}},
    ],
    ids=lambda change: str(*change),
)
async def test_another_head_is_left_to_uvicorn(
    answering: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    async with answering() as answered:
        with monkeypatch.context() as patched:
            for name, value in change.items():
                patched.setattr(answered.cycle, name, value)
            assert not checked_head.write_head(answered.send, {**HEAD})
        assert not checked_head.write_head(answered.send, {**HEAD, "status": 204})
        assert not answered.connection.written


async def test_a_head_below_h11_is_left_to_it(answering: Callable[..., Any]) -> None:
    async with answering("h11") as answered:
        assert not checked_head.write_head(answered.send, {**HEAD})


async def test_uvicorns_receive_is_a_method_of_the_same_cycle(answered: Answered) -> None:
    assert answered.receive == getattr(answered.cycle, "receive", None), (
        "uvicorn: a cycle's `receive` is not what the app gets (sending/stream.py)"
    )


async def test_uvicorns_cycle_has_the_connections_transport(answered: Answered) -> None:
    answered.scope[SERVER_SEND] = answered.send
    assert transport_of(answered.scope) is answered.connection, (
        "uvicorn: a cycle's `transport` is not the connection's (sending/connection.py, sending/stream.py)"
    )


async def test_uvicorns_cycle_writes_to_whatever_its_transport_is(answered: Answered) -> None:
    real = answered.cycle.transport
    answered.cycle.transport = together = stream._Together(real)
    await answered.send(HEAD)
    await answered.send(chunk(b"all", more_body=False))
    assert answered.connection.written == [], "uvicorn: `send` bypasses `cycle.transport` (sending/stream.py)"
    answered.cycle.transport = real
    together.flush()
    (written,) = answered.connection.written
    assert written.startswith(b"HTTP/1.1 200 "), (
        "uvicorn: the head is not the first write (sending/stream.py)"
    )
    assert answered.connection.body == b"all"


async def test_uvicorns_cycle_closes_a_connection_through_its_transport(
    answering: Callable[..., Any],
) -> None:
    async with answering("httptools", ("connection", "close")) as answered:
        answered.cycle.transport = stream._Together(answered.cycle.transport)
        await answered.send(HEAD)
        await answered.send(chunk(b"all", more_body=False))
        assert answered.connection.closed, (
            "uvicorn: `send` does not use `transport.close` (sending/stream.py)"
        )
        assert answered.connection.body == b"all"


async def test_uvicorns_cycle_tells_when_the_answer_is_complete(answered: Answered) -> None:
    seen = [answered.cycle.response_complete]
    for message in (HEAD, chunk(b"a"), chunk(b"b", more_body=False)):
        await answered.send(message)
        seen.append(answered.cycle.response_complete)
    assert seen == [False, False, False, True], "uvicorn: `response_complete` has changed (sending/stream.py)"


async def test_uvicorns_receive_returns_when_the_answer_is_complete(answered: Answered) -> None:
    async def receive() -> Message:
        return await answered.receive()

    receiving = asyncio.create_task(receive())
    await answered.send(HEAD)
    await few_rounds()
    assert not receiving.done(), "uvicorn: `receive` returns before anything has happened (sending/stream.py)"
    await answered.send(chunk(b"", more_body=False))
    await few_rounds()
    assert receiving.done(), "uvicorn: `receive` does not return at the answer's end (sending/stream.py)"
    assert receiving.result() == {"type": "http.disconnect"}


async def test_uvicorns_send_does_not_wait_while_the_connection_has_room(answered: Answered) -> None:
    for message in (HEAD, chunk(b"a"), chunk(b"b", more_body=False)):
        assert ends_without_waiting(answered.send(message)), (
            f"uvicorn: `send` of {message['type']} waits though there is room (sending/stream.py)"
        )


async def test_uvicorns_flow_tells_whether_the_connection_has_room(answered: Answered) -> None:
    flow = answered.cycle.flow
    seen = [flow.write_paused]
    answered.connection.protocol.pause_writing()
    seen.append(flow.write_paused)
    answered.connection.protocol.resume_writing()
    seen.append(flow.write_paused)
    assert seen == [False, True, False], "uvicorn: `flow.write_paused` has changed (sending/stream.py)"


async def test_uvicorns_flow_drains_when_the_connection_has_room_again(answered: Answered) -> None:
    answered.connection.protocol.pause_writing()
    draining = asyncio.create_task(answered.cycle.flow.drain())
    await few_rounds()
    assert not draining.done(), "uvicorn: `flow.drain` does not wait for room (sending/stream.py)"
    answered.connection.protocol.resume_writing()
    await few_rounds()
    assert draining.done(), "uvicorn: `flow.drain` does not return when there is room (sending/stream.py)"


@pytest.mark.parametrize(("headers", "chunked"), [((), True), (((b"content-length", b"2"),), False)])
async def test_httptools_cycle_tells_whether_the_body_is_chunked(
    answering: Callable[..., Any], headers: Any, chunked: bool
) -> None:
    async with answering() as answered:
        await answered.send({**HEAD, "headers": headers})
        assert getattr(answered.cycle, "chunked_encoding", None) is chunked, (
            "uvicorn: `chunked_encoding` has changed (sending/stream.py)"
        )


async def test_httptools_send_does_nothing_for_a_chunk_but_write_it(answering: Callable[..., Any]) -> None:
    async with answering() as answered:
        await answered.send(HEAD)
        before = dict(vars(answered.cycle))
        await answered.send(chunk(b"twelve bytes"))
        assert answered.connection.written[-1] == b"c\r\ntwelve bytes\r\n", (
            "uvicorn: `send` writes a chunk in another form than sending/stream.py does"
        )
        assert vars(answered.cycle) == before, (
            "uvicorn: `send` keeps an account of chunks (sending/stream.py)"
        )


# uvicorn's server: http/serving.py, testing.py


async def never_answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await asyncio.Event().wait()


@asynccontextmanager
async def served(server: uvicorn.Server) -> AsyncIterator[asyncio.StreamReader]:
    """Run a server until the block ends, with one request on it that gets no answer."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        running = asyncio.create_task(server._serve([sock]))
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        try:
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            async with asyncio.timeout(30):
                while not server.server_state.tasks:
                    await asyncio.sleep(0)
            yield reader
        finally:
            server.should_exit = True
            await running
            writer.close()


async def test_uvicorns_server_starts_by_startup_and_tells_it() -> None:
    seen: list[bool] = []
    server = serving.uvicorn_server(never_answer, 0, lambda: seen.append(server.started))
    assert not server.started
    async with served(server):
        assert seen == [True], (
            "uvicorn: Server.startup or `started` has changed (http/serving.py, testing.py)"
        )


async def test_uvicorns_server_knows_the_transports_of_its_connections() -> None:
    server = serving.uvicorn_server(never_answer, 0)
    async with served(server):
        (connection,) = server.server_state.connections
        assert callable(getattr(getattr(connection, "transport", None), "abort", None)), (
            "uvicorn: the connections of `server_state` have no transport to abort (http/serving.py)"
        )


async def test_uvicorns_server_ends_by_shutdown_when_it_should_exit() -> None:
    server = serving.uvicorn_server(never_answer, 0)
    async with served(server) as reader:
        pass
    assert await reader.read() == b"", "uvicorn: Server.shutdown has changed (http/serving.py)"


@pytest.fixture
def log_of_uvicorn() -> Iterator[list[logging.LogRecord]]:
    """What uvicorn logs, before our own filter hides some of it."""
    records: list[logging.LogRecord] = []

    def note(record: logging.LogRecord) -> bool:
        records.append(record)
        return True

    logger = logging.getLogger("uvicorn.error")
    logger.filters.insert(0, note)
    yield records
    logger.removeFilter(note)


def assert_hidden(records: list[logging.LogRecord], start: str) -> None:
    found = [record for record in records if record.getMessage().startswith(start)]
    seen = [record.getMessage() for record in records]
    assert found, f"uvicorn: no line of `uvicorn.error` begins with {start!r} (http/serving.py), but {seen}"
    assert not any(serving._is_news(record) for record in found)


async def test_uvicorn_logs_an_upgrade_in_known_words(
    answering: Callable[..., Any], log_of_uvicorn: list[logging.LogRecord]
) -> None:
    async with answering("httptools", ("connection", "upgrade"), ("upgrade", "h2c")):
        assert_hidden(log_of_uvicorn, "Unsupported upgrade")


async def test_uvicorn_logs_a_cut_answer_in_known_words(
    call: Any, connections: Callable[..., Any], log_of_uvicorn: list[logging.LogRecord]
) -> None:
    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        await send(HEAD)

    await connections(call)["httptools"](cut).task
    assert_hidden(log_of_uvicorn, "ASGI callable returned without completing")


async def test_uvicorn_logs_what_it_cancels_at_its_end_in_known_words(
    log_of_uvicorn: list[logging.LogRecord],
) -> None:
    async with served(serving.uvicorn_server(never_answer, 0)):
        pass
    assert_hidden(log_of_uvicorn, "Cancel ")


# sse-starlette: sending/open_streams.py, http/serving.py, sending/playback_response.py


@pytest.fixture
def server_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppStatus, "should_exit", False)


@pytest.mark.usefixtures("server_is_running")
def test_sse_starlette_hears_of_the_signal_that_uvicorn_gets() -> None:
    server = serving.uvicorn_server(never_answer)
    server.handle_exit(signal.SIGTERM, None)
    assert AppStatus.should_exit is True, (
        "sse-starlette: `AppStatus.should_exit` is not set by uvicorn's handle_exit (http/serving.py)"
    )


@pytest.mark.usefixtures("server_is_running")
async def test_sse_starlette_tells_of_the_end_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_streams._server_ends is EventSourceResponse._listen_for_exit_signal
    assert not inspect.signature(open_streams._server_ends).parameters, (
        "sse-starlette: `_listen_for_exit_signal` is no static method any more (sending/open_streams.py)"
    )
    waiting = asyncio.create_task(open_streams._server_ends())
    await few_rounds()
    assert not waiting.done(), (
        "sse-starlette: `_listen_for_exit_signal` does not wait (sending/open_streams.py)"
    )
    waiting.cancel()
    monkeypatch.setattr(AppStatus, "should_exit", True)
    assert ends_without_waiting(open_streams._server_ends()), (
        "sse-starlette: `_listen_for_exit_signal` does not read `should_exit` (sending/open_streams.py)"
    )


async def parts() -> AsyncIterator[bytes]:
    yield b"data: a\r\n\n"
    yield b"\x00: b"


async def sent_by(response: Response, receive: Receive | None = None) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def wait() -> Message:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    await response({"type": "http", "method": "POST"}, receive or wait, send)
    return sent


async def test_sse_starlette_sends_each_chunk_by_the_method_that_we_replace() -> None:
    by_it: list[bytes] = []

    class Noting(EventSourceResponse):
        async def _send_with_timeout(self, send: Send, message: Message) -> None:
            by_it.append(message["body"])
            await send(message)

    await sent_by(Noting(parts(), ping=0, sep="\n"))
    assert by_it == [b"data: a\r\n\n", b"\x00: b"], (
        "sse-starlette: chunks do not leave by `_send_with_timeout` (sending/playback_response.py)"
    )
    assert "_send_with_timeout" in vars(playback_response._LibraryResponse)


async def test_sse_starlette_sends_bytes_and_raw_headers_as_they_are() -> None:
    response = playback_response._LibraryResponse(parts(), 201, ping=0, sep="\n")
    response.raw_headers = [(b"x-own", b"1")]
    head, *body = await sent_by(response)
    assert (head["status"], head["headers"]) == (201, [(b"x-own", b"1")]), (
        "sse-starlette: `raw_headers` are not what is sent (sending/playback_response.py)"
    )
    assert b"".join(message["body"] for message in body) == b"data: a\r\n\n\x00: b", (
        "sse-starlette: the bytes of a chunk are changed (sending/playback_response.py)"
    )


@pytest.fixture
def playing(recording: Callable[..., Recording]) -> Response:
    playback = Playback(recording(), Renditions(Pace()), 0.0)
    delivery = Delivery(playback, SessionClock(ManualClock()), Exchange("POST", "/", 0.0))
    return playback_response.PlaybackResponse(delivery, encoded_head({"x-own": "1"}))


async def test_sse_starlette_gives_an_answer_the_headers_that_we_give(playing: Response) -> None:
    theirs = EventSourceResponse(parts()).raw_headers
    assert sorted(playing.raw_headers) == sorted([*theirs, (b"x-own", b"1")]), (
        "sse-starlette: EventSourceResponse has other headers (sending/playback_response.py)"
    )


def test_starlettes_headers_of_a_response_are_a_view_of_raw_headers(playing: Response) -> None:
    playing.headers["content-length"] = "3"
    assert (b"content-length", b"3") in playing.raw_headers, (
        "starlette: `Response.headers` is no view of `raw_headers` (sending/playback_response.py)"
    )
