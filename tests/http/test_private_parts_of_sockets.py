"""What sending/socket_line.py uses of uvicorn's and of `websockets`' private parts: one test each.

A test that fails here means that a new version of the package has changed the property which the message
names. Adapt that module, or lower the package's bound in pyproject.toml.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from memory_transport import MemoryTransport
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from respool.http import serving
from respool.http.sending import socket_line
from respool.http.sending.socket_line import UvicornLine, line_of, text_frame

MODULE = "(sending/socket_line.py)"


class Accepted:
    """A connection that was accepted, and that a test uses by hand."""

    protocol: Any
    client: ClientProtocol
    transport: MemoryTransport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.send, self.receive = send, receive
        await receive()
        await send({"type": "websocket.accept"})
        self.over = asyncio.Event()
        await self.over.wait()

    def received(self) -> list[Any]:
        """What the client has got since it was last asked."""
        self.client.receive_data(b"".join(self.transport.written))
        self.transport.written.clear()
        return list(self.client.events_received())

    def tell(self) -> None:
        """The client's frames arrive."""
        self.protocol.data_received(b"".join(self.client.data_to_send()))


Accept = Callable[..., Any]


@pytest.fixture
def accept() -> Accept:
    """Open a WebSocket of uvicorn's, as Respool configures it, without a socket."""

    @asynccontextmanager
    async def opened(*, compressed: bool = False) -> AsyncIterator[Accepted]:
        made = Accepted()
        config = serving.uvicorn_server(made, 0).config
        config.load()
        state = ServerState()
        assert config.ws_protocol_class
        made.protocol = config.ws_protocol_class(config, state, {}, asyncio.get_running_loop())  # type: ignore
        made.transport = MemoryTransport()
        made.protocol.connection_made(made.transport)
        offered = [ClientPerMessageDeflateFactory()] if compressed else None
        made.client = ClientProtocol(parse_uri("ws://localhost/"), extensions=offered)
        made.client.send_request(made.client.connect())
        made.tell()
        while not made.transport.written:
            await asyncio.sleep(0)
        made.received()
        yield made
        made.over.set()
        if not made.transport.closed:
            made.protocol.connection_lost(None)
        await asyncio.gather(*state.tasks)

    return opened


async def test_uvicorns_send_is_a_method_of_a_protocol_of_a_known_module(accept: Accept) -> None:
    async with accept() as accepted:
        assert getattr(accepted.send, "__self__", None) is accepted.protocol, (
            f"uvicorn: `send` is no method of the protocol {MODULE}"
        )
        assert socket_line._UVICORN in (base.__module__ for base in type(accepted.protocol).__mro__), (
            f"uvicorn: another implementation of WebSocket {MODULE}"
        )
        assert isinstance(line_of(accepted.send, accepted.send), UvicornLine)


async def test_the_protocol_has_the_connections_transport(accept: Accept) -> None:
    async with accept() as accepted:
        assert getattr(accepted.protocol, "transport", None) is accepted.transport, (
            f"uvicorn: the protocol has no `transport` {MODULE}"
        )


async def test_the_protocol_tells_whether_the_connection_has_room(accept: Accept) -> None:
    async with accept() as accepted:
        writable = accepted.protocol.writable
        seen = [writable.is_set()]
        accepted.protocol.pause_writing()
        seen.append(writable.is_set())
        waiting = asyncio.create_task(writable.wait())
        await asyncio.sleep(0)
        seen.append(waiting.done())
        accepted.protocol.resume_writing()
        await asyncio.sleep(0)
        seen += [writable.is_set(), waiting.done()]
        assert seen == [True, False, False, True, True], f"uvicorn: `writable` has changed {MODULE}"


async def test_the_protocol_wakes_who_waits_for_room_when_the_client_is_gone(accept: Accept) -> None:
    async with accept() as accepted:
        accepted.protocol.pause_writing()
        accepted.transport.closed = True
        accepted.protocol.connection_lost(None)
        assert accepted.protocol.writable.is_set(), (
            f"uvicorn: `writable` stays unset when the connection is lost {MODULE}"
        )


