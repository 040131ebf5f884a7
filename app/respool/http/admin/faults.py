"""``/__admin/faults``: the faults of every answer of a session."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from respool.errors import FaultError, RequestError
from respool.http.admin.base_models import AdminModel, RequiredSession, SessionName, example
from respool.server.mock_server import MockServer

MOST_FAULTS = 100


class SetFaults(AdminModel):
    """The new faults of every answer of a session."""

    model_config = example(
        session="checkout", faults=["abort(after=5)", {"fault": "status", "code": 503, "times": 2}]
    )
    session: SessionName
    faults: Annotated[
        list[str | dict[str, Any]] | None,
        Field(max_length=MOST_FAULTS, description="null: those of the server's settings."),
    ]


class Faults(AdminModel):
    """The faults of every answer of a session."""

    model_config = example(session="checkout", faults=["abort(after=5)"], own=True)
    session: SessionName
    faults: list[str]
    own: bool  # the session's own, not those of the server's settings


class FaultKind(AdminModel):
    """A kind of fault."""

    name: str
    category: str
    summary: str
    options: list[str]


class FaultKinds(AdminModel):
    """All kinds of faults."""

    model_config = example(
        faults=[
            {
                "name": "abort",
                "category": "end",
                "summary": "The connection is closed (FIN) within a chunk of the body.",
                "options": ["after"],
            }
        ]
    )
    faults: list[FaultKind]


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/faults", tags=["faults"])

    @routes.get("", summary="Get the faults of a session")
    async def faults(session: RequiredSession) -> Faults:
        """Get the faults of every answer of a session."""
        return _view(server, session)

    @routes.get("/kinds", summary="List the faults that there are")
    async def kinds() -> FaultKinds:
        """List the faults that there are."""
        from respool.faults import FAULTS, options_of  # late: there are many

        return FaultKinds(
            faults=[
                FaultKind(
                    name=name,
                    category=kind.category,
                    summary=(kind.__doc__ or "").partition("\n")[0],
                    options=list(options_of(kind)),
                )
                for name, kind in FAULTS.items()
            ]
        )

    @routes.put("", summary="Set the faults of a session")
    async def set_faults(body: SetFaults) -> Faults:
        """Set what goes wrong with every answer of a session, from its next request on. An empty list:
        nothing, whatever the server's settings say."""
        from respool.faults import read  # late: there are many

        try:
            given = None if body.faults is None else read(body.faults)
        except FaultError as error:
            raise RequestError(f"{error}.", param="faults", code="invalid_fault") from None
        if given and (counting := server.memory.counting(given)):
            raise server.memory.refusal(f"The fault {counting} cannot count its plays")
        session = server.session(body.session)
        session.faults = given
        session.sampler.clear()
        return _view(server, body.session)

    return routes


def _view(server: MockServer, name: str) -> Faults:
    session = server.sessions.find(name)
    own = session is not None and session.faults is not None
    found = server.faults if session is None else server.faults_of(session)
    return Faults(session=name, faults=[str(fault) for fault in found], own=own)
