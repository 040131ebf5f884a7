"""``/v1/responses/{id}``: retrieve, resume, cancel, delete, and its input items."""

from fastapi import APIRouter
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.http.answers import answer
from respool.http.deciding import decided
from respool.http.heads import stream_head
from respool.http.problems import REFUSALS
from respool.http.request_body import beside, check_depth
from respool.http.request_scope import exchange_of, in_path, session_of
from respool.http.responses import json_response
from respool.http.sending.faulty import ASKED, FaultyResponse, accepted_codings
from respool.http.sending.playback_response import PlaybackResponse
from respool.play.edits import NEVER
from respool.play.playback import Playback
from respool.play.session_clock import SessionClock
from respool.protocol.include import with_include
from respool.protocol.items import Item, input_items
from respool.protocol.pages import page
from respool.protocol.request import read_list, read_retrieve
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer
from respool.server.state import Need


def router(server: MockServer) -> APIRouter:
    """Return the routes, for one server."""
    routes = APIRouter(prefix="/v1/responses/{response_id}", tags=["responses"], responses=REFUSALS)

    @routes.get(
        "",
        summary="Retrieve a response",
        response_class=Response,
    )
    async def retrieve(http: HTTPRequest) -> Response:
        """Retrieve a response as it is at this moment. With `stream`, send its events after the one with the
        sequence number `starting_after` (without it: all): those that are due at once, the others live."""
        response_id = in_path(http, "response_id")
        exchange, name = exchange_of(http.scope), session_of(http.scope)
        query = read_retrieve(http.query_params.multi_items(), server.validate)

        def decide() -> Response:
            session = server.session(name)
            now = session.clock.now()
            if not query.stream:
                playback = server.retrieve(response_id, now, session.name)
                exchange.recording = playback.recording.name
                if session.clock.mode == "auto" and not playback.ended(now):
                    wait_for_next_event(playback, session.clock)
                return json_response(playback, playback.snapshot(now), now)
            obfuscation = query.include_obfuscation is not False
            playback = server.stream(
                response_id, include_obfuscation=obfuscation, now=now, session=session.name
            )
            exchange.recording = playback.recording.name
            first = playback.first(query.starting_after)
            delivery = Delivery(playback, session.clock, exchange, first, known_in=server.deliveries)
            sound = PlaybackResponse(delivery, stream_head(playback, now))
            requested = http.scope.get(ASKED, ())
            codings = accepted_codings(http.headers.get("accept-encoding", ""))
            if active := session.sampler.sample(f"resume {playback.recording.name}", requested, codings):
                return FaultyResponse(sound, delivery, active, now, server.held_by_faults)
            return sound

        response = await decided(server, name, decide, Need("response", response_id))
        if query.stream:
            http.scope.pop(ASKED, None)  # they are applied here
        return response

    @routes.get(
        "/input_items",
        summary="List input items",
        response_class=Response,
    )
    async def list_input_items(http: HTTPRequest) -> Response:
        """List the items of the request, newest first."""
        response_id = in_path(http, "response_id")
        query = read_list(http.query_params.multi_items(), server.validate)
        session = session_of(http.scope)

        playback = await decided(
            server,
            session,
            lambda: server.retrieve(response_id, session=session),
            Need("response", response_id),
        )
        items = await beside(playback.size, _items_of, playback, response_id)
        found = page(items, query.after, query.limit, query.order, strict=server.stand_in() is None)
        return answer(http, server, {**found, "data": with_include(found["data"], query.include)})

    @routes.delete(
        "",
        summary="Delete a response",
        response_class=Response,
    )
    async def delete(http: HTTPRequest) -> Response:
        """Forget a response that has ended."""
        response_id = in_path(http, "response_id")
        session = session_of(http.scope)
        await decided(
            server,
            session,
            lambda: server.delete(response_id, session=session),
            Need("response", response_id),
        )
        return answer(http, server, {"id": response_id, "object": "response.deleted", "deleted": True})

    @routes.post(
        "/cancel",
        summary="Cancel a response",
        response_class=Response,
    )
    async def cancel(http: HTTPRequest) -> Response:
        """End a background response that is queued or in progress."""
        response_id, name = in_path(http, "response_id"), session_of(http.scope)

        def decide() -> Response:
            now = server.session(name).clock.now()
            playback = server.cancel(response_id, now, name)
            exchange_of(http.scope).recording = playback.recording.name
            return json_response(playback, playback.snapshot(now), now)

        return await decided(server, name, decide, Need("response", response_id))

    return routes


def _items_of(playback: Playback, response_id: str) -> list[Item]:
    """Return the items of the request that a response answers."""
    given = {"input": playback.body.get("input")}
    check_depth(given)
    return input_items(given, response_id)


def wait_for_next_event(playback: Playback, clock: SessionClock) -> None:
    """Wait for the next moment of a response, so that a clock that jumps to what is waited for jumps there:
    a client that polls a response waits for it, too."""
    now, moments = clock.now(), playback.schedule.moments
    due = playback.due(now)
    if due < len(moments) and moments[due] != NEVER:
        clock.call_at(playback.started + moments[due], lambda: None)
