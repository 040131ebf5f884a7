"""Live streams and clocks under hand, from a test: what `RunningServer.hold` and `RunningServer.clock` give.

Each comes in two forms with the same verbs: one for plain tests, whose calls block, and one for async ones.
All of it works through the server's event loop, so any thread may use it.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from respool.errors import EditError, OptionError
from respool.play.hold_points import HoldPoint
from respool.play.session_clock import Mode
from respool.server.session_holds import SessionHold

if TYPE_CHECKING:
    from respool.http.control import Advanced, Controller
    from respool.server.control import How, PlaybackView
    from respool.server.delivery import Delivery
    from respool.server.sent_events import SentEvent

T = TypeVar("T")
WAIT = 10.0  # seconds
_LONGEST = 120.0  # seconds that a call to the server's thread may take


@dataclass(frozen=True, slots=True)
class Link:
    """The way to a server in a thread of its own."""

    controller: "Controller"
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work in the server's thread, and wait for it. Raise OptionError if its state is shared."""
        self._check(work)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_LONGEST)

    async def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """The same, without blocking the event loop of the caller."""
        self._check(work)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def _check(self, work: Coroutine[Any, Any, Any]) -> None:
        if self.controller.server.state.shared:
            work.close()
            raise OptionError(
                "this server shares its state with others, so any of them may send the stream that is to be "
                "held: use the admin API, /__admin/holds, /__admin/playbacks and /__admin/clock"
            )


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What is to be held: the next stream of a recording in a session, at a point."""

    recording: str | None
    point: HoldPoint
    session: str


class _Verbs:
    """What can be done to the stream that a hold has caught, as work for the server's thread."""

    def __init__(self, controller: "Controller", request: HoldRequest) -> None:
        self._controller = controller
        self._request = request
        self._hold_id = ""
        self._caught: Delivery | None = None

    async def begin(self) -> None:
        holds = self._controller.server.session(self._request.session).holds
        self._hold_id = holds.new_id()
        request = self._request
        holds.put(
            SessionHold(self._hold_id, request.point, request.recording, times=1, on_caught=self._catch)
        )

    def _catch(self, delivery: "Delivery") -> None:
        self._caught = delivery

    def _held(self) -> "Delivery | None":
        delivery = self._caught
        return delivery if delivery is not None and (delivery.held or delivery.has_ended) else None

    async def wait_held(self, timeout: float) -> "PlaybackView":
        delivery = await self._controller.wait(self._held, timeout)
        what = f"{self._request.recording or 'any recording'}, {self._request.point}"
        if delivery is None:
            found = self._caught
            state = f"; {found.id} is {found.state}" if found else ", and no request for it has come"
            if found is not None and found.clock.frozen:
                state += ", and its clock is frozen: advance it"
            raise EditError(f"nothing was held ({what}) in {timeout:g} s{state}")
        if delivery.has_ended:
            raise EditError(f"{delivery.id} ({what}) has ended: {delivery.exchange.ended or 'complete'}")
        return self.view_of(delivery)

    async def caught(self) -> "Delivery":
        await self.wait_held(WAIT)
        assert self._caught is not None
        return self._caught

    @staticmethod
    def view_of(delivery: "Delivery") -> "PlaybackView":
        from respool.server.control import PlaybackView

        return PlaybackView.of(delivery)

    async def view(self) -> "PlaybackView | None":
        delivery = self._caught
        return None if delivery is None else self.view_of(delivery)

    async def step(self) -> "SentEvent":
        (event,) = await self._controller.release(await self.caught(), 1)
        return event

    async def release(self, events: int | None) -> "list[SentEvent]":
        return await self._controller.release(await self.caught(), events)

    async def until(self, point: HoldPoint) -> "list[SentEvent]":
        return await self._controller.release(await self.caught(), until=point)

    async def inject(self, event: Mapping[str, Any] | str, renumber: bool, before: int | None) -> None:
        from respool.server.control import read_event

        found = read_event(event if isinstance(event, str) else dict(event))
        await self._controller.inject(await self.caught(), found, renumber=renumber, before=before)

    async def replace(self, number: int, event: Mapping[str, Any] | str | None) -> None:
        from respool.server.control import read_event

        found = None if event is None else read_event(event if isinstance(event, str) else dict(event))
        await self._controller.replace(await self.caught(), number, found)

    async def end(self, how: "How", error: Mapping[str, Any] | None = None) -> None:
        await self._controller.finish(await self.caught(), how, error)

    async def leave(self, failed: bool) -> None:
        """Let the stream go: to its end if the test passed, else cut. A hold that has caught none is
        removed."""
        server = self._controller.server
        if (session := server.sessions.find(self._request.session)) is not None:
            session.holds.remove(self._hold_id)
        delivery = self._caught
        if delivery is None or not delivery.number:
            return
        if delivery.has_ended:
            if not failed and delivery.ended_by.startswith("hold expired"):
                raise EditError(f"{delivery.id}: {delivery.ended_by}")
            return
        edited = delivery.playback.edited
        if failed:
            await self._controller.finish(delivery, "cut")
        elif edited is not None and edited.gate is not None:
            await self._controller.finish(delivery)


