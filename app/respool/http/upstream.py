"""The interface of an upstream to the app, and the answers from it.

What relays and records is above this floor (`record.live_upstream`); an app is given it.
"""

from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError
from respool.http.body_limits import DEFAULT_LIMIT
from respool.http.problems import envelope
from respool.http.request_scope import session_of
from respool.server.choosing import asks_upstream
from respool.server.decision import Decision
from respool.server.mock_server import MockServer
from respool.server.request import Request

_CREATE = "/v1/responses"
_CONVERSATIONS = "/v1/conversations"


class LiveUpstream(Protocol):
    """An upstream for what is not recorded. Enter it as a context while the app runs."""

    async def settle(self) -> bool:
        """Wait until what has been answered is recorded; tell whether anything was waited for."""

    async def create(
        self, scope: Scope, receive: Receive, send: Send, request: Request, decision: Decision
    ) -> None:
        """Relay a request to create a response, whose body was read, and record the answer."""

    async def relay(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        """Relay any other request, whose body was read."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *error: Any) -> None: ...


class RelayedResponse(Response):
    """The upstream's answer to a request to create a response."""

    def __init__(self, upstream: LiveUpstream, request: Request, decision: Decision) -> None:
        super().__init__()
        self._upstream = upstream
        self._request = request
        self._decision = decision

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._upstream.create(scope, receive, send, self._request, self._decision)


class AskForUnknown:
    """A layer that asks the upstream for what is known there only: responses that are not known here,
    conversations, and other endpoints of the API."""

    def __init__(self, app: ASGIApp, server: MockServer, upstream: LiveUpstream) -> None:
        self._app = app
        self._server = server
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._may_ask(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        if scope["path"].startswith(_CONVERSATIONS):
            await self._relay(scope, receive, send, body)
            return
        unknown = False

        async def send_known(message: Message) -> None:
            nonlocal unknown
            if message["type"] == "http.response.start" and message["status"] == 404:
                unknown = True
            if not unknown:
                await send(message)

        await self._app(scope, body.receive, send_known)
        if unknown:
            await self._relay(scope, receive, send, body)

    async def _relay(self, scope: Scope, receive: Receive, send: Send, body: "_Body") -> None:
        try:
            content = await body.rest()
        except RequestError as error:
            await envelope(error, profile=self._server.profile)(scope, receive, send)
            return
        if content is not None:
            await self._upstream.relay(scope, receive, send, content)

    def _may_ask(self, scope: Scope) -> bool:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or scope["path"] == _CREATE:
            return False
        session = self._server.sessions.find(session_of(scope))
        asks = asks_upstream(session, self._server.indexes) if session else None
        return (asks or self._server.indexes.options.asks_upstream) in ("misses", "always")


class _Body:
    """The body of a request, kept while it is read, to be read again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._parts: list[bytes] = []
        self._size = 0
        self._more = True
        self._left = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._left = True
        else:
            self._more = message.get("more_body", False)
            self._size += len(message.get("body", b""))
            if self._size <= DEFAULT_LIMIT:
                self._parts.append(message.get("body", b""))
        return message

    async def rest(self) -> bytes | None:
        """Return all of it; None if the client has left. Raise RequestError if it is too large."""
        while self._more and not self._left and self._size <= DEFAULT_LIMIT:
            await self.receive()
        if self._size > DEFAULT_LIMIT:
            raise RequestError(
                f"The request has more than {DEFAULT_LIMIT} bytes.", status=413, code="request_too_large"
            )
        return None if self._left and self._more else b"".join(self._parts)
