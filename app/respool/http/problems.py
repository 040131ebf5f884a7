"""Our errors as the API's error envelope. No traceback reaches a client."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse
from starlette.types import Scope

from respool.errors import NoMatchingRecording, RequestError, RespoolError, printable
from respool.protocol import api_errors
from respool.protocol.profiles import OPENAI, Profile

# For a router's `responses`: it refuses as the API does, never with FastAPI's 422. `http.openapi` tells more.
REFUSALS: dict[int | str, dict[str, Any]] = {"4XX": {"description": "A request which the API refuses"}}


def envelope(
    error: RequestError,
    headers: Mapping[str, str] | None = None,
    profile: Profile = OPENAI,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """``{"error": {message, type, param, code}}``, as the API answers errors, or as `profile` does; with
    `more` members of ours."""
    fields = api_errors.to_api(error)["error"]
    body = profile.error_body(error.status, fields)
    if more:
        inner = body.get("error")
        (inner if isinstance(inner, dict) else body).update(more)
    return JSONResponse(body, error.status, headers)


def profile_of(scope: Scope) -> Profile:
    """Whose way of speaking the server has that a request came to."""
    profile: Profile = scope.get("respool.profile", OPENAI)
    return profile


def add_handlers(app: FastAPI) -> None:
    """Answer every error of the app with the envelope."""
    app.add_exception_handler(RespoolError, _known)
    app.add_exception_handler(HTTPException, _http)


async def _known(request: HTTPRequest, error: Exception) -> JSONResponse:
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
    return envelope(known, profile=profile_of(request.scope), more=near)


async def _http(request: HTTPRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.scope.get("respool.path", request.url.path)
    url = f"({request.method} {printable(path)})"
    message = f"Invalid URL {url}" if error.status_code == 404 else f"{error.detail} {url}"
    refused = RequestError(message, status=error.status_code)
    return envelope(refused, error.headers, profile_of(request.scope))
