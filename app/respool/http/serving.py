"""Running the app under uvicorn: the server's own settings, for the CLI and for tests."""

import asyncio
import logging
import socket
from collections.abc import Callable

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
    """One that waits for no client: a connection whose reader has stopped would never be flushed.

    `on_started` is called when requests are answered.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

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
) -> uvicorn.Server:
    """A uvicorn server for `app`; run it with ``server.run(sockets=[sock])``.

    `head_timeout` is how long a connection may take for the head of a request, in seconds.
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
        proxy_headers=False,  # nobody asks for the client's address; it is a layer around each request
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=KEEP_ALIVE,
        ws="websockets-sansio",
        ws_max_size=SocketSettings().frame_bytes,  # beyond it: 1009, as the connection itself says
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=None,  # a client that is stopped in a debugger keeps its connection
        ws_per_message_deflate=True,  # if it is offered
    )
    config.head_timeout = head_timeout
    return Server(config, on_started)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's is worth logging: not that of a stream which was cut on purpose or
    because the server stops, nor of an upgrade that the app refuses. Errors within the app are caught
    and logged by `edge`."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    expected = (
        "ASGI callable returned without completing",
        "Cancel ",
        "Unsupported upgrade",
        "Invalid UTF-8 sequence received",  # of a WebSocket's client, which gets the close code 1007
        "Invalid HTTP request",  # `connection_limits` says why
    )
    return not (cancelled or record.getMessage().startswith(expected))
