"""Our errors as the API's error envelope. No traceback reaches a client."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse
from starlette.types import Scope

from respool.errors import NoMatchingRecording, RequestError, RespoolError, printable
from respool.protocol import api_errors
from respool.protocol.profiles import OPENAI, PROFILES, Profile
from respool.server.journal import Exchange

if TYPE_CHECKING:
    from fastapi import FastAPI

# For a router's `responses`: it refuses as the API does, never with FastAPI's 422. `http.openapi` tells more.
REFUSALS: dict[int | str, dict[str, Any]] = {"4XX": {"description": "A request which the API refuses"}}


AZURE = PROFILES["azure"]
_BELOW_V1 = ("responses", "models", "conversations")


def envelope(
    error: RequestError,
    headers: Mapping[str, str] | None = None,
    profile: Profile = OPENAI,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Return ``{"error": {message, type, param, code}}``, as the API or `profile` answers errors; `more` adds
    members of ours."""
    fields = api_errors.to_api(error)["error"]
    body = profile.error_body(error.status, fields)
    if more:
        inner = body.get("error")
        (inner if isinstance(inner, dict) else body).update(more)
    return JSONResponse(body, error.status, headers)


def profile_of(scope: Scope) -> Profile:
    """Return the profile of the server that a request came to."""
    profile: Profile = scope.get("respool.profile", OPENAI)
    return profile


def add_handlers(app: "FastAPI") -> None:
    """Answer every error of the app with the envelope."""
    app.add_exception_handler(RespoolError, answer_of)
    app.add_exception_handler(HTTPException, _http)


async def answer_of(request: HTTPRequest, error: Exception) -> JSONResponse:
    """Answer one of our errors, and put it into the journal."""
    near: Mapping[str, Any] = {}
    match error:
        case RequestError():
            known = error
        case NoMatchingRecording():
            known = RequestError(str(error), status=404, code="no_matching_recording")
            if error.near_misses:
                near = {"near_misses": error.near_misses}
        case _:
            known = RequestError(str(error), status=500, type="server_error")
    exchange: Exchange | None = request.scope.get("respool.exchange")
    if exchange:
        exchange.unmatched = isinstance(error, NoMatchingRecording)
        exchange.why = exchange.why or printable(known.message, 1000)
        exchange.near = near.get("near_misses", ())
    return envelope(known, profile=profile_of(request.scope), more=near)


async def _http(request: HTTPRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.scope.get("respool.path", request.url.path)
    url = f"({request.method} {printable(path)})"
    profile = profile_of(request.scope)
    if error.status_code != 404:
        refused = RequestError(f"{error.detail} {url}", status=error.status_code)
    elif profile is AZURE:
        refused = RequestError("Resource not found", status=404, code="404")
    else:
        refused = RequestError(f"Invalid URL {url}{_cure(path)}", status=404)
    return envelope(refused, error.headers, profile)


def _cure(path: str) -> str:
    """Return what to do about a path that is nearly one of the API's."""
    _, below, rest = path.rpartition("/openai/")
    if below and rest.partition("/")[0] in _BELOW_V1:
        return ": below /openai/ it needs ?api-version=, or /openai/v1/"
    first = path.removeprefix("/").partition("/")[0]
    if first in _BELOW_V1:
        return f": this server has /v1/{first}; end the client's base URL with /v1"
    return ""
