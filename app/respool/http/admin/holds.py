"""``/__admin/holds``: holds for streams that will begin."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from respool.errors import RequestError, printable
from respool.http.admin.base_models import AdminModel, SessionName, example
from respool.recordings.hold_points import TTL, HoldPoint, OnExpiry
from respool.server.mock_server import MockServer
from respool.server.session_holds import SessionHold


class HoldMatch(AdminModel):
    """Which streams are meant; all of them, if nothing is given."""

    recording: Annotated[
        str | None, Field(description="Its name, with or without its turn; `*` stands for any characters.")
    ] = None
    stub: Annotated[
        str | None, Field(description="The name of the stub that chose it; `*` stands for any characters.")
    ] = None
    nth: Annotated[int | None, Field(ge=1, description="Only the nth of them.")] = None


class Hold(AdminModel):
    """A hold for the streams of a session."""

    model_config = example(
        id="h1",
        session="checkout",
        match={"recording": "text/*", "stub": None},
        at={"event": "response.output_text.delta", "nth": 2},
        when="after",
        ttl=30,
        on_expiry="abort",
        keepalive=None,
        times=1,
    )
    id: Annotated[str | None, Field(max_length=200, description="Left out: a new one.")] = None
    session: SessionName = ""
    match: HoldMatch = HoldMatch()
    at: Annotated[
        str | dict[str, Any],
        Field(
            description='An event type, "start", "terminal", or an object: event and nth, seq, item, text.'
        ),
    ]
    when: Literal["before", "after"] | None = None
    ttl: Annotated[float, Field(description="Real seconds that a stream may be held.")] = TTL
    on_expiry: OnExpiry = "abort"
    keepalive: Annotated[
        float | None,
        Field(description="A comment is sent whenever a stream was held for so many real seconds."),
    ] = None
    times: Annotated[int | None, Field(ge=1, description="How many streams it holds; null: all.")] = None


class HoldList(AdminModel):
    """The holds of a session."""

    holds: list[Hold]


class HoldRemoved(AdminModel):
    """Whether there was such a hold."""

    id: str
    done: bool


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["live streams"])

    @routes.put("/holds", summary="Hold streams to come")
    async def put(body: Hold) -> Hold:
        """Hold the streams that match, from now on; in place of a hold with the same id."""
        holds = server.session(body.session).holds
        point = HoldPoint.of(
            body.at, body.when, ttl=body.ttl, on_expiry=body.on_expiry, keepalive=body.keepalive
        )
        match = body.match
        hold = SessionHold(
            body.id or holds.new_id(), point, match.recording, match.nth, body.times, stub=match.stub
        )
        holds.put(hold)
        return body.model_copy(update={"id": hold.id, "when": "after" if point.after else "before"})

    @routes.get("/holds", summary="List holds")
    async def holds(session: Annotated[str, Query(max_length=200)] = "") -> HoldList:
        """List the holds of a session."""
        known = server.sessions.find(session)
        return HoldList(holds=[_view(one, session) for one in known.holds] if known else [])

    @routes.delete("/holds/{id}", summary="Remove a hold")
    async def remove(id: str, session: Annotated[str, Query(max_length=200)] = "") -> HoldRemoved:
        """Hold no more streams by it. Those that it holds stay held."""
        known = server.sessions.find(session)
        if known is None or not known.holds.remove(id):
            raise RequestError(f"There is no hold {printable(id)}.", status=404, code="not_found")
        return HoldRemoved(id=id, done=True)

    return routes


def _view(hold: SessionHold, session: str) -> Hold:
    point = hold.point
    at = str(point).partition("=")[2]
    return Hold(
        id=hold.id,
        session=session,
        match=HoldMatch(recording=hold.recording, stub=hold.stub, nth=hold.nth),
        at=at,
        when="after" if point.after else "before",
        ttl=point.ttl,
        on_expiry=point.on_expiry,
        keepalive=point.keepalive,
        times=hold.times,
    )
