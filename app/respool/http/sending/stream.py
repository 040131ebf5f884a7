"""Stream: a playback on its way through a connection of uvicorn's, without a task of its own.

The library's loop costs a stream four tasks and an event several switches between them. Here the only task
is the one in which uvicorn has called us, and it does one thing: it waits in uvicorn's `receive`, which
returns when the client has left, and also when the answer is complete. It waits there in `rest`, which the
outermost layer calls when all the others have returned (`Guard`): of what they needed to begin the answer
nothing is kept while it lasts. Meanwhile the clock calls `_push` at each moment at which something is due.
`_push` writes one chunk and asks to be called again:

    more is due, and the connection has room    in the loop's next round, after the others
    more is due, and it has none                when it has room again (only then with a task)
    nothing is due                              at the next frame's moment

What the streams that are due at one moment have to say is written when all of them were called (`outbox`).
And the head of an answer leaves in one write with what is due when it begins.

This leans on properties of uvicorn's `send` and `receive`, the first three for both of its HTTP protocols;
`tests/http/test_private_parts.py` has a test of each:

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
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import Message, Send

from respool.http.sending.checked_head import HTTPTOOLS
from respool.http.sending.connection import reset_when_sent
from respool.http.sending.open_streams import from_any_thread, open_streams_of_loop
from respool.http.sending.outbox import outbox, write_all
from respool.play.clock import Timer
from respool.play.edits import NEVER
from respool.play.frames import Schedule
from respool.server.delivery import Delivery

_CYCLES = (HTTPTOOLS, "uvicorn.protocols.http.h11_impl")


class Stream:
    """The frames of `playback` from number `first` on: `begin` sends the first of them, `rest` all others."""

    __slots__ = (
        "_chunked", "_clock", "_cut", "_cycle", "_delivery", "_ended", "_error", "_flow", "_gone", "_late",
        "_next", "_notify", "_outbox", "_playback", "_resetting", "_schedule", "_sent", "_started", "_task",
        "_transport",
    )  # fmt: skip

    def __init__(self, cycle: Any, delivery: Delivery) -> None:
        self._cycle = cycle  # uvicorn's RequestResponseCycle
        self._chunked = False
        self._flow = cycle.flow
        self._transport = cycle.transport
        self._outbox = outbox.parts
        self._delivery = delivery
        self._playback = playback = delivery.playback
        self._schedule: Schedule
        self._started = playback.started
        self._clock = delivery.clock
        self._sent = delivery.first
        self._notify: Callable[[], None] | None = None  # what the playback and the clock call
        self._next: Timer | asyncio.Task[None] | None = None  # what calls `_push` next
        self._task: asyncio.Task[Any] | None = None  # which waits in `rest`
        self._ended = False
        self._late = 0.0
        self._error: BaseException | None = None
        self._cut = False
        self._gone = False  # the client
        self._resetting: asyncio.Task[None] | None = None

    async def begin(self, send: Send, head: Message | None) -> bool:
        """Send `head` by `send`, which ends in the server's own, unless it was sent; then send what is due.
        Return True if that is all."""
        cycle, transport = self._cycle, self._transport
        together = cycle.transport = self._transport = _Together(transport)
        try:
            if head is not None:
                await send(head)
            self._chunked = type(cycle).__module__ == HTTPTOOLS and cycle.chunked_encoding is True
            self._schedule = self._playback.schedule
            self._go_on()
        finally:
            cycle.transport = self._transport = transport
            together.flush()
        if not cycle.response_complete and self._error is None:
            # It may be edited, or cancelled by another request; or the clock may become another one.
            self._notify = from_any_thread(self._reschedule)
            self._playback.subscribe(self._notify)
            return False
        self._stop()
        self._report_end()
        return True

    async def rest(self) -> None:
        """Send all others, each frame when it is due.

        If the client leaves before that, or the server ends, the answer stays incomplete.
        """
        self._task = asyncio.current_task()
        open_streams = open_streams_of_loop()
        open_streams.add(self)
        if self._notify:
            self._clock.listen(self._notify)
        try:
            # What has failed since `begin` could wake nobody.
            while (
                not (self._error or self._cut) and (await self._cycle.receive())["type"] != "http.disconnect"
            ):
                pass
        except asyncio.CancelledError:
            # Woken by us, unless someone else wants the task to end, too.
            if not (self._cut or self._error or self._gone) or (self._task and self._task.uncancel()):
                raise
        finally:
            open_streams.discard(self)
            self._stop()
        self._report_end()

    def _stop(self) -> None:
        """Send nothing more."""
        self._task = None
        self._ended = True
        if self._next:
            self._next.cancel()
            self._next = None
        if self._notify:
            self._playback.unsubscribe(self._notify)
            self._clock.unlisten(self._notify)
            self._notify = None  # it has us: a cycle that only garbage collection would find
        # Also if the task was cancelled, and nothing tells how it ended.
        self._delivery.stopped(self._sent, self._late)

    def _report_end(self) -> None:
        """Report the end to the delivery. Raise the error that kept us from sending."""
        if self._error:
            raise self._error
        if self._cycle.response_complete:
            self._delivery.complete()
        elif self._cut:
            self._delivery.cut()
        else:
            self._delivery.client_left()

    def cut(self) -> None:
        """End it now, incomplete."""
        self._cut = True
        self._wake()

    def events_sent(self) -> int:
        """Return how many events were sent, those before the first as well."""
        return self._playback.playing.sse.events_in(self._sent)

    def idle(self, now: float) -> bool:
        """Return True if all that is due was sent."""
        moments = self._playback.schedule.moments
        return self._ended or (self._sent < len(moments) and self._started + moments[self._sent] > now)

    def _reschedule(self) -> None:
        """Go on by the playback's new schedule, of which all that was sent is a part, or by the new clock."""
        if self._ended or self._resetting:
            return
        self._schedule = self._playback.schedule
        self._delivery.go_on()
        if self._next:
            self._next.cancel()
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
            moments = schedule.moments
            total = len(moments)
            now = self._clock.now()
            if sent < total:
                if (at := started + moments[sent]) > now:
                    return at if at != NEVER else self._wait_for_release()
                if now - at > self._late:
                    self._late = now - at
            if self._transport.is_closing():
                # The client has left; uvicorn tells only the last of several requests in a pipeline.
                self._gone = True
                self._wake()
                return None
            if self._flow.write_paused:
                self._note_events()
                self._next = asyncio.get_running_loop().create_task(self._go_on_when_there_is_room())
                return None
            chunk = b""
            if sent < total:
                sent, chunk = schedule.take(sent, started, now)
            if self._chunked and sent < total:
                parts = self._outbox
                parts.append((self._transport, b"%x\r\n%b\r\n" % (len(chunk), chunk), self))
                if len(parts) == 1:
                    self._clock.after_turn(write_all)
            else:
                cut = sent == total and self._playback.ending in ("cut", "reset")
                body = {"type": "http.response.body", "body": chunk, "more_body": sent < total or cut}
                if chunk or not cut:
                    _finish(self._cycle.send(body))
                if cut:
                    self._sent = sent
                    self._cut_short()
                    return None
            self._sent = sent
            if sent == total:
                return None
            if (at := started + moments[sent]) > now:
                return at if at != NEVER else self._wait_for_release()
            self._next = asyncio.get_running_loop().call_soon(self._go_on)
        except BaseException as error:
            self.failed(error)
        return None

    def _cut_short(self) -> None:
        """End it as an edit asks for."""
        delivery, ending = self._delivery, self._playback.ending
        delivery.ended_by = delivery.ended_by or f"{ending} by hand"
        if ending == "cut":
            self.cut()
        else:
            self._resetting = asyncio.get_running_loop().create_task(self._reset())

    async def _reset(self) -> None:
        await reset_when_sent(self._cycle.transport)

    def _wait_for_release(self) -> float | None:
        """Note that the next frame is held. An edit releases it."""
        self._delivery.wait_for_release()
        return None

    def _note_events(self) -> None:
        """Tell how many events were sent: not at each, which would be a tenth of its cost."""
        self._delivery.sent(self._sent)
        self._delivery.late(self._late)

    def failed(self, error: BaseException) -> None:
        """End it: it cannot be sent."""
        self._error = error
        self._wake()

    async def _go_on_when_there_is_room(self) -> None:
        await self._flow.drain()
        self._go_on()

    def _wake(self) -> None:
        """Let `rest` go on from where it waits."""
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()


def cycle_of(send: Send | None) -> Any:
    """Return the cycle of a request whose `send` is the server's own; None if that is not uvicorn's."""
    cycle = getattr(send, "__self__", None)
    return cycle if type(cycle).__module__ in _CYCLES else None


def _finish(send: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine which waits for nothing."""
    try:
        send.send(None)
    except StopIteration:
        return
    send.close()
    raise RuntimeError("the server's send waits though its connection has room")


class _Together:
    """Stands in for a connection's transport: what is written to it leaves in one write by `flush`."""

    __slots__ = ("_parts", "transport", "write")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._parts: list[bytes] = []
        self.write = self._parts.append

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def flush(self) -> None:
        if self._parts:
            self.transport.write(b"".join(self._parts))
            self._parts.clear()

    def close(self) -> None:
        self.flush()
        self.transport.close()
