"""Guard: the innermost layer, and Endpoint, what is called within it past FastAPI."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from respool.errors import RequestError, RespoolError
from respool.http.problems import envelope, profile_of
from respool.http.request_scope import exchange_of
from respool.http.sending.connection import REST
from respool.server.journal import CLIENT_LEFT

logger = logging.getLogger("respool.requests")

_INTERNAL = RequestError(
    "The server had an error processing your request. Respool's log tells more.",
    status=500,
    type="server_error",
)


class Incoming:
    """A request as `Endpoint` gives it: what our endpoints read of Starlette's, which is slower to make."""

    __slots__ = ("receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive


class Endpoint:
    """A function that answers a request, as an ASGI app; `answer` makes a response of our errors. Both get an
    `Incoming`."""

    def __init__(
        self,
        function: Callable[[Any], Awaitable[Response]],
        answer: Callable[[Any, Exception], Awaitable[Response]],
    ) -> None:
        self.function = function
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Incoming(scope, receive)
        try:
            response = await self.function(request)
        except RespoolError as error:
            response = await self.answer(request, error)
        await response(scope, receive, send)


class Guard:
    """The innermost layer: no exception leaves the app, and what it answers then has all headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "respool.exchange" not in scope:  # the app's start and end
            await self.app(scope, receive, send)
            return
        rest: list[Callable[[], Awaitable[None]]] = []
        scope[REST] = rest
        try:
            await self.app(scope, receive, send)
            if rest:
                # A stream that goes on: the line at its end may be minutes away.
                logger.info("%s", exchange_of(scope))
                await rest.pop()()
        except ClientDisconnect:
            exchange_of(scope).ended = CLIENT_LEFT
        except Exception:
            # A defect of ours. The log tells where; the client gets what the service says of its own,
            # or, once a stream has begun, the end of it.
            exchange = exchange_of(scope)
            logger.exception("internal error in %s", exchange)
            if exchange.status is None:
                await envelope(_INTERNAL, profile=profile_of(scope))(scope, receive, send)
