"""LazyApp: the app of `create_app`, made when a request needs more of it than ``POST /v1/responses``.

A stream needs no FastAPI, whose import takes longer than all the rest of a server's start.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from respool.http import probes
from respool.http.body_limits import DEFAULT_LIMIT
from respool.http.client_limits import limit_clients
from respool.http.hosts import Hosts
from respool.http.layers import edge_of, running
from respool.http.lazy_mount import MadeOnce
from respool.http.lifespan import live
from respool.http.responses import create_endpoint
from respool.http.sending.connection import SERVER_SEND, steering_headers
from respool.http.socket_routes import socket_endpoint
from respool.http.upstream import LiveUpstream
from respool.play.socket_settings import SocketSettings
from respool.server.mock_server import MockServer

_PROBES = frozenset(("/healthz", "/readyz"))


class LazyApp:
    """An application that serves `server`; the options are those of `create_app`, and so are the errors."""

    def __init__(
        self,
        server: MockServer,
        *,
        max_body: int = DEFAULT_LIMIT,
        reload: bool = False,
        api_keys: Sequence[str] = (),
        request_faults: bool = True,
        websocket: bool = True,
        socket_settings: SocketSettings | None = None,
        hosts: Hosts | None = None,
        cors: Sequence[str] = (),
        admin: bool = True,
        admin_token: str | None = None,
        base_paths: Sequence[str] = (),
        max_streams: int | None = None,
        upstream: LiveUpstream | None = None,
    ) -> None:
        self.ending = False  # it takes no new clients
        self._upstream = upstream
        self._server = server
        self._reload = reload
        make = partial(
            _rest_of,
            self,
            server,
            max_body=max_body,
            api_keys=api_keys,
            request_faults=request_faults,
            websocket=websocket,
            socket_settings=socket_settings,
            cors=cors,
            max_streams=max_streams,
            upstream=upstream,
        )
        self._made = MadeOnce(make)
        self.edge = edge_of(
            self._rest,
            server,
            create_endpoint(server, max_body, request_faults, max_streams, upstream),
            socket_endpoint(server, socket_settings, request_faults, max_body) if websocket else None,
            max_body=max_body,
            api_keys=api_keys,
            hosts=hosts,
            cors=cors,
            admin=admin,
            admin_token=admin_token,
            base_paths=base_paths,
        )
        self._entry = limit_clients(self.edge, server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            context = running(self._server, reload=self._reload, upstream=self._upstream)
            await live(context, receive, send)
            return
        scope[SERVER_SEND] = send
        try:
            await self._entry(scope, receive, send)
        finally:
            del scope[SERVER_SEND]  # see `app`

    async def _rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Who waits for a server asks these, often before anything else.
        path, method = scope["path"], scope.get("method")
        if path in _PROBES and method in ("GET", "HEAD") and not steering_headers(scope):
            if path == "/healthz":
                answer = probes.health(self._server)
            else:
                answer = probes.readiness(self._server, ending=self.ending)
            answer.headers["vary"] = "Origin"  # as the CORS layer answers
            await answer(scope, receive, send)
            return
        app = await self._made.get()
        await app(scope, receive, send)


def _rest_of(outer: LazyApp, server: MockServer, **options: Any) -> ASGIApp:
    """Return the app within the edge of `outer`."""
    from respool.http.app import create_app  # late: see the module

    app = create_app(server, admin=False, **options)  # which is at the edge of `outer`
    app.is_ending = lambda: outer.ending
    rest: ASGIApp = app.all_layers
    return rest
