"""What the tests of the HTTP floor need: a call through uvicorn's own protocols, without a socket."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from memory_transport import MemoryTransport
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from respool.http import create_app
from respool.server.mock_server import MockServer

STATES = ("memory", "fakeredis", "redis")
# The modules that are run with each kind of state, besides those that say so themselves (test_stored,
# test_conversations, test_websocket). Left out are modules that show nothing of what is remembered: the times
# and bytes of sending (sending/, which has a server without HTTP around it), uvicorn's limits and private
# parts, keys, hosts, profiles, page files; and test_live_streams, whose clocks are auto and whose ids are
# those of one process: for several servers, tests/server/state/test_processes.py has the same.
EVERY_STATE = frozenset(
    "test_responses test_app test_edge test_matching test_models test_tokens test_requests test_sessions "
    "test_stubs test_faults test_verify test_recordings test_timelines".split()
)
# Single tests of those that have the state in memory only, and why.
LEFT_OUT = {
    name: why
    for why, names in {
        "they look into the sessions of the server, which with a store are there for one decision only": (
            "test_a_reset_is_of_one_session test_a_session_is_not_begun_by_being_looked_at "
            "test_the_items_of_a_conversation_count_as_well "
            "test_the_response_that_is_continued_counts_as_well "
            "test_a_session_plays_what_it_is_told_until_it_is_reset "
            "test_a_reset_of_a_session_that_is_not_there_says_so"
        ),
        "they expect requests to be numbered from 1; with a store, numbers are times": (
            "test_requests_are_listed_by_conditions test_requests_come_in_pages "
            "test_a_request_is_shown_whole_without_its_secrets test_a_request_is_found_by_its_request_id "
            "test_one_that_nothing_answered_says_why test_any_body_is_shown_within_bounds "
            "test_the_requests_of_one_session_are_forgotten test_to_forget_requests_a_session_must_be_named "
            "test_what_has_come_is_not_waited_for"
        ),
        "they call the app without its start and end, or count what runs beside it": (
            "test_create_is_answered_as_it_would_be_through_all_layers "
            "test_the_life_of_the_server_is_no_request "
            "test_a_layer_that_someone_adds_is_passed_by_every_request "
            "test_the_app_answers_where_it_is_mounted_in_another_one "
            "test_the_processing_time_is_the_time_until_the_head_leaves "
            "test_a_header_that_is_not_utf_8_names_nothing test_a_wait_ends_when_its_client_leaves "
            "test_a_wait_ends_when_the_request_comes_that_it_waits_for "
            "test_only_so_many_wait_at_once test_the_watch_ends_with_the_server"
        ),
        "a store counts responses by their ids, of which two plays have one": (
            "test_sessions_are_listed_with_what_they_hold"
        ),
        "it expects an answer that has no word of a store": (
            "test_health_counts_what_is_served_and_what_is_refused"
        ),
    }.items()
    for name in names.split()
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module with each kind of state."""
    name = metafunc.module.__name__.rpartition(".")[2]
    if (
        name in EVERY_STATE
        and "state" in metafunc.fixturenames
        and metafunc.definition.originalname not in LEFT_OUT
    ):
        metafunc.parametrize("state", STATES, indirect=True)


