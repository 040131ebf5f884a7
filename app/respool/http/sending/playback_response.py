"""Sending a playback: the only place that waits for its moment."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from copy import copy

from sse_starlette import EventSourceResponse
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from respool.errors import RequestError
from respool.http.heads import RawHeader
from respool.http.problems import envelope
from respool.http.sending.checked_head import CHECKED, WHOLE, writes_heads_of
from respool.http.sending.connection import REST, SERVER_SEND, reset, transport_of
from respool.http.sending.open_streams import from_any_thread
from respool.http.sending.stream import Stream, cycle_of
from respool.play.edits import NEVER
from respool.play.frames import Schedule
from respool.server.delivery import AnswerDelivery, Delivery


class PlaybackResponse(Response):
    """A playback as a stream of server-sent events: by `Stream`, or by the library where it cannot.

    Its headers are those of an `EventSourceResponse`, encoded before (`heads.stream_head`): to make one of
    those is the greater part of a short answer's cost.
    """

    media_type = "text/event-stream"

    def __init__(self, delivery: Delivery, raw_headers: list[RawHeader]) -> None:
        self._delivery = delivery
        self._playback = playback = delivery.playback
        self.status_code = playback.recording.header.status
        self.background = None
        self.raw_headers = raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("http_version") == "1.0":
            # It knows no chunks: the client must be told the length, and that the connection ends.
            encoded = self._playback.schedule.encoded
            self.headers["content-length"] = str(len(encoded.data) - encoded.start_of(self._delivery.first))
            self.headers["connection"] = "close"
        cycle = cycle_of(scope.get(SERVER_SEND))
        if cycle is None or scope["method"] == "HEAD":
            await self._by_the_library(scope, receive, send)
            return
        delivery = self._delivery
        head: Message | None
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope.get("http_version") == "1.1":
            head[CHECKED] = True
            if writes_heads_of(cycle, self.status_code) and (whole := self._whole_if_due()):
                # As below, but in one step: half of the cost of sending a short answer is its `Stream`.
                head[WHOLE], events, late = whole
                await send(head)
                if cycle.response_complete:
                    delivery.sent_whole(events, late)
                    return
                head = None  # the server's own `send` has sent it
        stream = Stream(cycle, delivery)
        delivery.begin(stream)
        if await stream.begin(send, head):
            return
        if (later := scope.get(REST)) is not None:
            later.append(stream.rest)
        else:
            await stream.rest()

    def _whole_if_due(self) -> tuple[bytes, int, float] | None:
        """Return all of it, the number of its events, and how late its first frame is, in seconds; None if it
        is large, edited, or not wholly due."""
        playback, delivery = self._playback, self._delivery
        if playback.run.edits or delivery.first:
            return None
        frames, now = playback.rendition.sse, delivery.clock.now()
        schedule = frames.schedule
        if not schedule.all_due(playback.started, now):
            return None
        return schedule.encoded.data, frames.count, now - playback.started - schedule.moments[0]

    async def _by_the_library(self, scope: Scope, receive: Receive, send: Send) -> None:
        progress = Progress(self._delivery)
        response = _LibraryResponse(
            self._chunks(progress),
            self.status_code,
            ping=0,  # and no CRLF: every byte of ours comes from the schedule
            sep="\n",
            client_close_handler_callable=self._note_client_left,
        )
        response.raw_headers = self.raw_headers
        self._delivery.begin(progress)
        try:
            await response(scope, receive, send)
        except* _CutShort:  # then the server closes the connection, since the answer is incomplete
            self._delivery.cut()
        finally:
            self._delivery.over()

    async def _chunks(self, progress: "Progress") -> AsyncIterator[bytes]:
        playback, delivery = self._playback, self._delivery
        changed = asyncio.Event()
        unsubscribe = playback.subscribe(from_any_thread(changed.set))
        clock, sent = delivery.clock, delivery.first
        try:
            while True:
                changed.clear()
                schedule = playback.schedule
                if sent >= len(schedule):
                    break
                moment = schedule.moments[sent]
                if not await progress.wait_until(moment, changed):
                    continue  # the schedule is another one now
                # At least the one that was waited for: rounding must not make us wait for it again.
                due = max(sent + 1, schedule.due(playback.started, clock.now()))
                while sent < due:
                    sent, chunk = schedule.chunk(sent, due)
                    yield chunk  # returns when the transport has room again
                    progress.frames = sent
                    delivery.sent(sent)
                    if sent < len(schedule):
                        # The others' turn: none waits for a long stream, and it hears when its client leaves.
                        await asyncio.sleep(0)
        finally:
            unsubscribe()
        if (ending := playback.ending) in ("cut", "reset"):
            delivery.ended_by = delivery.ended_by or f"{ending} by hand"
            raise _CutShort
        delivery.complete()

    async def _note_client_left(self, message: Message) -> None:
        if self._delivery.exchange.ended:
            self._delivery.client_left()


class _CutShort(Exception):
    """An edit ends the answer, incomplete."""


class Progress:
    """The progress of a task that sends a delivery.

    frames  of the playback that were sent, with those before the delivery's first
    events  the same in events, where what is sent are not the playback's own frames
    """

    def __init__(self, delivery: AnswerDelivery, started: float | None = None) -> None:
        """`started` is the session's moment from which moments count; if not given, the playback's."""
        self._delivery = delivery
        self._playback = playback = delivery.playback if isinstance(delivery, Delivery) else None
        self.frames = delivery.first if isinstance(delivery, Delivery) else 0
        self._started = started if started is not None else playback.started if playback else 0.0
        self.events: int | None = None
        self._waits_until = -NEVER
        self._schedule: Schedule | None = None  # by which it waits

    def events_sent(self) -> int:
        """Return how many events were sent, those before the first as well."""
        if self._playback is None:
            return 0
        playing = self._playback.playing
        if self.events is not None:
            return min(self.events, len(playing.events))
        return playing.sse.events_in(self.frames)

    def idle(self, now: float) -> bool:
        """Return True if it waits for a later moment."""
        return self._waits_until > now and self._schedule is self._schedule_now

    @property
    def _schedule_now(self) -> Schedule | None:
        return self._playback.schedule if self._playback else None

    async def wait_until(self, moment: float, woken: asyncio.Event) -> bool:
        """Wait until a moment, in seconds since it started; False if `woken` came first."""
        delivery = self._delivery
        self._schedule = self._schedule_now
        self._waits_until = self._started + moment
        try:
            if moment != NEVER:
                return await delivery.clock.sleep_until(self._waits_until, woken)
            delivery.wait_for_release()
            await woken.wait()
            delivery.go_on()
            return False
        finally:
            self._waits_until = -NEVER


class _LibraryResponse(EventSourceResponse):
    """The library watches for the client's and the server's end."""

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        # The library opens a cancel scope for each chunk, a tenth of a stream's cost, for a limit that we
        # do not set.
        await send(message)


class LateResponse(Response):
    """A JSON answer that leaves when the playback ends, unless the client has left before."""

    media_type = "application/json"

    def __init__(self, delivery: Delivery, headers: Mapping[str, str]) -> None:
        """Raise RequestError if the recording has no such answer."""
        self._delivery = delivery
        delivery.transport = "json"
        super().__init__(delivery.playback.final_response(), headers=headers)

    @property
    def moment(self) -> float:
        """When it leaves, by the session's clock."""
        return self._delivery.playback.ends

    def edited(self) -> Response:
        """Return the answer as edits of the playback have it."""
        if not self._delivery.playback.run.edits:
            return self
        try:
            body = self._delivery.playback.final_response().encode()
        except RequestError as error:
            return envelope(error, profile=self._delivery.playback.profile)
        answer = copy(self)
        answer.body, answer.raw_headers = body, list(self.raw_headers)
        answer.headers["content-length"] = str(len(body))
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery
        playback = delivery.playback
        left, woken = asyncio.Event(), asyncio.Event()
        watch = asyncio.create_task(watch_for_end(receive, left, woken))
        unsubscribe = playback.subscribe(from_any_thread(woken.set))
        progress = Progress(delivery)
        delivery.begin(progress)
        try:
            while not left.is_set():
                woken.clear()
                if await progress.wait_until(playback.schedule.end, woken):
                    break
            if left.is_set():
                delivery.client_left()
            elif (ending := playback.ending) in ("cut", "reset"):
                delivery.ended_by = delivery.ended_by or f"{ending} by hand"
                if (transport := transport_of(scope)) is not None:
                    reset(transport) if ending == "reset" else transport.close()
                    # Until the server knows: it would answer an error to what it takes for unanswered.
                    await left.wait()
                delivery.cut()
            else:
                await Response.__call__(self.edited(), scope, receive, send)
                delivery.complete()
        finally:
            unsubscribe()
            watch.cancel()
            delivery.over()


async def watch_for_end(receive: Receive, left: asyncio.Event, woken: asyncio.Event) -> None:
    """Set both when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()
    woken.set()
