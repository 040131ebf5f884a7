"""``/v1/responses``: create."""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.http.bodies import parse_object, read_body
from respool.http.edge import exchange_of, name_in_path
from respool.http.heads import head_of
from respool.http.sending import LateResponse, PlaybackResponse
from respool.matching import PLAY_HEADER, Request
from respool.playback import Playback
from respool.protocol.events import dumps
from respool.server import MockServer


def router(server: MockServer, max_body: int) -> APIRouter:
    """The routes, for one server. `max_body` is the limit of a request body in bytes."""
    routes = APIRouter(prefix="/v1/responses", tags=["responses"])

    @routes.post("", summary="Create a response", response_class=Response)
    async def create(http: HTTPRequest) -> Response:
        """Play the recording that answers: as a stream if the body's `stream` is true; at once, as far as
        it has come, if its `background` is; else its final Response object, at the moment at which the
        stream would have ended."""
        exchange = exchange_of(http.scope)
        body = await read_body(http, max_body)
        name = name_in_path(http.scope)
        request = Request(parse_object(body), name, _name_in_header(http), size=len(body))
        playback = server.start(request, exchange.received)
        exchange.recording = playback.recording.name
        now = server.clock.now()
        if playback.recording.plain:
            return _plain(playback, now)
        on_left = partial(server.client_left, playback)
        if request.stream:
            return PlaybackResponse(playback, server.clock, exchange, head_of(playback, now), on_left=on_left)
        if request.background:
            return json_response(playback, playback.snapshot(now), now)
        return LateResponse(
            playback.final_response(),
            playback.ends,
            server.clock,
            exchange,
            head_of(playback, playback.ends, stream=False),
            on_left,
        )

    return routes


def json_response(playback: Playback, text: str, now: float) -> Response:
    """A Response object, with the headers of an answer that leaves now."""
    return Response(text, headers=head_of(playback, now, stream=False), media_type="application/json")


def _name_in_header(http: HTTPRequest) -> str | None:
    """What ``x-respool-play`` asks for. ASGI gives header values as Latin-1, names are UTF-8."""
    value = http.headers.get(PLAY_HEADER)
    return value and value.encode("latin-1").decode("utf-8", "replace")


def _plain(playback: Playback, now: float) -> Response:
    """An answer that is no stream: an HTTP error, most of the time."""
    header, headers = playback.recording.header, head_of(playback, now)
    if header.status in (204, 304):  # which have no body
        return Response(None, header.status, headers)
    if isinstance(header.body, str):
        return Response(header.body, header.status, headers, media_type="text/plain")
    return Response(dumps(header.body), header.status, headers, media_type="application/json")
