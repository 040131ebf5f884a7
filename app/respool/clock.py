"""Clock: the one source of time. Everything that a client sees is computed from `now`."""

import asyncio
import heapq
import itertools
import math
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since some fixed moment, and a way to wait until one."""

    def now(self) -> float:
        """The moment, in seconds. It never goes back."""

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        """Wait until `deadline`, never less; True when it has come, False if `interrupt` came first.

        A deadline, not a delay: so lateness never adds up over a stream.
        """


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        while (delay := deadline - time.monotonic()) > 0:
            # Event loops count in whole milliseconds and may wake up early by part of one. A day is
            # long enough for one sleep, and short enough for every loop.
            delay = math.ceil(min(delay, 86400.0) * 1000) / 1000
            if interrupt is None:
                await asyncio.sleep(delay)
            elif await _comes_within(interrupt, delay):
                return False
        return True


class ManualClock:
    """A clock that moves only when a test says so.

    `advance` may be called from any thread, also while a server in another thread waits on it.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._order = itertools.count()  # so that the heap never compares two loops
        self._sleepers: list[tuple[float, int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    def now(self) -> float:
        return self._now

    @property
    def sleepers(self) -> int:
        """How many wait for a later moment: a test can wait until its server does."""
        with self._lock:
            return len(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move time on, and wake all whose moment has come."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds} seconds")
        with self._lock:
            self._now += seconds
            while self._sleepers and self._sleepers[0][0] <= self._now:
                _, _, loop, woken = heapq.heappop(self._sleepers)
                if not loop.is_closed():
                    loop.call_soon_threadsafe(woken.set)

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        woken = asyncio.Event()
        sleeper = (deadline, next(self._order), asyncio.get_running_loop(), woken)
        with self._lock:
            if deadline <= self._now:
                return True
            heapq.heappush(self._sleepers, sleeper)
        try:
            if interrupt is None:
                await woken.wait()
                return True
            return not await _first_is(interrupt, woken)
        finally:
            with self._lock:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)
                    heapq.heapify(self._sleepers)


async def _comes_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _first_is(event: asyncio.Event, other: asyncio.Event) -> bool:
    """Wait for either; whether `event` has come."""
    tasks = [asyncio.ensure_future(waiting.wait()) for waiting in (event, other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return event.is_set()
