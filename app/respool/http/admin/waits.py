"""``/__admin/wait``: wait until live streams meet a condition."""

import re
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from respool.errors import OptionError, RequestError, printable
from respool.http.admin.base_models import AdminModel, AnySession
from respool.http.admin.playback_models import Playback, ended_view, view
from respool.http.control import Controller
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer

LONGEST_WAIT = 300.0  # seconds
MOST_WAITING = 100  # at once


class Waited(AdminModel):
    """What was waited for; `timeout` is true if it did not come."""

    timeout: bool
    playback: Playback | None = None
    requests: int | None = None


def router(server: MockServer) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["live streams"])
    controller = Controller(server)
    waiting: list[str] = []

    @routes.get("/wait", summary="Wait for a state")
    async def wait(
        for_: Annotated[
            str,
            Query(
                alias="for",
                description="`playback.held`, `playback.done` (whichever way it ended), `requests>=N`, or "
                "`seq>=N` (an event with that sequence number was sent).",
            ),
        ],
        session: AnySession = None,
        playback: Annotated[str | None, Query(description="Only this one, by its id.")] = None,
        timeout: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Real seconds.")] = 10.0,
    ) -> Waited:
        """Answer as soon as it is so, or when the time is over: then `timeout` is true."""
        look = _look(server, for_, session, playback)
        if len(waiting) >= MOST_WAITING:
            raise RequestError(
                f"{MOST_WAITING} requests wait already; end some.", status=429, code="too_many"
            )
        waiting.append(for_)
        try:
            found = await controller.wait(look, timeout, poll=not for_.startswith("playback."))
        finally:
            waiting.remove(for_)
        return found or Waited(timeout=True)

    return routes


def _look(
    server: MockServer, wanted: str, session: str | None, id: str | None
) -> Callable[[], Waited | None]:
    """Return what is searched for, again and again. Raise OptionError."""
    deliveries = server.deliveries

    def live() -> list[Delivery]:
        return [one for one in deliveries if session in (None, one.exchange.session) and id in (None, one.id)]

    def held() -> Waited | None:
        found = next((one for one in live() if one.held), None)
        return None if found is None else Waited(timeout=False, playback=view(found))

    def done() -> Waited | None:
        ended = [
            one for one in deliveries.ended if session in (None, one[1].session) and id in (None, one[0])
        ]
        return Waited(timeout=False, playback=ended_view(*ended[-1])) if ended else None

    if wanted in ("playback.held", "playback.done"):
        return held if wanted == "playback.held" else done
    match = re.fullmatch(r"(requests|seq)>=([0-9]{1,9})", wanted)
    if not match:
        raise OptionError(
            f"for is {printable(wanted)}, expected playback.held, playback.done, requests>=N or seq>=N"
        )
    least = int(match[2])

    def requests() -> Waited | None:
        count = sum(session in (None, one.session) for one in server.journal)
        return Waited(timeout=False, requests=count) if count >= least else None

    def seq() -> Waited | None:
        seen = (view(one) for one in live())
        found = next((one for one in seen if one.seq_sent is not None and one.seq_sent >= least), None)
        return None if found is None else Waited(timeout=False, playback=found)

    return requests if match[1] == "requests" else seq
