"""``/v1/responses``: create."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.http.bodies import read_object
from respool.http.edge import exchange_of, name_in_path
from respool.http.sending import LateResponse, PlaybackResponse
from respool.matching import PLAY_HEADER, Request
from respool.playback import Playback
from respool.protocol.events import dumps
from respool.server import MockServer

# Of a recorded answer's headers, those which describe its transport or its owner are not sent:
# our own transport has its own, and nobody's cookies or account names belong in a test.
_NOT_REPLAYED = frozenset(
    "connection keep-alive proxy-authenticate proxy-connection te trailer transfer-encoding upgrade "
    "content-length content-encoding date server set-cookie set-cookie2 alt-svc "
    "openai-organization openai-project".split()
)


def router(server: MockServer, max_body: int) -> APIRouter:
    """The routes, for one server. `max_body` is the limit of a request body in bytes."""
    routes = APIRouter(prefix="/v1/responses", tags=["responses"])

    @routes.post("", summary="Create a response", response_class=Response)
    async def create(http: HTTPRequest) -> Response:
        """Play the recording that answers: as a stream if the body's `stream` is true, else its final
        Response object, at the moment at which the stream would have ended."""
        exchange = exchange_of(http.scope)
        body = await read_object(http, max_body)
        request = Request(body, name_in_path(http.scope), _name_in_header(http))
        playback = server.start(request, exchange.received)
        exchange.recording = playback.recording.name
        if playback.recording.plain:
            return _plain(playback, _headers(playback, server.clock.now()))
        if request.stream:
            return PlaybackResponse(playback, server.clock, exchange, _headers(playback, server.clock.now()))
        headers = _headers(playback, playback.ends)
        headers.pop("content-type", None)  # that of the stream
        return LateResponse(playback.final_response(), playback.ends, server.clock, exchange, headers)

    return routes


def _name_in_header(http: HTTPRequest) -> str | None:
    """What ``x-respool-play`` asks for. ASGI gives header values as Latin-1, names are UTF-8."""
    value = http.headers.get(PLAY_HEADER)
    return value and value.encode("latin-1").decode("utf-8", "replace")


def _headers(playback: Playback, leaves: float) -> dict[str, str]:
    """The headers that the real service sends, for an answer that leaves at that moment of the clock;
    those which were recorded come first."""
    recorded = {name.lower(): value for name, value in playback.recording.header.headers.items()}
    return {
        "openai-version": "2020-10-01",
        "openai-processing-ms": str(max(1, round((leaves - playback.started) * 1000))),
        "cache-control": "no-cache",
        **{name: value for name, value in recorded.items() if name not in _NOT_REPLAYED},
    }


def _plain(playback: Playback, headers: Mapping[str, str]) -> Response:
    """An answer that is no stream: an HTTP error, most of the time."""
    header = playback.recording.header
    if header.status in (204, 304):  # which have no body
        return Response(None, header.status, headers)
    if isinstance(header.body, str):
        return Response(header.body, header.status, headers, media_type="text/plain")
    return Response(dumps(header.body), header.status, headers, media_type="application/json")
