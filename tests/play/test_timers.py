import asyncio
import errno
import gc
import math
import os
import sys
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.play import epoch
from respool.play.timers import (
    MANY,
    MOST_AT_ONCE,
    REST,
    SLOTS,
    ScheduledCall,
    Timers,
    _LoopAlarm,
    _new_alarm,
    running_timers,
)


class Time:
    """Time that a test moves on, and the one alarm that is set in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.alarms = 0  # open ones
        self.moment: float | None = None
        self.sets = 0
        self.errors: list[dict[str, object]] = []
        self.timers = Timers(self, lambda: self.now, self._new_alarm)  # type: ignore[arg-type]

    def _new_alarm(self, loop: object, callback: Callable[[], None]) -> "Time":
        self.alarms += 1
        self.callback = callback
        return self

    def set(self, moment: float) -> None:
        self.moment = moment
        self.sets += 1

    def close(self) -> None:
        self.alarms -= 1
        self.moment = None

    def call_exception_handler(self, context: dict[str, object]) -> None:
        self.errors.append(context)

    def advance(self, now: float) -> None:
        """Let the alarm go off whenever it should until then."""
        while self.moment is not None and self.moment <= now:
            self.now = max(self.now, self.moment)
            self.callback()
        self.now = now


MOMENTS = st.floats(0, 3) | st.integers(0, 3 * SLOTS).map(lambda slot: slot / SLOTS)


@given(st.lists(st.tuples(MOMENTS, MOMENTS, st.booleans()), max_size=40).map(sorted))
def test_each_is_called_once_when_its_moment_has_come_and_within_a_slot(
    waits: list[tuple[float, float, bool]],
) -> None:
    clock = Time()
    called: dict[int, float] = {}
    cancelled = set()
    for number, (begins, delay, cancel) in enumerate(waits):
        clock.advance(max(begins, clock.now))
        deadline = clock.now + delay

        def callback(number: int = number, deadline: float = deadline) -> None:
            assert number not in called
            assert clock.now >= deadline
            called[number] = clock.now - deadline

        timer = clock.timers.call_at(deadline, callback)
        if cancel:
            timer.cancel()
            cancelled.add(number)
    clock.advance(100.0)
    assert set(called) == set(range(len(waits))) - cancelled
    assert all(late <= 1.001 / SLOTS for late in called.values())
    assert (len(clock.timers), clock.alarms) == (0, 0)


@given(st.integers(1, 2**40))
def test_an_alarm_never_goes_off_before_its_slot_has_ended(slot: int) -> None:
    clock = Time()
    called: list[float] = []
    clock.timers.call_at(slot / SLOTS, lambda: called.append(clock.now))
    assert clock.moment == slot / SLOTS
    clock.now = clock.moment
    clock.callback()
    assert called == [slot / SLOTS]


def test_they_are_called_in_the_order_of_their_moments() -> None:
    clock = Time()
    called: list[float] = []
    for deadline in (0.5, 0.1, 2.0, 0.1, 1.0):
        clock.timers.call_at(deadline, lambda deadline=deadline: called.append(deadline))
    clock.advance(0.75)
    assert called == [0.1, 0.1, 0.5]
    clock.advance(5)
    assert called == [0.1, 0.1, 0.5, 1.0, 2.0]


def test_a_moment_that_has_passed_is_called_from_the_loop_and_not_at_once() -> None:
    clock = Time()
    clock.advance(10.0)
    called: list[int] = []
    clock.timers.call_at(3.0, lambda: called.append(1))
    assert called == []
    clock.advance(10.0)
    assert called == [1]


def test_who_is_called_may_wait_again() -> None:
    clock = Time()
    called: list[float] = []

    def again() -> None:
        called.append(clock.now)
        if len(called) < 5:
            clock.timers.call_at(len(called) * 1.0, again)

    clock.timers.call_at(0.0, again)
    clock.advance(10)
    assert called == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert clock.alarms == 0


def test_who_is_called_may_cancel_others_of_its_slot_and_of_later_ones() -> None:
    clock = Time()
    called: list[str] = []
    others: list[ScheduledCall] = []

    def first() -> None:
        called.append("first")
        for other in others:
            other.cancel()

    clock.timers.call_at(1.0, first)
    others += [clock.timers.call_at(at, lambda: called.append("other")) for at in (1.0, 1.0, 2.0)]
    clock.advance(3.0)
    assert called == ["first"]
    assert (len(clock.timers), clock.alarms) == (0, 0)


def test_to_cancel_twice_or_too_late_does_no_harm() -> None:
    clock = Time()
    called: list[int] = []
    timer = clock.timers.call_at(1.0, lambda: called.append(1))
    other = clock.timers.call_at(1.0, lambda: called.append(2))
    other.cancel()
    other.cancel()
    clock.advance(1.0)
    timer.cancel()
    assert called == [1]


def test_the_alarm_is_set_once_for_a_slot_however_many_wait_in_it() -> None:
    clock = Time()
    for _ in range(1000):
        clock.timers.call_at(1.0, lambda: None)
    for _ in range(1000):
        clock.timers.call_at(2.0, lambda: None)
    assert (clock.sets, clock.moment) == (1, 1.0)


def test_after_some_callbacks_it_is_the_loops_turn() -> None:
    clock = Time()
    called: list[int] = []
    for number in range(3 * MOST_AT_ONCE):
        clock.timers.call_at(number / SLOTS, lambda number=number: called.append(number))
    clock.now = 10.0
    for turn in (1, 2, 3):
        assert clock.moment is not None
        assert clock.moment <= clock.now
        clock.callback()
        assert called == list(range(turn * MOST_AT_ONCE))


def test_one_that_fails_is_reported_and_the_others_are_called() -> None:
    clock = Time()
    called: list[int] = []
    clock.timers.call_at(1.0, lambda: 1 / 0)
    clock.timers.call_at(1.0, lambda: called.append(1))
    clock.advance(1.0)
    assert called == [1]
    (error,) = clock.errors
    assert isinstance(error["exception"], ZeroDivisionError)


def test_those_cancelled_long_before_their_moment_leave_nothing_behind() -> None:
    clock = Time()
    clock.timers.call_at(1e6, lambda: None)
    for number in range(10_000):
        clock.timers.call_at(3600.0 + number, lambda: None).cancel()
    assert len(clock.timers) == 1
    assert len(clock.timers._order) < 100


def test_who_is_cancelled_is_let_go_at_once() -> None:
    class Waiter:
        def wake(self) -> None: ...

    clock, waiter = Time(), Waiter()
    gone = weakref.ref(waiter)
    timer = clock.timers.call_at(1e6, waiter.wake)
    timer.cancel()
    del waiter
    gc.collect()
    assert gone() is None


ALARMS = {"loop": _LoopAlarm, "system": _new_alarm}


@pytest.mark.parametrize("alarm", ALARMS)
async def test_an_alarm_never_goes_off_early(alarm: str) -> None:
    timers = Timers(asyncio.get_running_loop(), new_alarm=ALARMS[alarm])
    late: list[float] = []
    done = asyncio.Event()
    delays = [0.0, 0.00001, 0.0004, 0.001, 0.0015, 0.0049, -1.0]
    for delay in delays:
        deadline = epoch.now() + delay

        def callback(deadline: float = deadline) -> None:
            late.append(epoch.now() - deadline)
            if len(late) == len(delays):
                done.set()

        timers.call_at(deadline, callback)
    await done.wait()
    assert min(late) >= 0
    assert len(timers) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
async def test_timers_hold_a_descriptor_only_while_someone_waits() -> None:
    before = len(os.listdir("/proc/self/fd"))
    timers = Timers(asyncio.get_running_loop())
    calls = [timers.call_at(epoch.now() + 3600, lambda: None) for _ in range(100)]
    assert len(os.listdir("/proc/self/fd")) == before + 1
    for call in calls:
        call.cancel()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd")
async def test_without_descriptors_the_loops_own_timer_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> None:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr("respool.play.timerfd._open", none_left)
    called = asyncio.Event()
    Timers(asyncio.get_running_loop()).call_at(epoch.now() + 0.001, called.set)
    await called.wait()


def test_each_event_loop_has_its_own_timers() -> None:
    async def timers_of_loop() -> list[Timers]:
        return [running_timers(), running_timers()]

    first, same = asyncio.run(timers_of_loop())
    other, _ = asyncio.run(timers_of_loop())
    assert first is same
    assert first is not other
    with pytest.raises(RuntimeError):
        running_timers()


def test_what_is_to_follow_a_turn_is_called_when_all_were_called_whose_moment_had_come() -> None:
    clock = Time()
    called: list[str] = []

    def due(name: str) -> None:
        called.append(name)
        clock.timers.after_turn(lambda: called.append(f"after {name}"))

    for name, deadline in (("a", 1.0), ("b", 1.0), ("c", 1.1)):
        clock.timers.call_at(deadline, lambda name=name: due(name))  # type: ignore[misc]
    clock.advance(1.05)
    assert called == ["a", "b", "after a", "after b"]
    clock.advance(2.0)
    assert called[4:] == ["c", "after c"]
    clock.timers.after_turn(lambda: called.append("at once"))
    assert called[-1] == "at once"


def test_what_fails_after_a_turn_is_reported_and_harms_no_other() -> None:
    clock = Time()
    called: list[int] = []

    def due() -> None:
        clock.timers.after_turn(lambda: called.append(1 // 0))
        clock.timers.after_turn(lambda: called.append(2))

    clock.timers.call_at(1.0, due)
    clock.timers.call_at(3.0, lambda: called.append(3))
    clock.advance(5.0)
    assert called == [2, 3]
    assert isinstance(clock.errors[0]["exception"], ZeroDivisionError)


def test_where_many_wait_it_rests_between_turns_and_none_is_later_than_the_rest() -> None:
    clock = Time()
    late: list[float] = []
    for number in range(MANY + 3000):
        deadline = 1 + number / 3000
        clock.timers.call_at(deadline, lambda deadline=deadline: late.append(clock.now - deadline))  # type: ignore[misc]
    clock.sets = 0
    clock.advance(2.0)
    assert 2990 <= len(late) <= 3001
    assert 0 <= min(late) <= max(late) <= (REST + 1) / SLOTS
    assert clock.sets <= SLOTS / REST + 1


def test_a_turn_that_has_left_some_out_is_followed_by_another_without_a_rest() -> None:
    clock = Time()
    called: list[float] = []
    for _ in range(MANY + 5 * MOST_AT_ONCE):
        clock.timers.call_at(1.0, lambda: called.append(clock.now))
        clock.timers.call_at(900.0, lambda: None)
    clock.advance(1.0)
    assert len(called) == MANY + 5 * MOST_AT_ONCE


async def test_who_waits_for_ever_waits_and_can_be_cancelled() -> None:
    timers = Timers(asyncio.get_running_loop())
    waiting = timers.call_at(math.inf, lambda: None)
    assert len(timers) == 1
    waiting.cancel()
    assert len(timers) == 0
