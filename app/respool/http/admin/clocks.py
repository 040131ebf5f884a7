"""``/__admin/clock``: the time of a session."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from respool.errors import OptionError, printable
from respool.http.admin.base_models import AdminModel, SessionName, example
from respool.http.admin.playback_models import Sent
from respool.http.admin.playbacks import conflicts
from respool.http.control import Advanced, Controller
from respool.http.deciding import decided
from respool.http.requested import check_clock
from respool.play.session_clock import Mode
from respool.recordings.hold_points import HoldPoint
from respool.server.mock_server import MockServer
from respool.server.session import Session


class Clock(AdminModel):
    """A session's clock."""

    model_config = example(session="checkout", mode="frozen", speed=1.0, now=1767225600.0)
    session: SessionName
    mode: Mode
    speed: float
    now: float  # seconds since 1970


class SetClock(AdminModel):
    """How a session's clock runs from now on."""

    model_config = example(session="checkout", mode="frozen")
    session: SessionName = ""
    mode: Mode = "real"
    speed: Annotated[float, Field(description="Seconds for each second of the server, while it runs.")] = 1.0
    now: Annotated[
        float | str | None,
        Field(
            description="The session's moment: seconds since 1970, or as `2026-01-01T00:00:00Z`. Never past."
        ),
    ] = None


class Target(AdminModel):
    """A point in a stream."""

    playback: str
    event: str
    nth: Annotated[int, Field(ge=1)] = 1


class Advance(AdminModel):
    """How far to advance a frozen clock: one of the three."""

    model_config = example(session="checkout", seconds=2.5)
    session: SessionName = ""
    seconds: Annotated[float | None, Field(ge=0)] = None
    to: Target | None = None
    next: Annotated[int | None, Field(ge=1, description="So many events.")] = None


class AdvancedClock(AdminModel):
    """The result: see `http.control.Advanced`."""

    now: float
    sent: list[Sent]
    due_next: Annotated[float | None, Field(description="Seconds; null: nothing waits for a moment.")]
    held: list[str]
    behind: Annotated[list[str], Field(description="Playbacks whose clients do not read.")]


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["clock"])
    controller = Controller(server)

    @routes.get("/clock", summary="Read a clock")
    async def clock(session: Annotated[str, Query(max_length=200)] = "") -> Clock:
        """Tell how a session's clock runs."""
        return _view(server.session(session))

    @routes.put("/clock", summary="Set a clock")
    async def put(body: SetClock) -> Clock:
        """Have a session's clock run, stand still (frozen), or jump to the next moment that is due as soon as
        all of the session's streams are idle (auto)."""
        check_clock(body.mode, server.state, "mode")
        session = server.session(body.session)
        now = _moment(body.now) if isinstance(body.now, str) else body.now
        session.clock.set(body.mode, body.speed, now)
        return _view(session)

    @routes.post("/clock/advance", summary="Move a clock on")
    async def advance(body: Advance) -> AdvancedClock:
        """Move a frozen clock on, and answer when all that was due on the way was handed to the connections,
        one moment after the other."""
        session = await decided(server, body.session, lambda: server.session(body.session))
        to = None
        if body.to is not None:
            point = HoldPoint.of({"event": body.to.event, "nth": body.to.nth})
            to = (server.deliveries.get(body.to.playback), point)
        found: Advanced = await conflicts(
            lambda: controller.advance(session, seconds=body.seconds, next=body.next, to=to)
        )

        def keep() -> None:  # the others have moved theirs with it
            if (clock := server.session(body.session).clock).frozen:
                clock.advance_to(found.now)

        await decided(server, body.session, keep)
        return AdvancedClock(
            now=found.now,
            sent=[Sent(playback=one.playback, seq=one.seq, type=one.type, t=one.t) for one in found.sent],
            due_next=found.due_next,
            held=list(found.held),
            behind=list(found.behind),
        )

    return routes


def _view(session: Session) -> Clock:
    setting: Any = session.clock.setting
    return Clock(
        session=session.name,
        mode=session.clock.mode,
        speed=setting.rate if setting else 1.0,
        now=session.clock.now(),
    )


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OptionError(f"now is {printable(text)}, expected a moment as 2026-01-01T00:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
