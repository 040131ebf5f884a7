"""``/__admin/events``: what happens to requests, while it happens, as server-sent events."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator

from fastapi import APIRouter
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from respool.http.admin.base_models import AnySession
from respool.http.admin.limits import Places
from respool.http.admin.requests import view
from respool.server.journal import Exchange, Journal
from respool.server.mock_server import MockServer
from respool.server.seen_requests import SeenRequest

logger = logging.getLogger("respool.admin")

MOST_READERS = 100
MOST_QUEUED = 1000  # events of one reader
PING = 15  # seconds: after so long without an event a comment is sent, so that no proxy hangs up

_STREAM = """event: request.arrived
data: {"id":7,"session":"checkout","method":"POST","path":"/v1/responses","status":null, ...}

event: request.ended
data: {"id":7,"session":"checkout","method":"POST","path":"/v1/responses","status":200, ...}

"""


class Feed:
    """The events for one reader. When it is too slow, later events are dropped, and it is told how many."""

    def __init__(self, session: str | None = None, most: int = MOST_QUEUED) -> None:
        self._session = session
        self._most = most
        self._waiting: deque[ServerSentEvent] = deque()
        self._dropped = 0
        self._more = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, change: str, exchange: Exchange) -> None:
        """Take up a change of the journal, in the server's thread."""
        if self._session not in (None, exchange.session) or exchange.path == "/healthz":
            return
        if len(self._waiting) >= self._most:
            if not self._dropped:
                logger.warning("a reader of /__admin/events is too slow: events are dropped")
            self._dropped += 1
            return
        if self._dropped:
            self._waiting.append(_dropped(self._dropped))
            self._dropped = 0
        data = view(SeenRequest(exchange)).model_dump_json()
        self._waiting.append(ServerSentEvent(data, event=f"request.{change}", sep="\n"))
        self._loop.call_soon_threadsafe(self._more.set)

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Yield the events as they come, for ever."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                yield _dropped(dropped)
            self._more.clear()
            if not self._waiting:
                await self._more.wait()


def _dropped(number: int) -> ServerSentEvent:
    return ServerSentEvent(json.dumps({"dropped": number}), event="dropped", sep="\n")


class FeedResponse(EventSourceResponse):
    """The answer to one reader. Raises RequestError, when it should begin, if there are too many."""

    def __init__(self, journal: Journal, places: Places, session: str | None) -> None:
        self._journal = journal
        self._places = places
        self._feed = Feed(session)
        super().__init__(self._feed.events(), ping=PING, sep="\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._places.taken(), self._journal.watch(self._feed):
            await super().__call__(scope, receive, send)


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["requests"])
    places = Places(MOST_READERS, "readers of events")

    @routes.get(
        "/events",
        summary="Follow requests",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {"example": _STREAM}}}},
    )
    async def events(session: AnySession = None) -> EventSourceResponse:
        """Follow what happens, as server-sent events: `request.arrived`, `request.started` (its answer has
        begun), `request.ended`; the data is the request as `GET /requests` lists it. `dropped` says how many
        events a reader has missed that was too slow."""
        return FeedResponse(server.journal, places, session)

    return routes
