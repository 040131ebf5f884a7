"""The routes of WebSockets, whose modules are imported at the first upgrade: most servers see none."""

from collections.abc import Mapping

from starlette.routing import Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from respool.errors import RequestError
from respool.http.lazy_mount import MadeOnce
from respool.http.problems import envelope, profile_of
from respool.play.socket_settings import SocketSettings
from respool.server.mock_server import MockServer


def socket_endpoint(
    server: MockServer, settings: SocketSettings | None, request_faults: bool, max_body: int
) -> ASGIApp:
    """Return the app that serves WebSockets, whatever their path. `settings` are the service's limits if not
    given. `max_body` is the limit of a request body in bytes: what a large frame may hold grows with it."""
    limits = settings or SocketSettings()

    def make() -> ASGIApp:
        from respool.http.websocket import serve_socket  # late: see the module

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await serve_socket(server, limits, request_faults, max_body, WebSocket(scope, receive, send))

        return serve

    made = MadeOnce(make)

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        app = await made.get()
        await app(scope, receive, send)

    return endpoint


def add_routes(router: Router, endpoint: ASGIApp) -> None:
    """Serve WebSockets at ``/v1/responses`` by `endpoint`; elsewhere an upgrade is denied with 404."""

    async def serve(socket: WebSocket) -> None:
        await endpoint(socket.scope, socket.receive, socket.send)

    router.routes.append(WebSocketRoute("/v1/responses", serve))
    router.routes.append(WebSocketRoute("/{path:path}", _not_found))


async def deny(error: RequestError, socket: WebSocket, headers: Mapping[str, str] | None = None) -> None:
    """Refuse the upgrade, with an ordinary answer of HTTP."""
    scope = socket.scope
    await envelope(error, headers, profile_of(scope))(scope, socket.receive, socket.send)


async def _not_found(socket: WebSocket) -> None:
    path = socket.scope.get("respool.path", socket.scope["path"])
    await deny(RequestError(f"Invalid URL (WEBSOCKET {path})", status=404), socket)
