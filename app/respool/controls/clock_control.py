"""ClockControl: the clock of one session, from a test."""

from typing import TYPE_CHECKING

from respool.controls.server_thread import ServerThread
from respool.play.session_clock import Mode

if TYPE_CHECKING:
    from respool.http.control import Advanced


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

    async def advance_async(self, seconds: float | None = None, *, next: int | None = None) -> "Advanced":
        """Advance, in an async test: see `advance`."""
        return await self._link.run_async(self._advance(seconds, next))

    async def _now(self) -> float:
        return self._link.controller.server.session(self._session).clock.now()

    async def _set(self, mode: Mode, rate: float = 1.0) -> None:
        self._link.controller.server.session(self._session).clock.set(mode, rate)

    async def _advance(self, seconds: float | None, next: int | None) -> "Advanced":
        session = self._link.controller.server.session(self._session)
        return await self._link.controller.advance(session, seconds=seconds, next=next)