class HeldStream:
    """A stream that is held: it goes on only as it is told.

    Leave the block, and what is left is sent at once; if the test has failed, the stream is cut.
    """

    def __init__(self, link: Link, request: HoldRequest) -> None:
        self._link = link
        self._verbs = _Verbs(link.controller, request)

    def __enter__(self) -> Self:
        self._link.run(self._verbs.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._link.run(self._verbs.leave(failed=kind is not None))

    @property
    def view(self) -> "PlaybackView | None":
        """How it is getting on; None before its request has come."""
        return self._link.run(self._verbs.view())

    def wait_held(self, timeout: float = WAIT) -> "PlaybackView":
        """Wait until the request has come and its stream is held. Raise EditError if that does not happen."""
        return self._link.run(self._verbs.wait_held(timeout))

    def step(self) -> "SentEvent":
        """Send exactly one event, and return it. Raise EditError if there is none."""
        return self._link.run(self._verbs.step())

    def release(self, events: int | None = None) -> "list[SentEvent]":
        """Send so many events at once; without a number, go on at the stream's own pace until the next
        hold."""
        return self._link.run(self._verbs.release(events))

    def until(self, event: str, nth: int = 1) -> "list[SentEvent]":
        """Send all events up to the nth of a type (counted from the beginning of the stream), or to another
        point that `HoldPoint.read` knows, and return them."""
        return self._link.run(self._verbs.until(_point(event, nth)))

    def inject(
        self, event: Mapping[str, Any] | str, *, renumber: bool = True, before: int | None = None
    ) -> None:
        """Send another event now, or before the one with the sequence number `before`; text is sent as it
        is."""
        self._link.run(self._verbs.inject(event, renumber, before))

    def replace(self, number: int, event: Mapping[str, Any] | str) -> None:
        """Send another event instead of the one with this sequence number."""
        self._link.run(self._verbs.replace(number, event))

    def drop(self, number: int) -> None:
        """Leave out the event with this sequence number."""
        self._link.run(self._verbs.replace(number, None))

    def finish(self) -> None:
        """Send all that is left, at once."""
        self._link.run(self._verbs.end("terminal"))

    def cut(self) -> None:
        """Close the connection in the middle of the answer."""
        self._link.run(self._verbs.end("cut"))

    def reset(self) -> None:
        """Reset the connection."""
        self._link.run(self._verbs.end("reset"))

    def close(self) -> None:
        """End the answer properly, without what is left."""
        self._link.run(self._verbs.end("close"))

    def fail(self, code: str = "server_error", **fields: Any) -> None:
        """End it with an `error` event of this code, and `fields` such as ``message``."""
        self._link.run(self._verbs.end("error_event", {"code": code, **fields}))


class AsyncHeldStream:
    """The same for async tests: ``async with``, and each verb is awaited."""

    def __init__(self, link: Link, request: HoldRequest) -> None:
        self._link = link
        self._verbs = _Verbs(link.controller, request)

    async def __aenter__(self) -> Self:
        await self._link.run_async(self._verbs.begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._link.run_async(self._verbs.leave(failed=kind is not None))

    async def view(self) -> "PlaybackView | None":
        """How it is getting on; None before its request has come."""
        return await self._link.run_async(self._verbs.view())

    async def wait_held(self, timeout: float = WAIT) -> "PlaybackView":
        """As `HeldStream.wait_held`."""
        return await self._link.run_async(self._verbs.wait_held(timeout))

    async def step(self) -> "SentEvent":
        """As `HeldStream.step`."""
        return await self._link.run_async(self._verbs.step())

    async def release(self, events: int | None = None) -> "list[SentEvent]":
        """As `HeldStream.release`."""
        return await self._link.run_async(self._verbs.release(events))

    async def until(self, event: str, nth: int = 1) -> "list[SentEvent]":
        """As `HeldStream.until`."""
        return await self._link.run_async(self._verbs.until(_point(event, nth)))

    async def inject(
        self, event: Mapping[str, Any] | str, *, renumber: bool = True, before: int | None = None
    ) -> None:
        """As `HeldStream.inject`."""
        await self._link.run_async(self._verbs.inject(event, renumber, before))

    async def replace(self, number: int, event: Mapping[str, Any] | str) -> None:
        """As `HeldStream.replace`."""
        await self._link.run_async(self._verbs.replace(number, event))

    async def drop(self, number: int) -> None:
        """As `HeldStream.drop`."""
        await self._link.run_async(self._verbs.replace(number, None))

    async def finish(self) -> None:
        """As `HeldStream.finish`."""
        await self._link.run_async(self._verbs.end("terminal"))

    async def cut(self) -> None:
        """As `HeldStream.cut`."""
        await self._link.run_async(self._verbs.end("cut"))

    async def reset(self) -> None:
        """As `HeldStream.reset`."""
        await self._link.run_async(self._verbs.end("reset"))

    async def close(self) -> None:
        """As `HeldStream.close`."""
        await self._link.run_async(self._verbs.end("close"))

    async def fail(self, code: str = "server_error", **fields: Any) -> None:
        """As `HeldStream.fail`."""
        await self._link.run_async(self._verbs.end("error_event", {"code": code, **fields}))


class Held:
    """A hold to come, for ``with`` or for ``async with``."""

    def __init__(self, link: Link, request: HoldRequest) -> None:
        self._link = link
        self._request = request
        self._sync: HeldStream | None = None
        self._async: AsyncHeldStream | None = None

    def __enter__(self) -> HeldStream:
        self._sync = HeldStream(self._link, self._request)
        return self._sync.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._sync is not None
        self._sync.__exit__(kind, error, where)

    async def __aenter__(self) -> AsyncHeldStream:
        self._async = AsyncHeldStream(self._link, self._request)
        return await self._async.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._async is not None
        await self._async.__aexit__(kind, error, where)


class ClockControl:
    """The clock of one session, from a test."""

    def __init__(self, link: Link, session: str = "") -> None:
        self._link = link
        self._session = session

    def of(self, session: str) -> "ClockControl":
        """Return the clock of another session."""
        return ClockControl(self._link, session)

    @property
    def now(self) -> float:
        """The session's moment, in seconds since 1970."""
        return self._link.run(self._now())

    def freeze(self) -> None:
        """Have it move only by `advance`."""
        self._link.run(self._set("frozen"))

    def auto(self) -> None:
        """Have it jump to the next moment that is due, as soon as all streams of the session are idle."""
        self._link.run(self._set("auto"))

    def run(self, rate: float = 1.0) -> None:
        """Have it run, `rate` times as fast as the server's."""
        self._link.run(self._set("real", rate))

    def advance(self, seconds: float | None = None, *, next: int | None = None) -> "Advanced":
        """Move it on by seconds, or by the `next` events; return when what is due was handed to the
        connections. Raise OptionError if it is not frozen."""
        return self._link.run(self._advance(seconds, next))

    async def freeze_async(self) -> None:
        """As `freeze`, for async tests."""
        await self._link.run_async(self._set("frozen"))

    async def advance_async(self, seconds: float | None = None, *, next: int | None = None) -> "Advanced":
        """As `advance`, for async tests."""
        return await self._link.run_async(self._advance(seconds, next))

    async def _now(self) -> float:
        return self._link.controller.server.session(self._session).clock.now()

    async def _set(self, mode: Mode, rate: float = 1.0) -> None:
        self._link.controller.server.session(self._session).clock.set(mode, rate)

    async def _advance(self, seconds: float | None, next: int | None) -> "Advanced":
        session = self._link.controller.server.session(self._session)
        return await self._link.controller.advance(session, seconds=seconds, next=next)


def hold_request(
    recording: str | None, at: str | Mapping[str, Any], when: str | None, session: str, ttl: float
) -> HoldRequest:
    """Return what to hold. Raise OptionError for what is no point in a stream."""
    return HoldRequest(recording, HoldPoint.of(at, when, ttl=ttl), session)


def _point(event: str, nth: int) -> HoldPoint:
    return HoldPoint.of({"event": event, "nth": nth}) if nth != 1 else HoldPoint.read(event)
