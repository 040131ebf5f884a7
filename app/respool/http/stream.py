"""Stream: a playback on its way through a connection of uvicorn's, without a task of its own.

The library's loop costs a stream four tasks and an event several switches between them. Here the only task
is the one in which uvicorn has called us, and it does one thing: it waits in uvicorn's `receive`, which
returns when the client has left, and also when the answer is complete. Meanwhile the clock calls `_push`
at each moment at which something is due. `_push` writes one chunk and asks to be called again:

    more is due, and the connection has room    in the loop's next round, after the others
    more is due, and it has none                when it has room again (only then with a task)
    nothing is due                              at the next frame's moment

This leans on properties of uvicorn's `send` and `receive`, the first three for both of its HTTP protocols:

 1. `send` waits for nothing but room in the connection (`flow`), so where there is room it can be run to
    its end from a callback;
 2. `receive` returns `http.disconnect` once the answer is complete;
 3. both are methods of the request's cycle, which also has `flow`, `transport` and `response_complete`.
 4. with httptools, `send` does nothing for a chunk of the body but write it in the chunked coding
    (RFC 9112, 7.1), which is done here then: it is the cost of each event. The last chunk goes by `send`.

`Stream.of` looks whether they are there, and gives None for any other server; `PlaybackResponse` then lets
the library do it. Bytes, status, headers and the end of a connection are uvicorn's affair in any case.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.types import Send

from respool.clock import Clock, Timer
from respool.journal import CLIENT_LEFT, Exchange
from respool.playback import Playback

_HTTPTOOLS = "uvicorn.protocols.http.httptools_impl"
_CYCLES = (_HTTPTOOLS, "uvicorn.protocols.http.h11_impl")


class Stream:
    """The frames of `playback` from number `first` on; `run` sends them all, after the head was sent."""

    __slots__ = (
        "_begun", "_chunked", "_clock", "_cut", "_cycle", "_error", "_exchange", "_flow", "_next",
        "_playback", "_playing", "_schedule", "_sent", "_started", "_task", "_transport",
    )  # fmt: skip

    def __init__(self, cycle: Any, playback: Playback, clock: Clock, exchange: Exchange, first: int) -> None:
        self._cycle = cycle  # uvicorn's RequestResponseCycle
        self._chunked = False
        self._flow = cycle.flow
        self._transport = cycle.transport
        self._playback = playback
        self._take_schedule()
        self._started = playback.started
        self._clock = clock
        self._exchange = exchange
        self._sent = first
        self._begun = self._playing.events_in(first)
        self._next: Timer | asyncio.Task[None] | None = None  # what calls `_push` next
        self._task: asyncio.Task[Any] | None = None
        self._error: BaseException | None = None
        self._cut = False

    @classmethod
    def of(
        cls, send: Send | None, playback: Playback, clock: Clock, exchange: Exchange, first: int
    ) -> "Stream | None":
        """A stream through the server's own `send`, if that is uvicorn's."""
        cycle = getattr(send, "__self__", None)
        if type(cycle).__module__ not in _CYCLES:
            return None
        return cls(cycle, playback, clock, exchange, first)

    def _take_schedule(self) -> None:
        self._playing = self._playback.playing
        self._schedule = self._playing.schedule

    async def run(self) -> bool:
        """Send all, each frame when it is due; True when that is done.

        False if the client has left before, or the server ends: then the answer stays incomplete.
        """
        self._task = asyncio.current_task()
        self._chunked = type(self._cycle).__module__ == _HTTPTOOLS and self._cycle.chunked_encoding is True
        unsubscribe = None
        if self._playback.background:  # which may be cancelled, by another request
            unsubscribe = self._playback.subscribe(from_any_thread(self._reschedule))
            self._take_schedule()
        self._go_on()
        try:
            if self._error is None and not self._cycle.response_complete:
                open_streams = _open_streams()
                open_streams.add(self)
                try:
                    while (await self._cycle.receive())["type"] != "http.disconnect":
                        pass
                finally:
                    open_streams.discard(self)
        except asyncio.CancelledError:
            # Woken by us, unless someone else wants the task to end, too.
            if not (self._cut or self._error) or (self._task and self._task.uncancel()):
                raise
        finally:
            self._task = None
            if self._next:
                self._next.cancel()
                self._next = None
            if unsubscribe:
                unsubscribe()
        if self._error:
            raise self._error
        if self._cycle.response_complete:
            return True
        if not self._cut:
            self._exchange.ended = CLIENT_LEFT
        return False

    def cut(self) -> None:
        """End it now, incomplete."""
        self._cut = True
        self._wake()

    def _reschedule(self) -> None:
        """The playback has another schedule, of which what has been sent is a part."""
        if self._task is None:
            return  # it has ended meanwhile
        if self._next:
            self._next.cancel()
        self._take_schedule()
        self._go_on()

    def _go_on(self) -> None:
        """Push, and be called again when the next frame is due."""
        self._next = None
        at = self._push()
        if at is not None:
            self._next = self._clock.call_at(at, self._push)

    def _push(self) -> float | None:
        """Write one chunk of what is due. Gives the moment of the next frame, if that is still to come."""
        try:
            schedule, sent, started = self._schedule, self._sent, self._started
            total = len(schedule.moments)
            now = self._clock.now()
            if sent < total and (at := started + schedule.moments[sent]) > now:
                return at
            if self._transport.is_closing():
                return None  # the client has left; `receive` tells, if it has not yet
            if self._flow.write_paused:
                self._next = asyncio.get_running_loop().create_task(self._go_on_when_there_is_room())
                return None
            chunk = b""
            if sent < total:
                sent, chunk = schedule.take(sent, started, now)
            if self._chunked and sent < total:
                self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            else:
                body = {"type": "http.response.body", "body": chunk, "more_body": sent < total}
                _finish(self._cycle.send(body))
            self._sent = sent
            self._exchange.events = self._playing.events_in(sent) - self._begun
            if sent == total:
                return None
            if (at := started + schedule.moments[sent]) > now:
                return at
            self._next = asyncio.get_running_loop().call_soon(self._go_on)
        except BaseException as error:
            self._error = error
            self._wake()
        return None

    async def _go_on_when_there_is_room(self) -> None:
        await self._flow.drain()
        self._go_on()

    def _wake(self) -> None:
        """Let `run` go on from where it waits."""
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()


def from_any_thread(callback: Callable[[], None]) -> Callable[[], None]:
    """What calls `callback` in this thread's event loop."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback)

    return call


