"""The outermost layer: what every request has, whatever its route.

A request id, an entry in the journal and one line in the log, the prefix ``/r/NAME`` which says what to
play, and Azure's paths. It is plain ASGI, since Starlette's BaseHTTPMiddleware costs more than all the rest.
"""

import logging
import re
from typing import cast

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError
from respool.http.problems import envelope, profile_of
from respool.journal import CLIENT_LEFT, Exchange
from respool.matching import PLAY_HEADER
from respool.server import MockServer

logger = logging.getLogger("respool.requests")

_INTERNAL = RequestError(
    "The server had an error processing your request. Respool's log tells more.",
    status=500,
    type="server_error",
)
_TURN = re.compile(r"(?P<name>.+)/turns/(?P<turn>[0-9]{1,9})")


class Edge:
    """Wraps the app; see the module."""

    def __init__(self, app: ASGIApp, server: MockServer) -> None:
        self.app = app
        self.server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        clock, journal = self.server.clock, self.server.journal
        sent_path = scope.get("raw_path") or scope["path"].encode("ascii", "backslashreplace")
        exchange = Exchange(
            scope.get("method", "WEBSOCKET"), sent_path.decode("ascii", "backslashreplace"), clock.now()
        )
        scope["respool.exchange"] = exchange
        scope["respool.profile"] = self.server.profile
        if scope["path"].startswith(("/r/", "/openai/")):
            self._take_prefix(scope)

        async def send_head(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                exchange.status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                exchange.request_id = headers.setdefault("x-request-id", exchange.request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_head)
        finally:
            exchange.seconds = clock.now() - exchange.received
            # A health check every few seconds would bury the requests that matter.
            if scope["path"] == "/healthz" and exchange.status == 200:
                logger.debug("%s", exchange)
            else:
                journal.add(exchange)
                logger.info("%s", exchange)

    def _take_prefix(self, scope: Scope) -> None:
        """Cut ``/r/NAME`` and Azure's ``/openai`` off the path, so that all routes work below them."""
        head, found, tail = scope["path"].rpartition("/v1/")
        if not found:  # Azure's older path, with an api-version instead
            head, found, tail = scope["path"].rpartition("/openai/")
            head += found.rstrip("/")
        if head.startswith("/r/") and head != "/r/":
            scope["respool.name"] = self._name(head.removeprefix("/r/"))
        elif head != "/openai":
            return
        scope["respool.path"] = scope["path"]
        scope["path"] = f"/v1/{tail}"
        scope["raw_path"] = scope["path"].encode()

    def _name(self, path: str) -> str:
        """The recording or turn that ``/r/PATH`` names; where there is none of that name, `path` itself."""
        known = self.server.store.get
        for name in (path, path.removesuffix("/openai")):
            if known(name) is not None:
                return name
            if match := _TURN.fullmatch(name):
                turn = f"{match['name']}#{match['turn']}"
                if name == path or known(turn) is not None:
                    return turn
        return path


class Guard:
    """The innermost layer: no exception leaves the app, and what it answers then has all headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "respool.exchange" not in scope:  # the app's start and end
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            exchange_of(scope).ended = CLIENT_LEFT
        except Exception:
            # A defect of ours. The log tells where; the client gets what the service says of its own,
            # or, once a stream has begun, the end of it.
            exchange = exchange_of(scope)
            logger.exception("internal error in %s", exchange)
            if exchange.status is None:
                await envelope(_INTERNAL, profile=profile_of(scope))(scope, receive, send)


def exchange_of(scope: Scope) -> Exchange:
    """The journal's entry for this request, to be filled."""
    return cast(Exchange, scope["respool.exchange"])


def name_in_path(scope: Scope) -> str | None:
    """What ``/r/NAME`` asks for."""
    return scope.get("respool.name")


def name_in_header(http: HTTPRequest) -> str | None:
    """What ``x-respool-play`` asks for. ASGI gives header values as Latin-1, names are UTF-8."""
    value = http.headers.get(PLAY_HEADER)
    return value and value.encode("latin-1").decode("utf-8", "replace")
