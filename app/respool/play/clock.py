"""Clock: the one source of time. Everything that a client sees is computed from `now`."""

import asyncio
import heapq
import itertools
import math
import threading
from collections.abc import Callable
from typing import Protocol

from respool.play import epoch
from respool.play.timers import Callback, running_timers


class Timer(Protocol):
    """A scheduled call that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the call. Cancelling after its time has no effect."""


class Clock(Protocol):
    """Seconds since 1970 (of a manual clock: since its start), and two ways to wait until a moment."""

    def now(self) -> float:
        """Return the time, in seconds. It never goes back."""

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        """Wait until `deadline`, never less. Return True when it has come, False if `interrupt` came first.

        A deadline, not a delay: so lateness never adds up over a stream.
        """

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        """Call `callback` in the running event loop at `deadline` or later, never before. If it returns a
        time, call it again then.

        It is never called before this returns, even if the deadline has passed.
        """

    def after_turn(self, callback: Callable[[], None]) -> None:
        """Run `callback` after all callbacks of this tick; at once, outside of a tick."""


class SystemClock:
    """The machine's clock, in seconds since 1970."""

    now = staticmethod(epoch.now)

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        while (delay := deadline - epoch.now()) > 0:
            # Event loops count in whole milliseconds and may wake up early by part of one. A day is
            # long enough for one sleep, and short enough for every loop.
            delay = math.ceil(min(delay, 86400.0) * 1000) / 1000
            if interrupt is None:
                await asyncio.sleep(delay)
            elif await _comes_within(interrupt, delay):
                return False
        return True

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        return running_timers().call_at(deadline, callback)

    def after_turn(self, callback: Callable[[], None]) -> None:
        running_timers().after_turn(callback)


class ManualClock:
    """A clock that only a test moves.

    `advance` may be called from any thread, also while a server in another thread waits on it.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._order = itertools.count()  # so that the heap never compares two sleepers
        self._sleepers: list[tuple[float, int, _Sleeper]] = []

    def now(self) -> float:
        return self._now

    @property
    def sleepers(self) -> int:
        """The number of waiters for a later time: a test can wait until its server waits."""
        with self._lock:
            return len(self._sleepers)

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline of a waiter; None without waiters."""
        with self._lock:
            return self._sleepers[0][0] if self._sleepers else None

    def advance(self, seconds: float) -> None:
        """Move time forward, and wake the waiters whose deadline has come."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds} seconds")
        self.advance_to(self._now + seconds)

    def advance_to(self, moment: float) -> None:
        """Move time forward to `moment`, unless it has passed, and wake the waiters whose deadline has
        come."""
        with self._lock:
            self._now = max(self._now, moment)
            while self._sleepers and self._sleepers[0][0] <= self._now:
                heapq.heappop(self._sleepers)[2].wake()

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        sleeper = _Sleeper(self, asyncio.get_running_loop(), callback)
        self._put(deadline, sleeper)
        return sleeper

    def after_turn(self, callback: Callable[[], None]) -> None:
        callback()

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        if deadline <= self._now:
            return True
        woken = asyncio.Event()
        timer = self.call_at(deadline, woken.set)
        try:
            if interrupt is None:
                await woken.wait()
                return True
            return not await _first_is(interrupt, woken)
        finally:
            timer.cancel()

    def _put(self, deadline: float, sleeper: "_Sleeper") -> None:
        with self._lock:
            if deadline <= self._now:
                sleeper.wake()
            else:
                heapq.heappush(self._sleepers, (deadline, next(self._order), sleeper))

    def _remove(self, sleeper: "_Sleeper") -> None:
        with self._lock:
            staying = [entry for entry in self._sleepers if entry[2] is not sleeper]
            if len(staying) < len(self._sleepers):
                heapq.heapify(staying)
                self._sleepers = staying


class _Sleeper:
    """A waiter of a ManualClock."""

    def __init__(self, clock: ManualClock, loop: asyncio.AbstractEventLoop, callback: Callback) -> None:
        self._clock = clock
        self._loop = loop
        self._callback: Callback | None = callback

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._call)

    def cancel(self) -> None:
        self._callback = None
        self._clock._remove(self)

    def _call(self) -> None:
        again = self._callback() if self._callback else None
        if again is None:
            self._callback = None
        elif self._callback:  # it has not cancelled itself
            self._clock._put(again, self)


async def _comes_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _first_is(event: asyncio.Event, other: asyncio.Event) -> bool:
    """Wait for either event; return True if `event` is set."""
    tasks = [asyncio.ensure_future(waiting.wait()) for waiting in (event, other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return event.is_set()
