"""How an answer leaves: the only place that waits for its moment."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache

from sse_starlette import EventSourceResponse
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from respool.http.sending.connection import REST, SERVER_SEND
from respool.http.sending.open_streams import from_any_thread
from respool.http.sending.stream import Stream
from respool.server.delivery import Delivery

# Those of `EventSourceResponse` which a recording may replace.
_HEADERS = {"cache-control": "no-store", "content-type": "text/event-stream; charset=utf-8"}


@lru_cache(1024)
def _encode(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode("latin-1"), value.encode("latin-1")


class PlaybackResponse(Response):
    """A playback as a stream of server-sent events: by `Stream`, or by the library where it cannot.

    It has the headers that `EventSourceResponse` gives an answer. To make one is the greater part of a
    short answer's cost, so that this is a plain `Response` whose headers are encoded once.
    """

    media_type = "text/event-stream"

    def __init__(self, delivery: Delivery, headers: Mapping[str, str]) -> None:
        self._delivery = delivery
        self._playback = playback = delivery.playback
        self.status_code = playback.recording.header.status
        self.background = None
        names = {**_HEADERS, **headers, "connection": "keep-alive", "x-accel-buffering": "no"}
        self.raw_headers = [_encode(name, value) for name, value in names.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._delivery.begin()
        if scope.get("http_version") == "1.0":
            # It knows no chunks: the client must be told the length, and that the connection ends.
            encoded = self._playback.schedule.encoded
            self.headers["content-length"] = str(len(encoded.data) - encoded.start_of(self._delivery.first))
            self.headers["connection"] = "close"
        stream = Stream.of(scope.get(SERVER_SEND), self._delivery)
        if stream is None or scope["method"] == "HEAD":
            await self._by_the_library(scope, receive, send)
            return
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if await stream.begin(send, head):
            return
        if (later := scope.get(REST)) is not None:
            later.append(stream.rest)
        else:
            await stream.rest()

    async def _by_the_library(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = _LibraryResponse(
            self._chunks(),
            self.status_code,
            ping=0,  # and no CRLF: every byte of ours comes from the schedule
            sep="\n",
            client_close_handler_callable=self._note_client_left,
        )
        response.raw_headers = self.raw_headers
        await response(scope, receive, send)

    async def _chunks(self) -> AsyncIterator[bytes]:
        playback = self._playback
        changed = asyncio.Event() if playback.background else None
        unsubscribe = changed and playback.subscribe(from_any_thread(changed.set))
        clock, sent = self._delivery.clock, self._delivery.first
        try:
            while sent < len(schedule := playback.schedule):
                deadline = playback.started + schedule.moments[sent]
                if changed and changed.is_set():
                    changed.clear()
                if not await clock.sleep_until(deadline, changed):
                    continue  # the schedule is another one now
                # At least the one that was waited for: rounding must not make us wait for it again.
                due = max(sent + 1, playback.due(clock.now()))
                while sent < due:
                    sent, chunk = schedule.chunk(sent, due)
                    yield chunk  # returns when the transport has room again
                    self._delivery.sent(sent)
                    if sent < len(schedule):
                        # The others' turn: none waits for a long stream, and it hears when its client leaves.
                        await asyncio.sleep(0)
        finally:
            if unsubscribe:
                unsubscribe()
        self._delivery.complete()

    async def _note_client_left(self, message: Message) -> None:
        if self._delivery.exchange.ended:
            self._delivery.client_left()


class _LibraryResponse(EventSourceResponse):
    """The library watches for the client's and the server's end."""

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        # The library opens a cancel scope for each chunk, a tenth of a stream's cost, for a limit that we
        # do not set.
        await send(message)


class LateResponse(Response):
    """A JSON answer that leaves at a moment of the clock, unless the client has left before."""

    media_type = "application/json"

    def __init__(self, content: str, moment: float, delivery: Delivery, headers: Mapping[str, str]) -> None:
        self.moment = moment
        self._delivery = delivery
        super().__init__(content, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery
        left = asyncio.Event()
        watch = asyncio.create_task(_watch(receive, left))
        delivery.begin()
        try:
            if await delivery.clock.sleep_until(self.moment, left):
                await super().__call__(scope, receive, send)
                delivery.complete()
            else:
                delivery.client_left()
        finally:
            watch.cancel()


async def _watch(receive: Receive, left: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()
