"""HTTP/1.1 to an upstream, for streams: one read is forwarded in one write, some microseconds later.

The client of a library costs several times as much for each event as everything else in the relay.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import httptools

_IDLE = 5.0  # seconds for which an idle connection is kept; servers close it after a similar time
_MOST_IDLE = 100
_MOST_WAITING = 256 * 1024  # bytes that wait for a slow client before the upstream has to


class Broken(Exception):
    """The connection ended before the answer did. `reset` is True if it was reset."""

    def __init__(self, reset: bool) -> None:
        self.reset = reset
        super().__init__("connection reset by peer" if reset else "connection closed by peer")


class Connection(asyncio.Protocol):
    """One connection, and its current answer."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._lost: Broken | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._headed = False
        self.complete = False
        self._parts: list[bytes] = []  # not yet read
        self._waiting = 0
        self._paused = False
        self._wake: asyncio.Future[None] | None = None

    def send(self, data: bytes) -> None:
        """Send a request. Read the answer to the one before first."""
        self._begin()
        assert self.transport is not None
        self.transport.write(data)

    async def head(self) -> None:
        """Wait for the head of the answer. Raise Broken."""
        while not self._headed:
            if self._lost:
                raise self._lost
            await self._sleep()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they come. Raise Broken."""
        while True:
            if self._parts:
                data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self._waiting = 0
                if self._paused and self.transport is not None:
                    self._paused = False
                    self.transport.resume_reading()
                yield data
            elif self.complete:
                return
            elif self._lost:
                raise self._lost
            else:
                await self._sleep()

    async def _sleep(self) -> None:
        self._wake = asyncio.get_running_loop().create_future()
        await self._wake

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._lost = self._lost or Broken(reset=False)
            if self.transport is not None:
                self.transport.abort()
        if self._waiting > _MOST_WAITING and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._notify()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = self._lost or Broken(reset=error is not None)
        names = {name.lower() for name, _ in self.headers}
        if self._headed and error is None and not names & {b"content-length", b"transfer-encoding"}:
            self.complete = True  # such a body ends with the connection
        self._notify()

    # Called by the parser.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._headed = True
        else:  # an interim answer
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._waiting += len(body)

    def on_message_complete(self) -> None:
        self.complete = self._headed

    @property
    def reusable(self) -> bool:
        """True if another request can be sent."""
        return (
            self.complete
            and self._lost is None
            and self.transport is not None
            and not self.transport.is_closing()
            and self._parser.should_keep_alive()
        )


@dataclass(slots=True)
class Connections:
    """The connections to one server. Idle connections are reused."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    timeout: float = 15.0  # seconds, to connect
    _idle: list[Connection] = field(default_factory=list)

    async def send(
        self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Connection:
        """Send a request; return when the head of its answer has come.

        Raise OSError, such as TimeoutError, if there is no connection, and Broken."""
        connection = self._take() or await self._connect()
        head = [b"%b %b HTTP/1.1\r\n" % (method, target)]
        head += [
            b"%b: %b\r\n" % (name, value) for name, value in headers if name.lower() != b"content-length"
        ]
        if body or method not in (b"GET", b"HEAD"):
            head.append(b"content-length: %d\r\n" % len(body))
        connection.send(b"".join([*head, b"\r\n", body]))
        try:
            await connection.head()
        except BaseException:
            self.give_back(connection)
            raise
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it."""
        if connection.reusable and len(self._idle) < _MOST_IDLE:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        elif connection.transport is not None:
            connection.transport.abort()

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()
        self._idle.clear()

    def _take(self) -> Connection | None:
        oldest = time.monotonic() - _IDLE
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since > oldest:
                return connection
            if connection.transport is not None:
                connection.transport.close()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.timeout):
            _, connection = await loop.create_connection(
                Connection,
                self.host,
                self.port,
                ssl=self.tls,
                server_hostname=self.host if self.tls else None,
            )
        return connection
