"""LimitClients: the layer around the app that counts the bytes of each client's requests.

There is none without ``--max-client-bytes``.
"""

from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.http.keys import keys_in
from respool.server.client_bytes import ClientBytes, RequestBytes
from respool.server.mock_server import MockServer

_HELD = "respool.client_bytes"


def limit_clients(app: ASGIApp, server: MockServer) -> ASGIApp:
    """Return `app`, with the limit on the bytes of a client if the server has one."""
    if server.max_client_bytes is None:
        return app
    return LimitClients(app, ClientBytes(server.max_client_bytes), by_key=server.session_by == "api-key")


def bytes_of(scope: Scope) -> RequestBytes | None:
    """Return the count of a request's bytes; None if nothing counts them."""
    held: RequestBytes | None = scope.get(_HELD)
    return held


class LimitClients:
    """Wraps the app: `counted` are the bytes of the bodies that it has received and not answered. A client is
    an address, or `by_key` the API key that a request shows."""

    def __init__(self, app: ASGIApp, counted: ClientBytes, *, by_key: bool) -> None:
        self.app = app
        self.counted = counted
        self._by_key = by_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        held = scope[_HELD] = self.counted.open(self._client(scope))
        counted = _Counted(receive, held, _declared(scope)).receive if scope["type"] == "http" else receive
        try:
            await self.app(scope, counted, send)
        finally:
            held.close()

    def _client(self, scope: Scope) -> str:
        if self._by_key and (keys := keys_in(scope["headers"])):
            return f"key {sha256(keys[0]).hexdigest()}"
        address = scope.get("client")
        return str(address[0]) if address else ""  # on a Unix socket, all are one


class _Counted:
    """What is received of a request. The bytes that it says it has are counted before the first is read, so
    that it is refused at once or read to its end."""

    def __init__(self, receive: Receive, held: RequestBytes, declared: int) -> None:
        self._receive = receive
        self._held = held
        self._declared = declared
        self._counted = 0
        self._seen = 0

    async def receive(self) -> Message:
        """Receive the next message. Raise RequestError."""
        if self._declared > self._counted:
            self._take(self._declared)
        message = await self._receive()
        if body := message.get("body"):
            self._seen += len(body)
            if self._seen > self._counted:
                self._take(self._seen)
        return message

    def _take(self, size: int) -> None:
        self._held.take(size - self._counted)
        self._counted = size


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:18])
    return 0
