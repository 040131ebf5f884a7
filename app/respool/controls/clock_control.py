"""ClockControl: the clock of one session, from a test."""

from typing import TYPE_CHECKING

from respool.controls.server_thread import ServerThread
from respool.controls.verbs import WAIT, point_of
from respool.errors import EditError, printable
from respool.play.session_clock import Mode

if TYPE_CHECKING:
    from respool.http.control import Advanced
    from respool.server.delivery import Delivery


class ClockControl:
    """The clock of one session, from a test."""

    def __init__(self, link: ServerThread, session: str = "") -> None:
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
        """Stop it: it moves only by `advance`."""
        self._link.run(self._set("frozen"))

    def auto(self) -> None:
        """Let it jump to the next deadline as soon as all streams of the session are idle."""
        self._link.run(self._set("auto"))

    def run(self, rate: float = 1.0) -> None:
        """Run it, `rate` times as fast as the server's."""
        self._link.run(self._set("real", rate))

    def advance(
        self,
        seconds: float | None = None,
        *,
        next: int | None = None,
        to: str | None = None,
        nth: int = 1,
        stream: str | None = None,
    ) -> "Advanced":
        """Move it on by seconds, by the `next` events, or until a stream has come `to` the nth event of a
        type, or to another point that `HoldPoint.read` knows; return when what is due was handed to the
        connections.

        `stream` is the recording or the id of that stream's playback, where the session has several. Its
        request may still be on its way. Raise OptionError if the clock is not frozen, EditError if there is
        no such stream, or it has no such event.
        """
        return self._link.run(self._advance(seconds, next, to, nth, stream))

    async def freeze_async(self) -> None:
        """Freeze, in an async test: see `freeze`."""
        await self._link.run_async(self._set("frozen"))

    async def auto_async(self) -> None:
        """Jump from event to event, in an async test: see `auto`."""
        await self._link.run_async(self._set("auto"))

    async def run_async(self, rate: float = 1.0) -> None:
        """Run, in an async test: see `run`."""
        await self._link.run_async(self._set("real", rate))

    async def now_async(self) -> float:
        """Return the moment, in an async test: see `now`."""
        return await self._link.run_async(self._now())

    async def advance_async(
        self,
        seconds: float | None = None,
        *,
        next: int | None = None,
        to: str | None = None,
        nth: int = 1,
        stream: str | None = None,
    ) -> "Advanced":
        """Advance, in an async test: see `advance`."""
        return await self._link.run_async(self._advance(seconds, next, to, nth, stream))

    async def _now(self) -> float:
        return self._link.controller.server.session(self._session).clock.now()

    async def _set(self, mode: Mode, rate: float = 1.0) -> None:
        self._link.controller.server.session(self._session).clock.set(mode, rate)

    async def _advance(
        self, seconds: float | None, next: int | None, to: str | None, nth: int, stream: str | None
    ) -> "Advanced":
        controller = self._link.controller
        session = controller.server.session(self._session)
        if to is None:
            return await controller.advance(session, seconds=seconds, next=next)
        if not session.clock.frozen:  # raise before waiting for a stream
            return await controller.advance(session, seconds=0.0)
        target = (await self._stream(stream), point_of(to, nth))
        return await controller.advance(session, seconds=seconds, next=next, to=target)

    async def _stream(self, name: str | None) -> "Delivery":
        """Return the stream of that name, once its request has come."""
        controller = self._link.controller

        def look() -> "list[Delivery] | None":
            live = controller.server.deliveries.of(self._session)
            return [one for one in live if name in (None, one.id, one.playback.recording.name)] or None

        found = await controller.wait(look, WAIT) or []
        if len(found) == 1:
            return found[0]
        named = "" if name is None else f" {printable(name)}"
        if not found:
            raise EditError(f"no stream{named} has begun in {WAIT:g} s")
        ids = ", ".join(f"{one.id} ({one.playback.recording.name})" for one in found)
        raise EditError(f"there are several streams{named}: {ids}; give one as stream=")
