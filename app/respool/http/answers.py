"""Answers that are JSON of our own making, with the headers of the service."""

from typing import Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.http.request_scope import exchange_of
from respool.protocol.events import dumps
from respool.server.mock_server import MockServer


def answer(http: HTTPRequest, server: MockServer, value: Any) -> Response:
    """Return 200 with `value` as JSON."""
    seconds = server.clock.now() - exchange_of(http.scope).received
    headers = {
        "openai-version": "2020-10-01",
        "openai-processing-ms": str(max(1, round(seconds * 1000))),
        "cache-control": "no-cache",
    }
    return Response(dumps(value), headers=headers, media_type="application/json")