def _finish(send: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine which waits for nothing."""
    try:
        send.send(None)
    except StopIteration:
        return
    send.close()
    raise RuntimeError("the server's send waits though its connection has room")


class _OpenStreams:
    """The streams of one event loop that wait, and one task that cuts all of them when the server stops."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._streams: set[Stream] = set()
        self._watch: asyncio.Task[None] | None = None

    def add(self, stream: Stream) -> None:
        self._streams.add(stream)
        if self._watch is None:
            self._watch = self.loop.create_task(self._cut_all_at_the_end())

    def discard(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if not self._streams and self._watch:
            self._watch.cancel()
            self._watch = None

    async def _cut_all_at_the_end(self) -> None:
        await _server_ends()
        self._watch = None
        for stream in list(self._streams):
            stream.cut()


# How the library learns of it: a signal that uvicorn has got.
_server_ends: Callable[[], Coroutine[Any, Any, None]] = EventSourceResponse._listen_for_exit_signal

_of_thread = threading.local()


def _open_streams() -> _OpenStreams:
    loop = asyncio.get_running_loop()
    streams: _OpenStreams | None = getattr(_of_thread, "streams", None)
    if streams is None or streams.loop is not loop:
        streams = _of_thread.streams = _OpenStreams(loop)
    return streams
