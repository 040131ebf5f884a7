"""Our errors as the API's error envelope. No traceback reaches a client."""

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse

from respool.errors import NoMatchingRecording, RequestError, RespoolError, printable


def envelope(error: RequestError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """``{"error": {message, type, param, code}}``, as the API answers errors."""
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return JSONResponse({"error": fields}, error.status, headers)


def add_handlers(app: FastAPI) -> None:
    """Answer every error of the app with the envelope."""
    app.add_exception_handler(RespoolError, _known)
    app.add_exception_handler(HTTPException, _http)


async def _known(request: HTTPRequest, error: Exception) -> JSONResponse:
    match error:
        case RequestError():
            return envelope(error)
        case NoMatchingRecording():
            return envelope(RequestError(str(error), status=404, code="no_matching_recording"))
        case _:
            return envelope(RequestError(str(error), status=500, type="server_error"))


async def _http(request: HTTPRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.scope.get("respool.path", request.url.path)
    url = f"({request.method} {printable(path)})"
    message = f"Invalid URL {url}" if error.status_code == 404 else f"{error.detail} {url}"
    return envelope(RequestError(message, status=error.status_code), error.headers)
