"""make_admin: the FastAPI application of the admin API, and ROUTERS, the table of its parts."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from respool import __version__
from respool.errors import OptionError, RequestError, RespoolError, printable
from respool.http.admin import (
    clocks,
    comparisons,
    events,
    faults,
    holds,
    match_rules,
    playbacks,
    recordings,
    requests,
    sessions,
    stubs,
    timelines,
    verify,
    waits,
)
from respool.http.admin.base_models import Problem
from respool.http.admin.security import Secured
from respool.http.admin.shared import Shared
from respool.http.page.page_files import INDEX, PageFiles
from respool.http.problems import envelope
from respool.server.mock_server import MockServer

# To add a part: a module with a function `router(server)`, and its row here.
ROUTERS: Sequence[Callable[[MockServer], APIRouter]] = (
    requests.router,
    events.router,
    verify.router,
    sessions.router,
    stubs.router,
    faults.router,
    recordings.router,
    timelines.router,
    comparisons.router,
    match_rules.router,
    playbacks.router,
    waits.router,
    holds.router,
    clocks.router,
)

_DESCRIPTION = """What a test asks of Respool besides answers: what was asked, what answered and why; \
and what changes a session while it runs. Every write names its session; `""` is the default session.

With `--admin-token`, each request needs it: `authorization: Bearer TOKEN` or `x-respool-admin-token: TOKEN`.
A page of another origin cannot use this API."""


def make_admin(server: MockServer, *, token: str | None = None, max_body: int) -> ASGIApp:
    """Return the admin API of `server`. `max_body` is the limit of a request's body in bytes.

    Raise OptionError for a token that no header can carry.
    """
    app: FastAPI = FastAPIOffline(
        title="Respool admin",
        version=__version__,
        description=_DESCRIPTION,
        redoc_url=None,
        static_url="/docs/assets",
        favicon_url="data:,",
        redirect_slashes=False,
        # `Secured` asks for the token; this has the page ask its reader for it.
        dependencies=[] if token is None else [Security(HTTPBearer(auto_error=False))],
        responses={"4XX": {"model": Problem, "description": "A request that cannot be met"}},
    )

    page = PageFiles()

    @app.get("/", include_in_schema=False)
    async def home(http: HTTPRequest) -> Response:
        """Return the page. Its files are named relative to it, so its path must end with a slash."""
        if not http.scope.get("raw_path", b"/").endswith(b"/"):
            return RedirectResponse(f"{http.scope.get('root_path', '')}/")
        return page.response(http, INDEX)

    app.mount("/page", page)

    for router in ROUTERS:
        app.include_router(router(server))
    app.add_exception_handler(RespoolError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    return Secured(Shared(app, server), token, max_body)


async def _known(request: HTTPRequest, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestError):
        status = 400 if isinstance(error, OptionError) else 500
        error = RequestError(str(error), status=status)
    return envelope(error)


async def _invalid(request: HTTPRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(one) for one in error.errors()[:5]]
    refusal = RequestError(
        "; ".join(text for _, text in problems), param=problems[0][0], code="invalid_value"
    )
    return envelope(refusal)


def _problem(error: dict[str, Any]) -> tuple[str, str]:
    """Return where pydantic found a problem, and a text that says so."""
    where = ".".join(map(str, error["loc"][1:])) or str(error["loc"][0])
    given = error.get("input")
    shown = (
        "" if isinstance(given, dict | list) or given is None else f", but it is {printable(repr(given), 60)}"
    )
    return printable(where), f"{printable(where)}: {printable(error['msg'])}{shown}"


async def _http(request: HTTPRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = error.detail
    if error.status_code in (404, 405) and message in ("Not Found", "Method Not Allowed"):
        where = f"{request.method} {printable(request.url.path)}"
        message = (
            f"The admin API has no {where}; {request.scope.get('root_path', '')}/docs lists what it has."
        )
    return envelope(RequestError(message, status=error.status_code), error.headers)
