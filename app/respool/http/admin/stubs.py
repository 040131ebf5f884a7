"""``/__admin/stubs`` and ``/__admin/near-misses``: what answers which request, and what nearly does."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from respool.errors import RequestError
from respool.http.admin.base_models import AdminModel, RequiredSession, SessionName, example
from respool.match.stubs import Stub
from respool.server.mock_server import MockServer
from respool.server.request import Request

MOST_STUBS = 1000  # of one session

_STUB = {"name": "weather", "match": {"last_user_text": {"contains": "weather"}}, "play": "tools/get_weather"}


class AddStub(AdminModel):
    """A stub for a session, in the words of a stub file."""

    model_config = example(session="checkout", stub=_STUB)
    session: SessionName
    stub: dict[str, Any]


class StubView(AdminModel):
    """A stub."""

    name: str
    of: Annotated[str, Field(description='"session", or the file that it stands in.')]
    stub: Annotated[dict[str, Any] | None, Field(description="As it was given; null for one of a file.")]


class Stubs(AdminModel):
    """The stubs of a session, in the order in which they are tried."""

    model_config = example(stubs=[{"name": "weather", "of": "session", "stub": _STUB}])
    stubs: list[StubView]


class TriedRequest(AdminModel):
    """A body of ``POST /v1/responses`` that is only tried."""

    model_config = example(session="", body={"model": "gpt-5.2", "input": "What is the weather?"})
    session: SessionName = ""
    body: dict[str, Any]


class NearMissList(AdminModel):
    """What nearly answers a request, the nearest first."""

    model_config = example(
        near_misses=[
            {
                "recording": "tools/get_weather",
                "turn": 1,
                "distance": 0.1,
                "differences": [{"pointer": "/input/0/content/0/text", "recorded": "a", "received": "b"}],
            }
        ]
    )
    near_misses: list[dict[str, Any]]


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["stubs"])

    @routes.get("/stubs", summary="List the stubs of a session")
    async def stubs(session: RequiredSession) -> Stubs:
        """List the stubs that answer requests of a session: its own, then those of files."""
        found = server.sessions.find(session)
        own = [_view(stub, "session") for stub in (found.stubs if found else ())]
        known = server.indexes.rule_set.stub_set
        of_files = [_view(stub, "file") for stub in (known.given if known else ())]
        return Stubs(stubs=[*own, *of_files])

    @routes.post("/stubs", summary="Add a stub to a session", status_code=201)
    async def add(body: AddStub) -> StubView:
        """Add a stub. One of the same name is replaced; it is asked before those of files."""
        from respool.match.stubs_file import read_stub  # late: it needs much of Scripts
        from respool.scripts import ScriptError

        session = server.session(body.session)
        if len(session.stubs) >= MOST_STUBS:
            raise RequestError(
                f"The session has {MOST_STUBS} stubs, and takes no more: remove some.", code="too_many_stubs"
            )
        name = body.stub.get("name") or f"stub {len(session.stubs) + 1}"
        try:
            stub = read_stub(body.stub, str(name))
        except ScriptError as error:
            place = "".join(f" at {step}" if n == 0 else f".{step}" for n, step in enumerate(error.path))
            problem = f"The stub cannot be used{place}: {error}."
            raise RequestError(problem, param="stub", code="invalid_stub") from None
        session.stubs[:] = [one for one in session.stubs if one.name != stub.name]
        session.stubs.append(stub)
        return _view(stub, "session")

    @routes.delete("/stubs", summary="Remove stubs of a session")
    async def remove(session: RequiredSession, name: str | None = None) -> Stubs:
        """Remove the session's stub of that name, or all of them. Those of files stay."""
        using = server.session(session)
        removed = [one for one in using.stubs if name in (None, one.name)]
        if name is not None and not removed:
            raise RequestError(f"The session has no stub of the name {name!r}.", status=404, code="no_stub")
        using.stubs[:] = [one for one in using.stubs if one not in removed]
        return Stubs(stubs=[_view(stub, "session") for stub in removed])

    @routes.post("/near-misses", summary="Find what nearly answers a request")
    async def near_misses(tried: TriedRequest) -> NearMissList:
        """Compare a request with the recorded ones and with stubs. Nothing is played or journaled."""
        from respool.server.misses import near_misses as find  # late: with all that compares

        session = server.session(tried.session)
        found = find(Request(tried.body, session=tried.session), session, session.clock.now(), server.indexes)
        return NearMissList(near_misses=[dict(one) for one in found.to_api()])

    return routes


def _view(stub: Stub, of: str) -> StubView:
    source = None if stub.source is None else dict(stub.source)
    return StubView(name=stub.name, of=stub.place.rpartition(":")[0] or of, stub=source)