async def test_the_protocol_tells_when_the_connection_is_lost(accept: Accept) -> None:
    async with accept() as accepted:
        before = accepted.protocol.disconnected
        accepted.transport.closed = True
        accepted.protocol.connection_lost(None)
        assert (before, accepted.protocol.disconnected) == (False, True), (
            f"uvicorn: `disconnected` has changed {MODULE}"
        )


async def test_the_protocol_tells_when_a_close_was_sent(accept: Accept) -> None:
    async with accept() as accepted:
        before = accepted.protocol.close_sent
        await accepted.send({"type": "websocket.close", "code": 1000})
        assert (before, accepted.protocol.close_sent) == (False, True), (
            f"uvicorn: `close_sent` has changed {MODULE}"
        )
        accepted.received()
        accepted.tell()  # the client's own close, which ends it


async def test_conn_is_websockets_protocol_of_a_server(accept: Accept) -> None:
    async with accept() as accepted:
        assert isinstance(accepted.protocol.conn, ServerProtocol), (
            f"uvicorn: `conn` is no ServerProtocol of websockets {MODULE}"
        )


@pytest.mark.parametrize("compressed", [True, False])
async def test_conn_tells_which_extensions_are_in_use(compressed: bool, accept: Accept) -> None:
    async with accept(compressed=compressed) as accepted:
        assert bool(accepted.protocol.conn.extensions) is compressed, (
            f"websockets: `extensions` has changed {MODULE}"
        )


async def test_conn_gives_what_is_to_be_written(accept: Accept) -> None:
    async with accept(compressed=True) as accepted:
        conn = accepted.protocol.conn
        conn.send_text(b"one" * 100)
        conn.send_text("zwölf".encode())
        data = conn.data_to_send()
        assert all(isinstance(part, bytes) for part in data), f"websockets: `data_to_send` {MODULE}"
        assert conn.data_to_send() == [], f"websockets: `data_to_send` gives the same twice {MODULE}"
        accepted.transport.write(b"".join(data))
        frames = accepted.received()
        assert [(frame.opcode, frame.data.decode()) for frame in frames] == [
            (Opcode.TEXT, "one" * 100),
            (Opcode.TEXT, "zwölf"),
        ], f"websockets: `send_text` has changed {MODULE}"


SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70_000]


@pytest.mark.parametrize("size", SIZES)
async def test_without_extensions_a_frame_is_the_one_that_we_write(size: int, accept: Accept) -> None:
    async with accept() as accepted:
        conn = accepted.protocol.conn
        conn.send_text(b"x" * size)
        assert b"".join(conn.data_to_send()) == text_frame("x" * size), (
            f"websockets: `send_text` writes a frame in another form than `text_frame` {MODULE}"
        )


async def test_without_extensions_nothing_counts_the_frames_that_are_sent(accept: Accept) -> None:
    async with accept() as accepted:
        conn, protocol = accepted.protocol.conn, accepted.protocol
        before = _known(conn), _known(protocol)
        conn.send_text(b"x" * 1000)
        conn.data_to_send()
        assert (_known(conn), _known(protocol)) == before, f"websockets: frames are counted {MODULE}"


def _known(of: object) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(of).items()}


async def test_a_ping_leaves_by_send_ping_and_its_answer_is_passed_over(accept: Accept) -> None:
    async with accept() as accepted:
        line = line_of(accepted.send, accepted.send)
        line.ping()
        assert [frame.opcode for frame in accepted.received()] == [Opcode.PING], (
            f"websockets: `send_ping` has changed {MODULE}"
        )
        accepted.tell()  # the pong
        line.write(("after",))
        assert [frame.data for frame in accepted.received()] == [b"after"], (
            f"uvicorn: a pong that answers none of its own pings breaks the connection {MODULE}"
        )


async def test_what_is_written_after_the_end_is_dropped(accept: Accept) -> None:
    async with accept() as accepted:
        line = line_of(accepted.send, accepted.send)
        accepted.transport.closed = True
        line.write(("late",))
        line.ping()
        assert not accepted.transport.written
        accepted.protocol.connection_lost(None)
