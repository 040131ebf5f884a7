"""``/v1/responses``: create."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.errors import RequestError, printable
from respool.http.deciding import decided, delivery_of, needs_of
from respool.http.heads import head_of, stream_head
from respool.http.problems import REFUSALS, envelope
from respool.http.request_body import beside, parse_body, parse_object, read_body
from respool.http.request_scope import name_in_header
from respool.http.requested import requested_holds, requested_pace, set_requested_clock
from respool.http.sending.connection import Steering
from respool.http.sending.faulty import (
    FAULT_HEADER,
    FaultyResponse,
    check_possible,
    draw,
    load_faults,
    requested_faults,
)
from respool.http.sending.open_streams import open_streams_of_loop
from respool.http.sending.playback_response import LateResponse, PlaybackResponse
from respool.http.upstream import LiveUpstream, RelayedResponse
from respool.play.offload import LARGE
from respool.play.playback import Playback
from respool.protocol.events import dumps
from respool.server.choosing import AskUpstream
from respool.server.delivery import Delivery
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session_holds import hold
from respool.server.starting import begin

if TYPE_CHECKING:
    from fastapi import APIRouter

MATCH_HEADER = "x-respool-match"
_FAULT_HEADER = FAULT_HEADER.encode()
_LONGEST = 500  # characters of what is said in it
# The faults after which a client may have a history that no service would have given it.
_ALTERING = frozenset({"events", "model", "wire"})
_MATCH_HEADER = MATCH_HEADER.encode()


Create = Callable[[HTTPRequest], Awaitable[Response]]


def router(create: Create) -> "APIRouter":
    """Return the routes; `create` is what `create_endpoint` gives."""
    from fastapi import APIRouter  # late: this module is imported where FastAPI is not needed

    routes = APIRouter(prefix="/v1/responses", tags=["responses"], responses=REFUSALS)
    routes.post("", summary="Create a response", response_class=Response)(create)
    return routes


def create_endpoint(
    server: MockServer,
    max_body: int,
    request_faults: bool,
    max_streams: int | None = None,
    upstream: LiveUpstream | None = None,
) -> Create:
    """Return the function that answers ``POST /v1/responses``, for one server. `max_body` is the limit of a
    request body in bytes; `request_faults`, whether a request may ask for faults; `max_streams`, how many
    streams there may be at once; `upstream`, what answers requests without recording."""

    async def create(http: HTTPRequest) -> Response:
        """Play the recording that answers: as a stream if the body's `stream` is true; at once, as far as
        it has come, if its `background` is; else its final Response object, at the moment at which the
        stream would have ended."""
        scope = http.scope
        exchange: Exchange = scope["respool.exchange"]
        steered: Steering = scope["respool.steering"]
        body = await read_body(http, max_body, steered)
        server.journal.keep_body(exchange, body)
        values = steered.get(_FAULT_HEADER)
        if values:
            await load_faults()
        requested = requested_faults(values, request_faults) if values else ()
        for fault in requested:
            if fault.category == "socket":
                raise RequestError(
                    f"The fault {fault.name} happens on WebSockets only, not to a POST.", code="invalid_fault"
                )
        parameters = parse_object(body) if len(body) <= LARGE else await parse_body(body)
        request = Request(
            parameters,
            scope.get("respool.name"),
            name_in_header(scope) if steered else None,
            len(body),
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            scope["headers"],
            exchange.session,
            body,
            requested,
            seed=exchange.request_id,
            pace=requested_pace(scope) if steered else None,
        )
        if requested:
            check_possible(requested, stream=request.stream)
        if max_streams is not None and request.stream and len(open_streams_of_loop()) >= max_streams:
            raise RequestError(
                f"{max_streams} streams are under way, which is the limit of this server (--max-streams).",
                status=503,
                code="too_many_streams",
                type="server_error",
            )
        if len(body) > LARGE:
            # Large ones are checked in a thread, since strict types take 0.2 ms for an item.
            await beside(len(body), request.check, server.validate)
            request = replace(request, checked=True)

        def decide() -> Response:
            if steered:
                set_requested_clock(scope, server.session(request.session).clock, server.state)
            playback, decision, session, plain = begin(server, request, None, None, exchange.received)
            exchange.recording = playback.recording.name
            exchange.why = decision.line
            if not plain:
                exchange.response_id = playback.id
            delivery = delivery_of(server, playback, session, exchange)
            stub = decision.stub
            faults = (*stub.faults, *requested) if stub else requested
            points = requested_holds(scope) if steered else ()
            if points or stub or session.holds or playback.recording.header.hold:
                hold(delivery, points, session.holds, stub.hold if stub else ())
            active = draw(server, playback.recording, faults, scope, session)
            if not active:
                return _answer(delivery, plain)
            try:
                sound = _answer(delivery, plain)
            except RequestError as error:  # the recording has no such answer
                sound = envelope(error, profile=server.profile)
            session.altered = session.altered or any(one.fault.category in _ALTERING for one in active)
            return FaultyResponse(sound, delivery, active, playback.started, server.held_by_faults)

        needs = needs_of(request) if server.state.shared else ()
        try:
            return await decided(server, request.session, decide, *needs)
        except AskUpstream as ask:
            if upstream is None:
                raise
            decision = ask.decision
        if await upstream.settle():  # the answer may just have been recorded
            try:
                return await decided(server, request.session, decide, *needs)
            except AskUpstream as ask:
                decision = ask.decision
        exchange.why, exchange.relayed = decision.line, True
        return RelayedResponse(upstream, request, decision)

    return create


def _answer(delivery: Delivery, plain: bool) -> Response:
    """Return the sound answer; `plain`: it is a body. Raise RequestError where the recording has none."""
    playback, now = delivery.playback, delivery.clock.now()
    if playback.streamed and not plain:
        return PlaybackResponse(delivery, stream_head(playback, now, _match_header(delivery.exchange.why)))
    why = {MATCH_HEADER: in_header(delivery.exchange.why)}
    if plain:
        return _plain(playback, now, why)
    if playback.background:
        return json_response(playback, playback.snapshot(now), now, why)
    ends = playback.started + playback.rendition.sse.schedule.end
    return LateResponse(delivery, head_of(playback, ends, stream=False) | why)


def json_response(
    playback: Playback, text: str, now: float, more: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """Return a Response object, with the headers of an answer that leaves now, and `more`."""
    head = {**head_of(playback, now, stream=False), **more}
    return Response(text, headers=head, media_type="application/json")


@lru_cache(256)
def _match_header(why: str) -> tuple[bytes, bytes]:
    return _MATCH_HEADER, in_header(why).encode()


def in_header(text: str) -> str:
    """Return a text as the value of a header."""
    if text.isascii() and len(text) <= _LONGEST and text.isprintable():
        return text
    return printable(text, _LONGEST).encode("ascii", "backslashreplace").decode()


def _plain(playback: Playback, now: float, more: Mapping[str, str]) -> Response:
    """Return an answer that is no stream: an HTTP error, most of the time."""
    header, headers = playback.recording.header, {**head_of(playback, now), **more}
    if header.status in (204, 304):  # which have no body
        return Response(None, header.status, headers)
    if isinstance(header.body, str):
        return Response(header.body, header.status, headers, media_type="text/plain")
    body = header.body
    if (scripted := playback.recording.scripted) and (given := scripted.turn.error) is not None:
        body = playback.profile.error_body(header.status, body["error"])
        body["error"].update(given)  # what the Script says itself stays
    return Response(dumps(body), header.status, headers, media_type="application/json")
