"""``/__admin/playbacks``: control of live streams."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query

from respool.errors import EditError, OptionError, RequestError, printable
from respool.http.admin.base_models import AnySession
from respool.http.admin.playback_models import (
    Changed,
    Drop,
    Finish,
    HoldNow,
    Inject,
    Playback,
    PlaybackList,
    Release,
    Replace,
    State,
    ended_view,
    sent_view,
    view,
)
from respool.http.control import Controller
from respool.recordings.hold_points import HoldPoint
from respool.server.control import How, read_event
from respool.server.mock_server import MockServer

MOST_LISTED = 1000


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["live streams"])
    controller = Controller(server)
    deliveries = server.deliveries

    @routes.get("/playbacks", summary="List live streams")
    async def playbacks(
        session: AnySession = None,
        state: Annotated[list[State] | None, Query(description="Only in this state. Repeatable.")] = None,
        recording: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> PlaybackList:
        """List the streams under way, and the latest 1000 that have ended."""
        found = [ended_view(*one) for one in deliveries.ended if session in (None, one[1].session)]
        found += [view(one) for one in deliveries if session in (None, one.exchange.session)]
        found.sort(key=lambda one: int(one.id.rpartition("_")[2]))
        wanted = [
            one for one in found if (not state or one.state in state) and recording in (None, one.recording)
        ]
        return PlaybackList(playbacks=wanted[-MOST_LISTED:])

    @routes.get("/playbacks/{id}", summary="Look at a live stream")
    async def playback(id: str) -> Playback:
        """Tell how a stream is getting on."""
        for ended in deliveries.ended:
            if id == ended[0]:
                return ended_view(*ended)
        return view(deliveries.get(id))

    @routes.post("/playbacks/{id}/release", summary="Release a stream")
    async def release(id: str, body: Release) -> Changed:
        """Let go of what is held. Answers when it was handed to the connection. Two at once add up."""
        if body.events is not None and body.until is not None:
            raise OptionError("give one of events and until")
        delivery = deliveries.get(id)
        until = None if body.until is None else HoldPoint.of(body.until)
        sent = await conflicts(lambda: controller.release(delivery, body.events, until))
        return Changed(sent=[sent_view(one) for one in sent], playback=view(delivery))

    @routes.post("/playbacks/{id}/hold", summary="Hold a stream")
    async def hold(id: str, body: HoldNow) -> Changed:
        """Hold a stream that is under way."""
        delivery = deliveries.get(id)
        options = {"ttl": body.ttl, "on_expiry": body.on_expiry, "keepalive": body.keepalive}
        point = None if body.at is None else HoldPoint.of(body.at, body.when, **options)
        await conflicts(lambda: controller.hold(delivery, point))
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/inject", summary="Send another event")
    async def inject(id: str, body: Inject) -> Changed:
        """Send an event that is not in the recording. With `renumber`, it takes the next sequence number and
        those after it rise."""
        delivery, event = deliveries.get(id), read_event(body.event)
        await conflicts(
            lambda: controller.inject(delivery, event, renumber=body.renumber, before=body.before)
        )
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/drop", summary="Leave out an event")
    async def drop(id: str, body: Drop) -> Changed:
        """Leave out an event that was not sent yet; the numbers of the others stay."""
        delivery = deliveries.get(id)
        await conflicts(lambda: controller.replace(delivery, body.seq))
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/replace", summary="Replace an event")
    async def replace(id: str, body: Replace) -> Changed:
        """Send another event in place of one that was not sent yet."""
        delivery, event = deliveries.get(id), read_event(body.event)
        await conflicts(lambda: controller.replace(delivery, body.seq, event))
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/finish", summary="End a stream")
    async def finish(id: str, body: Finish) -> Changed:
        """End a stream now."""
        delivery = deliveries.get(id)
        how = _how(body.how)
        await conflicts(lambda: controller.finish(delivery, how, body.error))
        return Changed(sent=[], playback=view(delivery))

    return routes


async def conflicts(work: Callable[[], Any]) -> Any:
    """Do some work; what cannot be done in the state in which a stream is, is a conflict."""
    try:
        return await work()
    except EditError as error:
        raise RequestError(f"{error}.", status=409, code="conflict") from None


def _how(text: str) -> How:
    name = "close" if re.fullmatch(r"close(:[0-9]{4})?", text) else text
    if name not in ("terminal", "cut", "reset", "error_event", "close"):
        raise OptionError(f"how is {printable(text)}, expected terminal, cut, reset, error_event or close")
    return name  # type: ignore[return-value]
