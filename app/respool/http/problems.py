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
from respool.server.journal import Exchange

# For a router's `responses`: it refuses as the API does, never with FastAPI's 422. `http.openapi` tells more.
REFUSALS: dict[int | str, dict[str, Any]] = {"4XX": {"description": "A request which the API refuses"}}


def envelope(
    error: RequestError, headers: Mapping[str, str] | None = None, profile: Profile = OPENAI
) -> JSONResponse:
    """``{"error": {message, type, param, code}}``, as the API answers errors, or as `profile` does."""
    fields = api_errors.to_api(error)["error"]
    return JSONResponse(profile.error_body(error.status, fields), error.status, headers)


def profile_of(scope: Scope) -> Profile:
    """Whose way of speaking the server has that a request came to."""
    profile: Profile = scope.get("respool.profile", OPENAI)
    return profile


def add_handlers(app: FastAPI) -> None:
    """Answer every error of the app with the envelope."""
    app.add_exception_handler(RespoolError, _known)
    app.add_exception_handler(HTTPException, _http)


async def _known(request: HTTPRequest, error: Exception) -> JSONResponse:
    match error:
        case RequestError():
            known = error
        case NoMatchingRecording():
            known = RequestError(str(error), status=404, code="no_matching_recording")
        case _:
            known = RequestError(str(error), status=500, type="server_error")
    exchange: Exchange | None = request.scope.get("respool.exchange")
    if exchange:
        exchange.unmatched = isinstance(error, NoMatchingRecording)
        exchange.why = exchange.why or printable(known.message, 1000)
    return envelope(known, profile=profile_of(request.scope))


async def _http(request: HTTPRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.scope.get("respool.path", request.url.path)
    url = f"({request.method} {printable(path)})"
    message = f"Invalid URL {url}" if error.status_code == 404 else f"{error.detail} {url}"
    refused = RequestError(message, status=error.status_code)
    return envelope(refused, error.headers, profile_of(request.scope))
