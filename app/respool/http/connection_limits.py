"""uvicorn's protocols with limits: how many connections there may be, what one may send before it is
answered, and for how long.

uvicorn itself has no limit for a request's head with httptools, and none of time with either parser.
This leans on its two protocol classes: ``tests/http/test_connection_limits.py`` fails where they change.
"""

import asyncio
import logging
import re
import sys
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl

from respool.http.refused import (
    RefusedRequest,
    bad_handshake,
    bad_upgrade,
    head_too_large,
    not_http,
    timed_out,
    too_many_connections,
    too_many_pipelined,
    url_too_long,
)

MAX_HEAD = 64 * 1024  # bytes: request line and headers; also the URL alone, and what trails a body
MAX_PIPELINED = 1000  # requests that wait on one connection for the answer before theirs
HEAD_TIMEOUT = 60.0  # seconds for a connection's first request, and for the rest of a head that has begun
# What follows a refused request is read and thrown away for so many seconds and bytes.
_LINGER = 1.0
_LINGER_BYTES = 1024 * 1024

logger = logging.getLogger("respool")

# An offer to speak HTTP/2 without TLS. A server that does not want it goes on in HTTP/1.1: RFC 9110, 7.8.
_H2C = re.compile(rb"(?i)\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)")


class Config(uvicorn.Config):
    """uvicorn's Config with our limits.

    head_timeout     seconds for a request's head
    max_connections  connections that are served at once; None: any number
    surplus          the connections beyond that
    """

    head_timeout = HEAD_TIMEOUT
    max_connections: int | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.surplus: set[asyncio.Protocol] = set()


class _Connection(asyncio.Protocol):
    """What both protocols have in common: the time limit of a head, and the end of what is refused."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    config: uvicorn.Config
    connections: set[Any]  # all of the server, WebSockets as well
    cycle: Any
    flow: Any
    timeout_keep_alive_task: asyncio.TimerHandle | None

    # With so many more attributes, Python would keep those of a protocol in a dictionary, which takes more
    # memory and more time.
    __slots__ = ("_refused", "_surplus", "_thrown_away", "_timer")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False
        self._surplus = False  # it is beyond the limit of connections
        self._thrown_away = 0  # bytes
        super().connection_made(transport)
        if isinstance(self.config, Config) and self.config.max_connections is not None:
            self._count(self.config, self.config.max_connections)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._surplus:
            cast("Config", self.config).surplus.discard(self)
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Break the cycles of references: what garbage collection alone would find, a server keeps for long
        (`commands.serve.steady_gc`). A request under way has what it needs of these."""
        self.flow = self.cycle = None
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None  # type: ignore[misc]  # it is uvicorn's, and in no slot of ours

    def handle_websocket_upgrade(self, *arguments: Any) -> None:
        """Hand the connection over, or refuse it. uvicorn calls this with the head of a handshake."""
        super().handle_websocket_upgrade(*arguments)  # type: ignore[misc]
        upgraded: Any = self.transport.get_protocol()
        error = None if upgraded.handshake_initiated else upgraded.conn.handshake_exc
        if error is not None:
            refused = bad_handshake(error.__cause__)
            logger.warning("refused a connection's request: %s", refused.message)
            self.transport.write(refused.answer())
            self.transport.close()

    def _count(self, config: Config, most: int) -> None:
        """Find out whether this connection is beyond the limit: the first `most` are served."""
        config.surplus.discard(self)
        self._surplus = len(self.connections) - len(config.surplus) > most
        if self._surplus:
            config.surplus.add(self)

    def still_surplus(self) -> bool:
        """Refuse what comes on a connection beyond the limit, unless another one has ended meanwhile. Return
        whether it was refused."""
        config = cast("Config", self.config)
        assert config.max_connections is not None
        self._count(config, config.max_connections)
        if self._surplus:
            self.refuse(too_many_connections(config.max_connections))
        return self._surplus

    def send_400_response(self, msg: str) -> None:
        """Answer an error of the parser; uvicorn calls this while it handles the exception."""
        error: BaseException | None = sys.exc_info()[1]
        while error is not None and not isinstance(error, RefusedRequest):
            if getattr(error, "error_status_hint", None) == 431:  # h11's
                error = head_too_large(MAX_HEAD)
            else:
                error = error.__context__
        self.refuse(error or not_http())

    def refuse(self, refused: RefusedRequest) -> None:
        """Answer so, and close; in the middle of another answer only close."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._disarm()
        logger.warning("refused a connection's request: %s", refused.message)
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(refused.answer())
            # At once, the client would get a reset and not the answer, as long as it sends.
            self.loop.call_later(_LINGER, self.transport.close)
        else:
            self.transport.close()

    def throw_away(self, data: bytes) -> None:
        """Take what follows a refused request, up to a limit."""
        self._thrown_away += len(data)
        if self._thrown_away > _LINGER_BYTES:
            self.transport.close()

    def _arm(self) -> None:
        if self._timer is None:
            seconds = getattr(self.config, "head_timeout", HEAD_TIMEOUT)
            self._timer = self.loop.call_later(seconds, self._time_out, seconds)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self, seconds: float) -> None:
        self._timer = None
        if self.head_begun():
            self.refuse(timed_out(seconds))
        elif not self.transport.is_closing():
            self.transport.close()

    def head_begun(self) -> bool:
        """Return True if a part of a head has come."""
        raise NotImplementedError


_PIECE = 4096  # bytes


def limited_h11() -> type[asyncio.Protocol]:
    """Return the protocol class with h11."""
    import h11  # late: where httptools is there, this one is not used
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class LimitedH11(_Connection, H11Protocol):
        """h11 limits a head by itself: see `protocol_for`."""

        def data_received(self, data: bytes) -> None:
            if self._refused:
                self.throw_away(data)
                return
            if self._surplus and self.still_surplus():
                return
            if self.conn.their_state is h11.IDLE and len(data) > _PIECE:
                # h11 looks at the size of a head only when it has not found its end.
                for at in range(0, len(data), _PIECE):
                    self.data_received(data[at : at + _PIECE])
                return
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._disarm()
            elif self.head_begun():
                self._arm()

        def head_begun(self) -> bool:
            return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])

    return cast("type[asyncio.Protocol]", LimitedH11)


def _limited_httptools() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class LimitedHttpTools(_Connection, HttpToolsProtocol):
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
            self.server_state.total_requests += 1
            if self.transport.is_closing():
                return
            if self.pipeline:
                self.flow.resume_reading()
                self._start_asgi_task(*self.pipeline.pop())
            else:
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
                self.timeout_keep_alive_task = self.loop.call_at(
                    now + self.timeout_keep_alive, self._look_idle
                )

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

    return LimitedHttpTools


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 "))
        for name, value in headers
    )


def limited_protocol() -> type[asyncio.Protocol]:
    """Return the protocol class for uvicorn: with httptools if that is installed, else with h11."""
    try:
        return _limited_httptools()
    except ImportError:  # on a machine without a build of it
        return limited_h11()
