"""uvicorn's protocol for httptools, with limits: `connection_limits` says which."""

import asyncio
import re

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from respool.http.connection_limits import MAX_HEAD, MAX_PIPELINED, LimitedConnection
from respool.http.refused import bad_upgrade, head_too_large, too_many_pipelined, url_too_long

# An offer to speak HTTP/2 without TLS. A server that does not want it goes on in HTTP/1.1: RFC 9110, 7.8.
_H2C = re.compile(rb"(?i)\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)")


class LimitedHttpTools(LimitedConnection, HttpToolsProtocol):
    """httptools, with the limits that it lacks. For each request, uvicorn's methods are called by their
    class, since `super()` takes longer."""

    __slots__ = ("_idle_since", "_in_head", "_moved", "_unmoved")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._in_head = True  # the parser is before the end of a head
        self._moved = False  # since data came, a head has ended or a part of a body has come
        self._unmoved = 0  # bytes that have come since it has
        self._idle_since: float | None = None  # the loop's time
        super().connection_made(transport)
        self.flow = _Flow(self)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self.throw_away(data)
            return
        if self._surplus and self.still_surplus():
            return
        if self._in_head and self._unmoved == 0 and b"h2c" in data:
            head, end, body = data.partition(b"\r\n\r\n")
            data = _H2C.sub(b"\r\nx-not-upgraded: h2c", head + end[:2]) + end[2:] + body
        self._moved = False
        self._unmoved += len(data)
        HttpToolsProtocol.data_received(self, data)
        if self._moved:
            self._unmoved = 0
        elif self._unmoved > MAX_HEAD:
            too_long = len(self.url or b"") > MAX_HEAD
            self.refuse(url_too_long(MAX_HEAD) if too_long else head_too_large(MAX_HEAD))
        if self._in_head and not self._moved and not self._refused:
            self._arm()

    def head_begun(self) -> bool:
        return self._in_head and self._unmoved > 0

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over: this protocol gets no more calls."""
        self._disarm()
        super().handle_websocket_upgrade()
        self._let_go()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection is lost

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._moved = True
        if self._timer is not None:
            self._disarm()
        if self._unmoved > MAX_HEAD:  # with what else came with it
            if len(self.url) > MAX_HEAD:
                raise url_too_long(MAX_HEAD)
            if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD:
                raise head_too_large(MAX_HEAD)
        if len(self.pipeline) >= MAX_PIPELINED:
            raise too_many_pipelined(MAX_PIPELINED)
        upgrade = self.parser.should_upgrade()
        if upgrade and not self._should_upgrade() and _has_body(self.headers):
            raise bad_upgrade(self._get_upgrade() or b"?")  # since the parser stops before the body
        HttpToolsProtocol.on_headers_complete(self)
        if not upgrade:
            # What trails a body is no header of the request: RFC 9110, section 6.5.
            self.headers = []

    def on_body(self, body: bytes) -> None:
        self._moved = True
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._moved = self._in_head = True
        HttpToolsProtocol.on_message_complete(self)

    def on_response_complete(self) -> None:
        """Do as uvicorn's, but for the timer of an idle connection."""
        if self.pipeline or self.transport.is_closing():
            HttpToolsProtocol.on_response_complete(self)
            return
        self.server_state.total_requests += 1
        if self.flow.read_paused:
            self.flow.resume_reading()
        self._idle()

    def _unset_keepalive_if_required(self) -> None:
        """Note that it is not idle. Called when data comes, and when an answer is complete."""
        self._idle_since = None

    def _idle(self) -> None:
        """Note that the connection waits for its next request.

        uvicorn starts a timer each time, and stops it at the next data. Here one timer goes on, and
        starts again if it was too early: a short answer costs a twentieth less.
        """
        now = self.loop.time()
        self._idle_since = now
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_at(now + self.timeout_keep_alive, self._look_idle)

    def _look_idle(self) -> None:
        self.timeout_keep_alive_task = None
        since = self._idle_since
        if since is None:  # `_idle` starts it again
            return
        until = since + self.timeout_keep_alive
        if until <= self.loop.time():
            self.timeout_keep_alive_handler()
        else:
            self.timeout_keep_alive_task = self.loop.call_at(until, self._look_idle)


class _Flow(FlowControl):
    """Reads no more requests of a connection on which some wait already."""

    def __init__(self, connection: LimitedHttpTools) -> None:
        self._transport = connection.transport
        self._connection = connection
        self.read_paused = self.write_paused = False

    def pause_writing(self) -> None:
        """Make the event that is waited for: it takes a kilobyte, and most connections never need it."""
        if not self.write_paused:
            self._is_writable_event = asyncio.Event()
            super().pause_writing()

    async def drain(self) -> None:
        if self.write_paused:
            await super().drain()

    def resume_reading(self) -> None:
        if self.read_paused and not self._connection.pipeline:
            super().resume_reading()


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 "))
        for name, value in headers
    )
