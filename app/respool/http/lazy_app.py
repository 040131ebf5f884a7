"""LazyApp: the app of `create_app`, made when a request needs more of it than ``POST /v1/responses``.

A test that streams a response needs no FastAPI, which takes longer than all the rest of a server's start.
"""

from collections.abc import Sequence
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from respool.http.body_limits import DEFAULT_LIMIT
from respool.http.client_limits import limit_clients
from respool.http.hosts import Hosts
from respool.http.layers import edge_of, running
from respool.http.lazy_mount import MadeOnce
from respool.http.lifespan import live
from respool.http.responses import create_endpoint
from respool.http.sending.connection import SERVER_SEND
from respool.http.upstream import LiveUpstream
from respool.server.mock_server import MockServer


class LazyApp:
    """An application that serves `server`; the options are those of `create_app`."""

    ending = False  # it takes no new clients

    def __init__(
        self,
        server: MockServer,
        *,
        reload: bool = False,
        api_keys: Sequence[str] = (),
        websocket: bool = True,
        hosts: Hosts | None = None,
        upstream: LiveUpstream | None = None,
    ) -> None:
        self._upstream = upstream
        self._server = server
        self._reload = reload
        self._made = MadeOnce(
            partial(_rest_of, server, api_keys=api_keys, websocket=websocket, hosts=hosts, upstream=upstream)
        )
        create = create_endpoint(server, DEFAULT_LIMIT, True, upstream=upstream)
        self.edge = edge_of(
            self._rest, server, create, max_body=DEFAULT_LIMIT, api_keys=api_keys, hosts=hosts
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
        app = await self._made.get()
        await app(scope, receive, send)


def _rest_of(
    server: MockServer,
    *,
    api_keys: Sequence[str],
    websocket: bool,
    hosts: Hosts | None,
    upstream: LiveUpstream | None,
) -> ASGIApp:
    """Return the app within the edge."""
    from respool.http.app import create_app  # late: see the module

    app = create_app(server, api_keys=api_keys, websocket=websocket, hosts=hosts, upstream=upstream)
    rest: ASGIApp = app.all_layers
    return rest
