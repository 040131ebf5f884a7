"""create_app: the FastAPI application around a MockServer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from respool import __version__
from respool.errors import RequestError
from respool.http import conversations, models, probes, problems, responses, stored, tokens
from respool.http.body_limits import DEFAULT_LIMIT
from respool.http.client_limits import limit_clients
from respool.http.cors import cors_options
from respool.http.edge import Edge
from respool.http.guard import Guard
from respool.http.hosts import Hosts
from respool.http.keys import Keys, RequireKey
from respool.http.layers import edge_of, running
from respool.http.sending.connection import SERVER_SEND
from respool.http.sending.faulty_endpoints import FaultyEndpoints
from respool.http.socket_routes import add_routes, socket_endpoint
from respool.http.upstream import AskForUnknown, LiveUpstream
from respool.play.socket_settings import SocketSettings
from respool.server.mock_server import MockServer

if TYPE_CHECKING:
    from respool.http.traces import Traces


def create_app(
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
    metrics: bool = False,
    traces: bool = False,
    base_paths: Sequence[str] = (),
    max_streams: int | None = None,
    upstream: LiveUpstream | None = None,
) -> "App":
    """Return the application that serves `server`.

    `max_body` is the limit of a request body in bytes, also after inflation. With `reload`, changes
    of the recordings' files are taken up while it runs. With `api_keys`, the API needs one of them. With
    `request_faults`, a request may ask for faults by the header ``x-respool-fault``. With `hosts`, it answers
    to these names only. Pages of the origins `cors` may call the API. With `admin`, there is the admin API at
    ``/__admin``; with `admin_token`, that needs it. With `metrics`, there is ``/metrics``; with `traces`, a
    span of OpenTelemetry for each request, as ``OTEL_*`` say. What is below one
    of `base_paths` is what is below ``/v1``, or at the root. More than `max_streams` streams at once are
    refused. `upstream` answers what is not recorded, where the server or a stub says so.

    Raise OptionError for a key or token that no header can carry, for what is no origin or base path, and
    for metrics and traces without the extras ``metrics`` and ``otel``.
    """

    keys = Keys(api_keys)
    create = responses.create_endpoint(server, max_body, request_faults, max_streams, upstream)

    tracing: Traces | None = None
    if traces:
        from respool.http import traces as otel  # late: few ask for them

        tracing = otel.Traces(server)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(server, reload=reload, upstream=upstream):
            yield
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    # FastAPI's own page loads its scripts from elsewhere, and a test machine may have no network.
    app = FastAPIOffline(
        title="Respool",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
        static_url="/docs/assets",
        favicon_url="data:,",
    )
    app.__class__ = App  # since FastAPIOffline is a function, and none of ours
    assert isinstance(app, App)
    app.is_ending = lambda: app.ending
    problems.add_handlers(app)
    app.include_router(responses.router(create))
    app.include_router(tokens.router(server, max_body))  # to those below, its paths would be ids
    app.include_router(stored.router(server))
    app.include_router(conversations.router(server, max_body))
    app.include_router(models.router(server))

    @app.head("/healthz", include_in_schema=False, response_model=None)
    @app.get("/healthz", tags=["respool"], response_model=None)
    async def healthz() -> Response:
        """Report that the server runs, and how many recordings it serves and has refused."""
        return probes.health(server)

    @app.head("/readyz", include_in_schema=False, response_model=None)
    @app.get("/readyz", tags=["respool"], response_model=None)
    async def readyz() -> Response:
        """Report if requests should be sent to this server: 200, or 503 with the reason."""
        return probes.readiness(server, ending=app.is_ending())

    if metrics:
        from respool.http.metrics import Metrics  # late: few ask for them

        app.add_route("/metrics", Metrics(server).answer, include_in_schema=False)
    app.add_api_route("/v1/responses", _refuse_upgrade, methods=["GET"], include_in_schema=False)
    socket = None
    if websocket:
        socket = socket_endpoint(server, socket_settings, request_faults, max_body)
        add_routes(app.router, socket)
    if upstream is not None:
        app.add_middleware(AskForUnknown, server=server, upstream=upstream)
    app.add_middleware(FaultyEndpoints, server=server, allowed=request_faults)
    app.add_middleware(Guard)
    if api_keys:  # inside of CORS, so that a browser may ask first, and read the refusal
        app.add_middleware(RequireKey, keys=keys)
    app.add_middleware(CORSMiddleware, **cors_options(cors))
    if not websocket:
        app.add_middleware(_RefuseWebSocket)
    app.edge = edge_of(
        app.all_layers,
        server,
        create,
        socket,
        max_body=max_body,
        api_keys=api_keys,
        hosts=hosts,
        cors=cors,
        admin=admin,
        admin_token=admin_token,
        base_paths=base_paths,
    )
    app.entry = limit_clients(app.edge, server)
    return app


class App(FastAPI):
    """FastAPI behind the edge."""

    edge: Edge
    entry: ASGIApp  # the edge, or what is around it
    ending = False  # it takes no new clients
    is_ending: Callable[[], bool]  # says so, of this app or of that which it is a part of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # As the server gave it: each layer and route wraps it again.
        scope[SERVER_SEND] = send
        try:
            await self.entry(scope, receive, send)
        finally:
            del scope[SERVER_SEND]  # which has the scope: a cycle that only garbage collection would find

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API, made on first use."""
        if not self.openapi_schema:
            from respool.http.openapi import describe  # late: see there

            describe(super().openapi())
        return super().openapi()

    async def all_layers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return the app with its middleware and its router."""
        if scope.get("path") == self.openapi_url and not self.openapi_schema:
            await asyncio.to_thread(self.openapi)  # it takes some time, and others would wait
        await super().__call__(scope, receive, send)

    def add_middleware(self, *args: Any, **options: Any) -> None:
        """Add middleware. It disables the fast path: every request passes it."""
        super().add_middleware(*args, **options)
        if hasattr(self, "edge"):
            self.edge.create = self.edge.socket = None


# 426, and nothing else, makes clients fall back to HTTP at once: after a 404 the Codex CLI tries
# seven times before it does.
_UPGRADE = RequestError(
    "This server does not serve WebSocket; use HTTP with server-sent events.",
    status=426,
    code="websocket_not_supported",
)
_UPGRADE_HEADERS = {"upgrade": "HTTP/1.1"}


async def _refuse_upgrade(http: HTTPRequest) -> Response:
    """Answer ``GET /v1/responses``: an upgrade request for which the ASGI server has made no WebSocket."""
    if "upgrade" in http.headers:
        return problems.envelope(_UPGRADE, _UPGRADE_HEADERS)
    return problems.envelope(
        RequestError("Invalid method for URL (GET /v1/responses)", status=405), {"allow": "POST"}
    )


class _RefuseWebSocket:
    """Refuses a WebSocket that the ASGI server has made of ``GET /v1/responses``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await problems.envelope(_UPGRADE, _UPGRADE_HEADERS)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
