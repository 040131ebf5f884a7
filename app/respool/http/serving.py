"""Running the app under uvicorn: the server's own settings, for the CLI and for tests."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from respool.http.connection_limits import HEAD_TIMEOUT, MAX_HEAD, Config, limited_protocol
from respool.logs import flush_logs
from respool.play.socket_settings import SocketSettings

# Seconds that open streams and answers get to end after SIGTERM, before they are cut.
GRACE = 2
# Seconds. A client's idle connection should not be closed under its next request.
KEEP_ALIVE = 75
# Seconds between two pings of a WebSocket: they pass through proxies that close what is idle.
PING_INTERVAL = 20.0


class Server(uvicorn.Server):
    """A server that waits for no client: a connection whose reader has stopped would never be flushed.

    `on_started` is called when requests are answered.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], drain: float = 0.0) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._drain = drain
        self._drained_at: float | None = None  # when the time is over that answers get to end
        self._signal = signal.SIGTERM

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End on a signal: at once, or when all answers have ended, but no later than after `drain` seconds;
        a second signal ends it at once."""
        if self._drain <= 0 or self._drained_at is not None or self.should_exit:
            super().handle_exit(sig, frame)
            return
        self._signal = signal.Signals(sig)
        self._drained_at = time.monotonic() + self._drain
        app: object = self.config.app
        if hasattr(app, "ending"):
            app.ending = True  # `/readyz` says so

    async def on_tick(self, counter: int) -> bool:
        if self._drained_at is not None and not self.should_exit:
            over = time.monotonic() >= self._drained_at
            if over or not any(not task.done() for task in self.server_state.tasks):
                super().handle_exit(self._signal, None)
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        flush_logs()  # uvicorn then raises the signal again, which ends the process at once


def uvicorn_server(
    app: ASGIApp,
    grace: int = GRACE,
    on_started: Callable[[], None] = lambda: None,
    head_timeout: float = HEAD_TIMEOUT,
    websocket: bool = True,
    drain: float = 0.0,
    idle_timeout: float = KEEP_ALIVE,
    max_connections: int | None = None,
    tls: tuple[str, str] | None = None,
) -> uvicorn.Server:
    """Return a uvicorn server for `app`; run it with ``server.run(sockets=[sock])``.

    `head_timeout` is how long a connection may take for the head of a request, in seconds, and `idle_timeout`
    how long it is kept without one; `drain`, how long answers may take to end after a signal. With
    `max_connections`, so many are served at once, WebSockets among them, and others get 503. `tls` are the
    files of a certificate and of its key. Without `websocket`, an upgrade comes to the app as the request
    that it is.
    """
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # sse-starlette keeps this flag for the whole process: a server that was stopped by a signal would
    # cut every stream of the next one.
    AppStatus.should_exit = False
    config = Config(
        app,
        http=limited_protocol(),
        h11_max_incomplete_event_size=MAX_HEAD,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the client's address is not used; it is a layer around each request
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=idle_timeout,  # a fraction will do
        ssl_certfile=tls and tls[0],
        ssl_keyfile=tls and tls[1],
        ws=cast("type[asyncio.Protocol]", _socket_protocol) if websocket else "none",
        ws_max_size=SocketSettings().frame_bytes,  # beyond it: 1009, as the connection itself says
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=None,  # a client that is stopped in a debugger keeps its connection
        ws_per_message_deflate=True,  # if it is offered
    )
    config.head_timeout = head_timeout
    config.max_connections = max_connections
    return Server(config, on_started, drain)


def _socket_protocol(*given: Any, **named: Any) -> asyncio.Protocol:
    """Make the protocol of a WebSocket; uvicorn calls this for an upgrade."""
    from respool.http.socket_protocol import SocketProtocol  # late: most servers of tests never see one

    return SocketProtocol(*given, **named)


def _is_news(record: logging.LogRecord) -> bool:
    """Return True if a log line of uvicorn is worth showing: not that of a stream which was cut on purpose or
    by the end of the server, nor of an upgrade that the app refuses. `edge` catches and logs errors within
    the app."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    expected = (
        "ASGI callable returned without completing",
        "Cancel ",
        "Unsupported upgrade",
        "Invalid UTF-8 sequence received",  # of a WebSocket's client, which gets the close code 1007
        "Invalid HTTP request",  # `connection_limits` says why
    )
    return not (cancelled or record.getMessage().startswith(expected))