@pytest.fixture(autouse=True)
def started(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the state is shared, have each `TestClient` start its app, which begins to use the store."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if parameters.get("state", "memory") == "memory":
        yield
        return
    made, enter, leave = TestClient.__init__, TestClient.__enter__, TestClient.__exit__
    with ExitStack() as stack:

        def make(self: TestClient, *arguments: Any, **options: Any) -> None:
            made(self, *arguments, **options)
            enter(self)
            stack.callback(leave, self)

        # A test may enter it once more.
        monkeypatch.setattr(TestClient, "__init__", make)
        monkeypatch.setattr(TestClient, "__enter__", lambda self: self)
        monkeypatch.setattr(TestClient, "__exit__", lambda *_: None)
        yield


PROTOCOLS = {"httptools": HttpToolsProtocol, "h11": H11Protocol}


class Room:
    """How many writes more the client takes, as a semaphore has it."""

    def __init__(self, connection: "Connection", free: int) -> None:
        self.connection = connection
        self.free = free

    def take(self) -> None:
        self.free -= 1
        if self.free < 0:
            self.connection.protocol.pause_writing()

    def release(self) -> None:
        self.free += 1
        if self.free >= 0:
            self.connection.protocol.resume_writing()


class Connection(MemoryTransport):
    """One request on a connection of uvicorn's, seen as `Call` shows a call of an ASGI app.

    It is the connection's transport as well: what uvicorn writes is in `written`.
    """

    implementation = "httptools"

    def __init__(
        self,
        app: ASGIApp | MockServer,
        path: str = "/v1/responses",
        body: object = None,
        *,
        headers: Any = (),
        more_body: bool = False,
        http_version: str = "1.1",
        method: str = "POST",
        query_string: bytes = b"",
    ) -> None:
        super().__init__()
        self.room = asyncio.Semaphore(1_000_000)
        app = create_app(app) if isinstance(app, MockServer) else app
        config = Config(
            app, log_config=None, access_log=False, server_header=False, date_header=False, ws="none"
        )
        config.load()
        state = ServerState()
        self.protocol: Any = PROTOCOLS[self.implementation](config, state, {}, asyncio.get_running_loop())
        self.protocol.connection_made(self)
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        length = b"transfer-encoding: chunked" if more_body else b"content-length: %d" % len(content)
        target = f"{path}?{query_string.decode()}" if query_string else path
        lines = [f"{method} {target} HTTP/{http_version}".encode(), b"host: localhost", length]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
        self.protocol.data_received(b"\r\n".join([*lines, b"", b""]))
        self._chunked = more_body
        self.upload(content, more_body)
        (self.task,) = state.tasks

    def upload(self, content: bytes, more_body: bool = False) -> None:
        if self._chunked:
            content = b"%x\r\n%b\r\n" % (len(content), content) + (b"" if more_body else b"0\r\n\r\n")
        self.protocol.data_received(content)

    def leave(self) -> None:
        self.closed = True
        self.protocol.connection_lost(None)

    @property
    def room(self) -> Room:
        return self._room

    @room.setter
    def room(self, semaphore: asyncio.Semaphore) -> None:
        self._room = Room(self, semaphore._value)

    def write(self, data: bytes) -> None:
        super().write(data)
        self.room.take()

    @property
    def sent(self) -> list[Message]:
        """What was written, as the ASGI messages that it comes from."""
        if not self.written:
            return []
        head, _, rest_of_first = self.written[0].partition(b"\r\n\r\n")
        status, *fields = head.split(b"\r\n")
        headers = [(name.lower(), value) for name, value in (field.split(b": ", 1) for field in fields)]
        start = {"type": "http.response.start", "status": int(status.split()[1]), "headers": headers}
        writes = [rest_of_first, *self.written[1:]] if rest_of_first else self.written[1:]
        if length := dict(headers).get(b"content-length"):
            rest = int(length)
            bodies = [(data, (rest := rest - len(data)) > 0) for data in writes]
        else:
            bodies = [_unchunked(data) for data in writes]
        return [start, *({"body": data, "more_body": more} for data, more in bodies)]


class H11Connection(Connection):
    implementation = "h11"


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    """The content of whole chunks, and whether more follow."""
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            assert data == b"\r\n"
            return content, False
        content += data[: int(size, 16)]
        assert data[int(size, 16) :][:2] == b"\r\n"
        data = data[int(size, 16) + 2 :]
    return content, True


@pytest.fixture(scope="session")
def connections() -> Callable[[type], dict[str, type]]:
    """Calls through uvicorn's protocols, by the protocol's name; they show the answer as that class does."""

    def like(call: type) -> dict[str, type]:
        for name in ("status", "headers", "writes", "body", "json", "complete"):
            setattr(Connection, name, vars(call)[name])
        return {"httptools": Connection, "h11": H11Connection}

    return like
