"""``/v1/responses``: create."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from fastapi import APIRouter
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import Scope

from respool.errors import OptionError, RequestError, printable
from respool.http.body_limits import LARGE
from respool.http.deciding import decided, needs_of
from respool.http.edge import exchange_of, name_in_header, name_in_path, session_of
from respool.http.heads import head_of
from respool.http.problems import REFUSALS, envelope
from respool.http.request_body import beside, parse_body, read_body
from respool.http.sending.connection import steering
from respool.http.sending.faulty import (
    FAULT_HEADER,
    FaultyResponse,
    asked_faults,
    check_possible,
    draw,
    load_faults,
)
from respool.http.sending.open_streams import open_streams_of_loop
from respool.http.sending.playback_response import LateResponse, PlaybackResponse
from respool.play.hold_points import HoldPoint, parse
from respool.play.playback import Playback
from respool.protocol.events import dumps
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session_holds import hold

HOLD_HEADER = "x-respool-hold"

MATCH_HEADER = "x-respool-match"
_FAULT_HEADER = FAULT_HEADER.encode()
_LONGEST = 500  # characters of what is said in it
# The faults after which a client may have a history that no service would have given it.
_ALTERING = frozenset({"events", "model", "wire"})
_HOLD_HEADER = HOLD_HEADER.encode()


def router(
    server: MockServer, max_body: int, request_faults: bool, max_streams: int | None = None
) -> APIRouter:
    """The routes, for one server. `max_body` is the limit of a request body in bytes; `request_faults`,
    whether a request may ask for faults; `max_streams`, how many streams there may be at once."""
    routes = APIRouter(prefix="/v1/responses", tags=["responses"], responses=REFUSALS)

    @routes.post(
        "",
        summary="Create a response",
        response_class=Response,
    )
    async def create(http: HTTPRequest) -> Response:
        """Play the recording that answers: as a stream if the body's `stream` is true; at once, as far as
        it has come, if its `background` is; else its final Response object, at the moment at which the
        stream would have ended."""
        exchange = exchange_of(http.scope)
        body = await read_body(http, max_body)
        server.journal.keep_body(exchange, body)
        if values := steering(http.scope, _FAULT_HEADER):
            await load_faults()
        asked = asked_faults(values, request_faults)
        for fault in asked:
            if fault.category == "socket":
                raise RequestError(
                    f"The fault {fault.name} happens on WebSockets only, not to a POST.", code="invalid_fault"
                )
        name = name_in_path(http.scope)
        parameters = await parse_body(body)
        request = Request(
            parameters,
            name,
            name_in_header(http.scope),
            len(body),
            http.scope["method"],
            http.scope["path"],
            http.scope["query_string"].decode("latin-1"),
            http.scope["headers"],
            session_of(http.scope),
            body,
            asked,
            seed=exchange.request_id,
        )
        check_possible(asked, stream=request.stream)
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
            session = server.session(request.session)
            # Time counts from the request's arrival, unless a test holds the clock.
            playback, decision = server.begin(request, None if session.clock.setting else exchange.received)
            exchange.recording = playback.recording.name
            exchange.why = decision.line
            if not playback.recording.plain:
                exchange.response_id = playback.id
            on_left = partial(server.client_left, playback, request.session)
            if server.state.shared:
                on_left = partial(server.state.run_later, request.session, on_left)
            delivery = Delivery(
                playback, session.clock, exchange, on_left=on_left, known_in=server.deliveries
            )
            faults = (*decision.stub.faults, *asked) if decision.stub else asked
            points = asked_holds(http.scope)
            if points or session.holds:
                hold(delivery, points, session.holds)
            drawn = draw(server, playback.recording, faults, http.scope, request.session)
            if not drawn:
                return _answer(delivery)
            try:
                sound = _answer(delivery)
            except RequestError as error:  # the recording has no such answer
                sound = envelope(error, profile=server.profile)
            session.altered = session.altered or any(one.fault.category in _ALTERING for one in drawn)
            return FaultyResponse(sound, delivery, drawn, playback.started, server.held_by_faults)

        return await decided(server, request.session, decide, *needs_of(request))

    return routes


def asked_holds(scope: Scope) -> tuple[HoldPoint, ...]:
    """Where a request's headers ask for its stream to be held. Raise RequestError."""
    values = steering(scope, _HOLD_HEADER)
    if not values:
        return ()
    try:
        return parse(";".join(values).encode("latin-1").decode("utf-8", "replace"))
    except OptionError as error:
        raise RequestError(f"The header {HOLD_HEADER}: {error}", code="invalid_hold") from None


def _answer(delivery: Delivery) -> Response:
    """The sound answer. Raises RequestError where the recording has none."""
    playback, now = delivery.playback, delivery.clock.now()
    why = {MATCH_HEADER: _in_header(delivery.exchange.why)}
    if playback.recording.plain:
        return _plain(playback, now, why)
    if playback.streamed:
        return PlaybackResponse(delivery, head_of(playback, now) | why)
    if playback.background:
        return json_response(playback, playback.snapshot(now), now, why)
    ends = playback.started + playback.rendition.schedule.end
    return LateResponse(delivery, head_of(playback, ends, stream=False) | why)


def json_response(
    playback: Playback, text: str, now: float, more: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """A Response object, with the headers of an answer that leaves now, and `more`."""
    head = {**head_of(playback, now, stream=False), **more}
    return Response(text, headers=head, media_type="application/json")


def _in_header(text: str) -> str:
    """A text as the value of a header."""
    if text.isascii() and len(text) <= _LONGEST and text.isprintable():
        return text
    return printable(text, _LONGEST).encode("ascii", "backslashreplace").decode()


def _plain(playback: Playback, now: float, more: Mapping[str, str]) -> Response:
    """An answer that is no stream: an HTTP error, most of the time."""
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
