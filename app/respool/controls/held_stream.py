"""HeldStream and AsyncHeldStream: a stream that is held, for plain tests and for async ones; and Held, which
becomes either, by ``with`` or ``async with``."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from respool.controls.server_thread import ServerThread
from respool.controls.verbs import WAIT, HoldRequest, Verbs, point_of

if TYPE_CHECKING:
    from respool.server.control import PlaybackView
    from respool.server.sent_events import SentEvent


class HeldStream:
    """A held stream: it advances only by these methods.

    Leave the block, and what is left is sent at once; if the test has failed, the stream is cut.
    """

    def __init__(self, link: ServerThread, request: HoldRequest) -> None:
        self._link = link
        self._verbs = Verbs(link.controller, request)

    def __enter__(self) -> Self:
        self._link.run(self._verbs.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._link.run(self._verbs.leave(failed=kind is not None))

    @property
    def view(self) -> "PlaybackView | None":
        """Its progress; None before its request has come."""
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
        return self._link.run(self._verbs.until(point_of(event, nth)))

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
    """A held stream for async tests: ``async with``, and each verb is awaited."""

    def __init__(self, link: ServerThread, request: HoldRequest) -> None:
        self._link = link
        self._verbs = Verbs(link.controller, request)

    async def __aenter__(self) -> Self:
        await self._link.run_async(self._verbs.begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._link.run_async(self._verbs.leave(failed=kind is not None))

    async def view(self) -> "PlaybackView | None":
        """Return the stream's state; None before its request has come."""
        return await self._link.run_async(self._verbs.view())

    async def wait_held(self, timeout: float = WAIT) -> "PlaybackView":
        """See `HeldStream.wait_held`."""
        return await self._link.run_async(self._verbs.wait_held(timeout))

    async def step(self) -> "SentEvent":
        """See `HeldStream.step`."""
        return await self._link.run_async(self._verbs.step())

    async def release(self, events: int | None = None) -> "list[SentEvent]":
        """See `HeldStream.release`."""
        return await self._link.run_async(self._verbs.release(events))

    async def until(self, event: str, nth: int = 1) -> "list[SentEvent]":
        """See `HeldStream.until`."""
        return await self._link.run_async(self._verbs.until(point_of(event, nth)))

    async def inject(
        self, event: Mapping[str, Any] | str, *, renumber: bool = True, before: int | None = None
    ) -> None:
        """See `HeldStream.inject`."""
        await self._link.run_async(self._verbs.inject(event, renumber, before))

    async def replace(self, number: int, event: Mapping[str, Any] | str) -> None:
        """See `HeldStream.replace`."""
        await self._link.run_async(self._verbs.replace(number, event))

    async def drop(self, number: int) -> None:
        """See `HeldStream.drop`."""
        await self._link.run_async(self._verbs.replace(number, None))

    async def finish(self) -> None:
        """See `HeldStream.finish`."""
        await self._link.run_async(self._verbs.end("terminal"))

    async def cut(self) -> None:
        """See `HeldStream.cut`."""
        await self._link.run_async(self._verbs.end("cut"))

    async def reset(self) -> None:
        """See `HeldStream.reset`."""
        await self._link.run_async(self._verbs.end("reset"))

    async def close(self) -> None:
        """See `HeldStream.close`."""
        await self._link.run_async(self._verbs.end("close"))

    async def fail(self, code: str = "server_error", **fields: Any) -> None:
        """See `HeldStream.fail`."""
        await self._link.run_async(self._verbs.end("error_event", {"code": code, **fields}))


class Held:
    """A hold to come, for ``with`` or for ``async with``."""

    def __init__(self, link: ServerThread, request: HoldRequest) -> None:
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
