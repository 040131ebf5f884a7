"""The client's end of a WebSocket: text frames that leave together, and whether it has room for more.

With uvicorn's own protocol frames are written by ourselves, from a callback and in one write; with any other
ASGI server by its `send`, one after the other. That of uvicorn leans on these properties, each of which
`tests/http/test_private_parts_of_sockets.py` has a test of:

 1. `send` is a method of the protocol, which has `conn`, `transport`, `writable`, `disconnected` and
    `close_sent`;
 2. `conn` is the `ServerProtocol` of `websockets`: `send_text`, `send_ping`, `data_to_send`, `extensions`;
 3. without extensions a text frame is what RFC 6455, 5.2 says of an unmasked one, and nothing counts them.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from starlette.types import Send

from respool.http.sending.outbox import OutboxSender, outbox, write_all
from respool.play.clock import Clock

_UVICORN = "uvicorn.protocols.websockets.websockets_sansio_impl"


class SocketLine(Protocol):
    """What a `SocketDriver` writes to. What is written after the end is dropped."""

    @property
    def writable(self) -> bool:
        """Whether there is room for more."""
        ...

    def write(self, texts: Sequence[str]) -> None:
        """Send text frames. Call it while there is room."""
        ...

    def write_soon(self, texts: Sequence[str], clock: Clock, sender: OutboxSender) -> bool:
        """Send text frames with those of the other streams that are due at this moment, and return True; if
        there is no room, False. `sender` is notified of an error."""
        ...

    def ping(self) -> None:
        """Send a ping, where the server can."""
        ...

    async def wait_for_room(self) -> None:
        """Wait until there is room, or the connection is gone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, after all that was written."""
        ...


def line_of(server_send: Send | None, send: Send) -> SocketLine:
    """Return the line of a connection that was accepted; `server_send` is the server's own `send`."""
    protocol = getattr(server_send, "__self__", None)
    uvicorn = any(base.__module__ == _UVICORN for base in type(protocol).__mro__)
    return UvicornLine(protocol, send) if uvicorn else ASGILine(send)


class UvicornLine:
    """Through uvicorn's protocol; see the module."""

    __slots__ = ("_parts", "_plain", "_protocol", "_send", "_transport", "_writable")

    def __init__(self, protocol: Any, send: Send) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._writable: asyncio.Event = protocol.writable
        self._plain = not protocol.conn.extensions
        self._send = send
        self._parts = outbox.parts

    @property
    def writable(self) -> bool:
        return self._writable.is_set()

    def write(self, texts: Sequence[str]) -> None:
        if not self._over:
            self._transport.write(self._frames(texts))

    def write_soon(self, texts: Sequence[str], clock: Clock, sender: OutboxSender) -> bool:
        if not self._writable.is_set():
            return False
        if self._protocol.close_sent or self._transport.is_closing():
            return True  # to nobody
        plain = len(texts) == 1 and self._plain  # most are
        data = text_frame(texts[0]) if plain else self._frames(texts)
        parts = self._parts
        parts.append((self._transport, data, sender))
        if len(parts) == 1:
            clock.after_turn(write_all)
        return True

    @property
    def _over(self) -> bool:
        """Whether nothing can be sent any more, after what was to be sent soon."""
        if self._parts:
            write_all()
        protocol = self._protocol
        return bool(protocol.disconnected or protocol.close_sent or self._transport.is_closing())

    def _frames(self, texts: Sequence[str]) -> bytes:
        conn = self._protocol.conn
        if self._plain:
            return b"".join([text_frame(text) for text in texts])
        for text in texts:
            conn.send_text(text.encode("utf-8", "replace"))
        return b"".join(conn.data_to_send())

    def ping(self) -> None:
        if not self._over:
            protocol = self._protocol
            protocol.conn.send_ping(b"")
            self._transport.write(b"".join(protocol.conn.data_to_send()))

    async def wait_for_room(self) -> None:
        await self._writable.wait()

    async def close(self, code: int, reason: str) -> None:
        if self._over:
            return
        if not _sendable(code):
            self._transport.close()  # what was written still leaves, then FIN
        else:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class ASGILine:
    """Through the `send` of any server."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._gone = False

    @property
    def writable(self) -> bool:
        return self._task is None

    def write(self, texts: Sequence[str]) -> None:
        if not self._gone:
            self._task = asyncio.get_running_loop().create_task(self._write(list(texts)))

    def write_soon(self, texts: Sequence[str], clock: Clock, sender: OutboxSender) -> bool:
        if self.writable:
            self.write(texts)
            return True
        return False

    async def _write(self, texts: Sequence[str]) -> None:
        try:
            for text in texts:
                await self._send({"type": "websocket.send", "text": text})
        except Exception:  # the client has left: each server has its own exception for that
            self._gone = True
        self._task = None

    def ping(self) -> None:
        """ASGI has no pings: the server's own must do."""

    async def wait_for_room(self) -> None:
        if self._task:
            await self._task

    async def close(self, code: int, reason: str) -> None:
        await self.wait_for_room()
        if not self._gone:
            code = code if _sendable(code) else 1011  # ASGI cannot break a connection: that is the nearest
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        self._gone = True


def _sendable(code: int) -> bool:
    """Return True if a close frame may have this code. Source: RFC 6455, section 7.4, and IANA's registry."""
    return code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999


def text_frame(text: str) -> bytes:
    """Return an unmasked text frame. Source: RFC 6455, section 5.2."""
    data = text.encode("utf-8", "replace")
    size = len(data)
    if size < 126:
        return b"\x81%c%b" % (size, data)
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), data)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), data)
