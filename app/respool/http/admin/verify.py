"""``/__admin/verify``, ``/__admin/unplayed``, ``/__admin/wait``: compare the requests that came with the
expected ones."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request as HTTPRequest

from respool.errors import OptionError
from respool.http.admin.base_models import AdminModel, AnySession, example
from respool.http.admin.limits import Places
from respool.http.admin.requests import RequestView, view
from respool.server.mock_server import MockServer
from respool.server.request_filter import RequestFilter
from respool.server.seen_requests import SeenRequests
from respool.server.verify import Times, check_count, check_order
from respool.server.waiting import Waiter

LONGEST_WAIT = 300.0  # seconds
MOST_WAITING = 100  # at once


class Match(AdminModel):
    """Conditions on a request; all that is given must be met."""

    model_config = example(
        session="checkout",
        method="POST",
        path="*/v1/responses",
        recording="text/hello",
        headers={"x-trace": "1", "authorization": True},
        body={"model": "gpt-5", "input": [{"role": "user"}]},
        pointers={"/tools/0/name": "get_weather"},
        jmespath="length(input) == `1`",
    )
    session: Annotated[str | None, Field(description='"" is the default session.')] = None
    method: str | None = None
    path: Annotated[str | None, Field(description="As it was sent; `*` stands for any characters.")] = None
    status: int | None = None
    recording: str | None = None
    matched: Annotated[bool | None, Field(description="A recording answered.")] = None
    unmatched: Annotated[
        bool | None, Field(description="It asked for a response, and no recording answered.")
    ] = None
    pending: Annotated[bool | None, Field(description="Its answer has not ended.")] = None
    since: Annotated[float | None, Field(description="Seconds since 1970.")] = None
    model: str | None = None
    text: Annotated[str | None, Field(description="A part of the user's last text.")] = None
    headers: Annotated[
        dict[str, str | bool] | None,
        Field(description="Values; true: it was sent, false: it was not. Secrets are masked."),
    ] = None
    body: Annotated[
        Any, Field(description="A part of it: members of objects, elements of arrays in this order.")
    ] = None
    pointers: Annotated[
        dict[str, Any] | None, Field(description="Values in the body by JSON pointers (RFC 6901).")
    ] = None
    jmespath: Annotated[str | None, Field(description="An expression that is true of the body.")] = None

    def filter(self) -> RequestFilter:
        """Return the conditions. Raise OptionError for those that make no sense."""
        return RequestFilter(**{name: getattr(self, name) for name in type(self).model_fields})


class HowOften(AdminModel):
    """How many requests are expected: at least one, if nothing is given."""

    model_config = example(exactly=2)
    exactly: Annotated[int | None, Field(ge=0)] = None
    at_least: Annotated[int | None, Field(ge=0)] = None
    at_most: Annotated[int | None, Field(ge=0)] = None


class Verify(AdminModel):
    """What is expected: how many requests meet `match`, or that requests came in an `order`."""

    model_config = example(match={"session": "checkout", "recording": "text/hello"}, times={"exactly": 1})
    match: Match | None = None
    times: HowOften = HowOften()
    order: Annotated[
        list[Match] | None,
        Field(max_length=100, description="Requests that came in this order; others may be between."),
    ] = None


class VerifyResult(AdminModel):
    """The result; `failures` say what came instead."""

    model_config = example(
        ok=False,
        failures=[
            "expected exactly 2 requests with status 200, but there was 1:\n  7  POST /v1/responses 200"
        ],
    )
    ok: bool
    failures: list[str]


class Unplayed(AdminModel):
    """Turns of recordings that were never played."""

    model_config = example(unplayed=["text/hello", "tools/get_weather#2"])
    unplayed: list[str]


class Wait(AdminModel):
    """What to wait for."""

    model_config = example(match={"session": "checkout", "pending": False}, count=2, timeout=10)
    match: Match = Match()
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    timeout: Annotated[float, Field(ge=0, le=LONGEST_WAIT, description="Seconds.")] = 10.0


class WaitResult(AdminModel):
    """Whether as many came in time, and those that did."""

    ok: bool
    count: int
    requests: list[RequestView]


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["verification"])
    places = Places(MOST_WAITING, "requests that wait")

    @routes.post("/verify", summary="Verify what was asked")
    def verify(body: Verify) -> VerifyResult:
        """Say whether the requests that came are those that were expected."""
        if (body.match is None) == (body.order is None):
            raise OptionError("give one of match and order")
        requests = SeenRequests.of(server.journal)
        if body.match is not None:
            times = Times(body.times.exactly, body.times.at_least, body.times.at_most)
            failure = check_count(_of_session(requests, [body.match]), body.match.filter(), times)
        else:
            matches = body.order or []
            failure = check_order(_of_session(requests, matches), [match.filter() for match in matches])
        return VerifyResult(ok=not failure, failures=[failure] if failure else [])

    @routes.get("/unplayed", summary="List what was never played")
    def unplayed(session: AnySession = None) -> Unplayed:
        """List the turns of recordings that were never played: in a session since its last reset, or, without
        one, at all since the start."""
        return Unplayed(unplayed=server.unplayed(session))

    @routes.post("/wait", summary="Wait for requests")
    async def wait(body: Wait, http: HTTPRequest) -> WaitResult:
        """Answer as soon as `count` requests meet `match`, those that are there included, or when the time is
        over."""
        loop, reached = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(reached.set)

        waiter = Waiter(server.journal, body.match.filter(), body.count, wake)
        with places.taken(), waiter.watching():
            await asyncio.to_thread(waiter.look)
            left = asyncio.ensure_future(
                http.receive()
            )  # the body was read: what comes is the client's leave
            coming = asyncio.ensure_future(reached.wait())
            try:
                await asyncio.wait([left, coming], timeout=body.timeout, return_when=asyncio.FIRST_COMPLETED)
            finally:
                left.cancel()
                coming.cancel()
        found = waiter.found
        return WaitResult(
            ok=len(found) >= body.count, count=len(found), requests=[view(one) for one in found]
        )

    return routes


def _of_session(requests: SeenRequests, matches: Sequence[Match]) -> SeenRequests:
    """Return the requests of the session in question: a failure should show no others."""
    sessions = {match.session for match in matches}
    return SeenRequests([one for one in requests if None in sessions or one.session in sessions])
