"""Timers: one system timer for all waiters on an event loop, however many they are.

A timer of the loop's own for each waiting stream costs a system call or a heap entry each, and event loops
count in whole milliseconds: uvloop rounds down, and may fire up to one too early. Here time is cut into slots
of about a quarter millisecond. A waiter goes into the first slot that ends at its deadline or later. A heap
holds the numbers of the slots in use, so that a busy slot costs one heap entry; and one timer of the system
is set to the first of them.

A wake-up costs as much as writing an event or two. With many waiters, ticks are therefore half a millisecond
apart, and all callbacks due by then run together.

On Linux that timer is a timerfd (exact to some microseconds, read through the loop's own poll), elsewhere the
loop's `call_later`.
"""

import asyncio
import heapq
import math
import sys
from collections.abc import Callable
from typing import Protocol

from respool.play import epoch
from respool.play.per_loop import PerLoop

# Slots a second. A power of two, so that moments become slots and slots moments without rounding: with
# 4000 the alarm of some slots went off just before the slot had ended, and was set again to the same moment.
SLOTS = 4096
# Callbacks in one tick. What they write is sent only after the tick.
MOST_AT_ONCE = 64
# With MANY waiters, ticks are at least REST slots apart.
MANY, REST = 500, 2

FAR = 1e11  # seconds since 1970; later deadlines are brought forward to it

# It may return the moment of its next call.
Callback = Callable[[], float | None]


def _slot_of(moment: float) -> int:
    """Return the slot that ends at `moment` or later. An infinite moment gets a slot thousands of years
    ahead."""
    return math.ceil((min(FAR, moment)) * SLOTS)


class Alarm(Protocol):
    """A system timer: it calls back, once or more often, when the moment that was set last has come."""

    def set(self, moment: float) -> None:
        """Fire at `moment`, in seconds; soon if it has passed, but not within this call."""

    def close(self) -> None:
        """Disarm the timer for good."""


class ScheduledCall:
    """A scheduled call, returned by `Timers.call_at`."""

    __slots__ = ("_callback", "_slot", "_timers")

    def __init__(self, timers: "Timers", slot: int, callback: Callback) -> None:
        self._timers = timers
        self._slot = slot
        self._callback: Callback | None = callback

    def cancel(self) -> None:
        """Cancel the call. Cancelling after its time has no effect."""
        if self._callback is not None:
            self._callback = None
            self._timers._forget(self)


class Timers:
    """The timers of one event loop; use them in its thread only.

    Without waiters it holds no resources. `now` and `new_alarm` are for tests.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float] = epoch.now,
        new_alarm: "Callable[[asyncio.AbstractEventLoop, Callable[[], None]], Alarm] | None" = None,
    ) -> None:
        self.loop = loop
        self._now = now
        self._new_alarm = new_alarm or _new_alarm
        self._slots: dict[int, dict[ScheduledCall, None]] = {}
        self._order: list[int] = []  # a heap of the slots in use, and of some that were
        self._alarm: Alarm | None = None
        self._set_to: float = math.inf  # the slot for which the alarm is set
        self._rests_until = 0  # no tick before the end of this slot
        self._waiting = 0
        self._after: list[Callable[[], None]] | None = None  # None: outside of a tick

    def __len__(self) -> int:
        return self._waiting

    def call_at(self, deadline: float, callback: Callback) -> ScheduledCall:
        """Call `callback` at `deadline`, in seconds since 1970, or later; never before.

        If it returns a moment, it is called again then, with the same timer.
        """
        timer = ScheduledCall(self, _slot_of(deadline), callback)
        self._put(timer)
        if timer._slot < self._set_to:
            self._set_alarm()
        return timer

    def after_turn(self, callback: Callable[[], None]) -> None:
        """Run `callback` after all callbacks of this tick; at once, outside of a tick."""
        if self._after is None:
            callback()
        else:
            self._after.append(callback)

    def _put(self, timer: ScheduledCall) -> None:
        self._waiting += 1
        timers = self._slots.get(timer._slot)
        if timers is None:
            self._slots[timer._slot] = {timer: None}
            heapq.heappush(self._order, timer._slot)
        else:
            timers[timer] = None

    def _tick(self) -> None:
        """Run the callbacks of all slots that have ended."""
        now = self._now() * SLOTS
        order, slots = self._order, self._slots
        self._set_to = -math.inf  # a callback added meanwhile need not set the alarm
        after: list[Callable[[], None]] = []
        self._after = after
        called = 0
        while order and order[0] <= now and called < MOST_AT_ONCE:
            timers = slots.pop(heapq.heappop(order), ())
            self._waiting -= len(timers)
            for timer in timers:
                callback = timer._callback
                if callback is None:  # an earlier callback has cancelled it
                    continue
                called += 1
                try:
                    again = callback()
                except Exception as error:
                    again = None
                    self._report(callback, error)
                if again is None:
                    timer._callback = None
                elif timer._callback:  # it has not cancelled itself
                    timer._slot = _slot_of(again)
                    self._put(timer)
        self._after = None
        for callback_after in after:
            try:
                callback_after()
            except Exception as error:
                self._report(callback_after, error)
        if self._waiting >= MANY and called < MOST_AT_ONCE:
            self._rests_until = math.ceil(now) + REST
        self._set_alarm()

    def _report(self, callback: object, error: Exception) -> None:
        self.loop.call_exception_handler({"message": f"{callback} failed", "exception": error})

    def _set_alarm(self) -> None:
        """Set the alarm to the first slot in use; release it if there is none."""
        order, slots = self._order, self._slots
        while order and order[0] not in slots:
            heapq.heappop(order)
        if order:
            if self._alarm is None:
                self._alarm = self._new_alarm(self.loop, self._tick)
            slot = max(order[0], self._rests_until)
            if slot != self._set_to:
                self._set_to = slot
                self._alarm.set(slot / SLOTS)
        else:
            self._set_to = math.inf
            if self._alarm:
                self._alarm.close()
                self._alarm = None

    def _forget(self, timer: ScheduledCall) -> None:
        timers = self._slots.get(timer._slot)
        if timers is None or timer not in timers:
            return  # its slot has ended
        del timers[timer]
        self._waiting -= 1
        if timers:
            return
        del self._slots[timer._slot]
        if len(self._order) > 2 * len(self._slots) + 64:
            self._order[:] = self._slots
            heapq.heapify(self._order)
        if not self._slots and self._set_to >= 0:
            self._set_alarm()


_timers_of_loop = PerLoop(Timers)


def running_timers() -> Timers:
    """Return the timers of the running event loop. Raise RuntimeError if none runs."""
    return _timers_of_loop.get()


class _LoopAlarm:
    """The event loop's own timer, if there is no better one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    def set(self, moment: float) -> None:
        self.close()
        # Up to a whole millisecond, since some loops cut off what is less; and a day is long enough for
        # one wait, and short enough for every loop.
        delay = math.ceil(min(max(0.0, moment - epoch.now()), 86400.0) * 1000) / 1000
        self._handle = self._loop.call_later(delay, self._callback)

    def close(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None


def _new_alarm(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> Alarm:
    if sys.platform == "linux":
        from respool.play.timerfd import TimerFd

        try:
            return TimerFd(loop, callback)
        except (OSError, AttributeError, NotImplementedError):
            pass  # no descriptors left, a libc without it, a loop without add_reader
    return _LoopAlarm(loop, callback)
