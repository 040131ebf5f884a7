"""How an answer leaves: the only place that waits for its moment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from sse_starlette import EventSourceResponse
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from respool.clock import Clock
from respool.journal import CLIENT_LEFT, CUT, Exchange
from respool.playback import Playback


class PlaybackResponse(EventSourceResponse):
    """A playback as a stream of server-sent events.

    The library watches for the client's and the server's end; its pings and its line ends are
    switched off, since every byte of ours comes from the schedule.
    """

    def __init__(
        self,
        playback: Playback,
        clock: Clock,
        exchange: Exchange,
        headers: Mapping[str, str],
        *,
        first: int = 0,
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        """`first` is the frame to begin with; `on_left` is called if the client leaves before the end."""
        self._playback = playback
        self._clock = clock
        self._exchange = exchange
        self._first = first
        self._on_left = on_left
        super().__init__(
            self._chunks(),
            status_code=playback.recording.header.status,
            headers=headers,
            ping=0,
            sep="\n",
            client_close_handler_callable=self._note_client_left,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._exchange.ended = CUT  # unless one of the two ways below is how it ends
        if scope.get("http_version") == "1.0":
            # It knows no chunks: the client must be told the length, and that the connection ends.
            reel = self._playback.schedule.reel
            self.headers["content-length"] = str(len(reel.data) - reel.start_of(self._first))
            self.headers["connection"] = "close"
        await super().__call__(scope, receive, send)

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        # The library opens a cancel scope for each chunk, a tenth of a stream's cost, for a limit that we
        # do not set.
        await send(message)

    async def _chunks(self) -> AsyncIterator[bytes]:
        playback = self._playback
        changed = asyncio.Event() if playback.background else None
        unsubscribe = changed and playback.subscribe(_setter(changed))
        sent = self._first
        begun = playback.playing.events_in(sent)
        try:
            while sent < len(schedule := playback.schedule):
                deadline = playback.started + schedule.moments[sent]
                if changed and changed.is_set():
                    changed.clear()
                if not await self._clock.sleep_until(deadline, changed):
                    continue  # the schedule is another one now
                # At least the one that was waited for: rounding must not make us wait for it again.
                due = max(sent + 1, playback.due(self._clock.now()))
                while sent < due:
                    sent, chunk = schedule.chunk(sent, due)
                    yield chunk  # returns when the transport has room again
                    self._exchange.events = playback.playing.events_in(sent) - begun
                    if sent < len(schedule):
                        # The others' turn: none waits for a long stream, and it hears when its client leaves.
                        await asyncio.sleep(0)
        finally:
            if unsubscribe:
                unsubscribe()
        self._exchange.ended = ""

    async def _note_client_left(self, message: Message) -> None:
        if self._exchange.ended:
            self._exchange.ended = CLIENT_LEFT
            self._on_left()


def _setter(event: asyncio.Event) -> Callable[[], None]:
    """What sets an event of this thread's loop, from any thread."""
    loop = asyncio.get_running_loop()

    def set_event() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    return set_event


class LateResponse(Response):
    """A JSON answer that leaves at a moment of the clock, unless the client has left before."""

    media_type = "application/json"

    def __init__(
        self,
        content: str,
        moment: float,
        clock: Clock,
        exchange: Exchange,
        headers: Mapping[str, str],
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        self._moment = moment
        self._clock = clock
        self._exchange = exchange
        self._on_left = on_left
        super().__init__(content, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.Event()
        watch = asyncio.create_task(_watch(receive, left))
        self._exchange.ended = CUT  # unless one of the two ways below is how it ends
        try:
            if await self._clock.sleep_until(self._moment, left):
                await super().__call__(scope, receive, send)
                self._exchange.ended = ""
            else:
                self._exchange.ended = CLIENT_LEFT
                self._on_left()
        finally:
            watch.cancel()


async def _watch(receive: Receive, left: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()
