"""uvicorn's protocols with limits: how many connections there may be, what one may send before it is
answered, and for how long.

uvicorn itself has no limit for a request's head with httptools, and none of time with either parser.
This leans on its two protocol classes: ``tests/http/test_connection_limits.py`` fails where they change.
"""

import asyncio
import logging
import sys
from typing import Any, cast

import uvicorn

from respool.http.refused import (
    RefusedRequest,
    bad_handshake,
    head_too_large,
    not_http,
    timed_out,
    too_many_connections,
)

MAX_HEAD = 64 * 1024  # bytes: request line and headers; also the URL alone, and what trails a body
MAX_PIPELINED = 1000  # requests that wait on one connection for the answer before theirs
HEAD_TIMEOUT = 60.0  # seconds for a connection's first request, and for the rest of a head that has begun
# What follows a refused request is read and thrown away for so many seconds and bytes.
_LINGER = 1.0
_LINGER_BYTES = 1024 * 1024

logger = logging.getLogger("respool")


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


class LimitedConnection(asyncio.Protocol):
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


def limited_protocol() -> type[asyncio.Protocol]:
    """Return the protocol class for uvicorn: with httptools if that is installed, else with h11."""
    try:
        from respool.http.limited_httptools import LimitedHttpTools
    except ImportError:  # on a machine without a build of it
        from respool.http.limited_h11 import LimitedH11

        return LimitedH11
    return LimitedHttpTools
