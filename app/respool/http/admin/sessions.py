"""``/__admin/sessions``, ``/__admin/reset``: the state of each test."""

from typing import Any

from fastapi import APIRouter

from respool.errors import RequestError, printable
from respool.http.admin.base_models import AdminModel, RequiredSession, SessionName, example
from respool.server.mock_server import MockServer
from respool.server.session import Session


class SessionView(AdminModel):
    """One session."""

    model_config = example(
        name="checkout",
        now=1767225600.25,
        last_used=1767225600.0,
        requests=3,
        responses=2,
        plays={"text/hello": 2},
        scenarios={},
        faults=None,
    )
    name: SessionName
    now: float  # by the session's clock, in seconds since 1970
    last_used: float  # by the server's clock, in seconds since 1970
    requests: int  # of it that the journal has
    responses: int  # that can be asked for by their ids
    plays: dict[str, int]  # how often each turn of a recording was played
    scenarios: dict[str, str]
    faults: list[str] | None  # None: those of the server's settings


class SessionList(AdminModel):
    """All sessions; the first is the default session."""

    sessions: list[SessionView]


class Reset(AdminModel):
    """The session to reset."""

    model_config = example(session="checkout")
    session: SessionName


class Confirmation(AdminModel):
    """What was done."""

    model_config = example(session="checkout", done=True)
    session: SessionName
    done: bool


class Play(AdminModel):
    """What answers the requests of a session that name no recording."""

    model_config = example(session="checkout", name="text/hello")
    session: SessionName
    name: str | None  # null: what the server's settings say


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["sessions"])

    @routes.put("/play", summary="Set what a session plays")
    async def play(body: Play) -> Play:
        """Have a recording answer the requests of a session that name none."""
        if body.name is not None and server.store.get(body.name) is None:
            nearest = ", ".join(server.store.nearest(body.name))
            hint = f" Nearest: {nearest}." if nearest else ""
            raise RequestError(
                f'There is no recording "{printable(body.name)}".{hint}', param="name", code="not_found"
            )
        server.session(body.session).default = body.name
        return body

    @routes.get("/sessions", summary="List sessions")
    async def sessions() -> SessionList:
        """List all sessions, with what each holds."""
        counts: dict[str, int] = {}
        for exchange in server.journal:
            counts[exchange.session] = counts.get(exchange.session, 0) + 1
        return SessionList(sessions=[_view(one, counts.get(one.name, 0)) for one in list(server.sessions)])

    @routes.post("/reset", summary="Reset a session")
    async def reset(body: Reset) -> Confirmation:
        """Have a session as at its beginning: its requests, responses, conversations, plays, scenarios,
        faults and clock. Streams that are open go on. No other session is touched."""
        found = server.sessions.find(body.session) is not None
        await server.state.forget_requests(body.session)
        server.reset(body.session)
        return Confirmation(session=body.session, done=found)

    @routes.delete("/sessions", summary="Delete a session")
    async def delete(session: RequiredSession) -> Confirmation:
        """Forget a session and its requests. The default session cannot be deleted; reset it."""
        if not session:
            raise RequestError(
                'The session "" is the default one, and cannot be deleted: '
                'POST /__admin/reset with {"session": ""} resets it.',
                param="session",
            )
        _known(server, session)
        await server.state.forget_requests(session)
        server.reset(session)
        return Confirmation(session=session, done=server.sessions.delete(session))

    return routes


def _known(server: MockServer, name: str) -> Session:
    session = server.sessions.find(name)
    if session is None:
        raise RequestError(
            f'There is no session "{printable(name)}".', status=404, code="not_found", param="session"
        )
    return session


def _view(session: Session, requests: int) -> SessionView:
    faults: Any = session.faults
    return SessionView(
        name=session.name,
        now=session.clock.now(),
        last_used=session.last_used,
        requests=requests,
        responses=len(session.history),
        plays=dict(session.plays),
        scenarios=dict(session.scenarios),
        faults=None if faults is None else [str(fault) for fault in faults],
    )
