import asyncio
import time
from types import SimpleNamespace

import pytest

import respool.play.clock
from respool.play.clock import Clock, ManualClock, SystemClock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


async def turn() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_deadline_that_has_come_returns_at_once(clock: Clock) -> None:
    for deadline in (clock.now(), clock.now() - 1):
        with pytest.raises(StopIteration) as returned:  # it did not wait even for one turn of the loop
            clock.sleep_until(deadline).send(None)
        assert returned.value.value is True


async def test_a_deadline_that_has_come_goes_before_an_interrupt(clock: Clock) -> None:
    interrupt = asyncio.Event()
    interrupt.set()
    assert await clock.sleep_until(clock.now(), interrupt) is True


async def test_an_interrupt_that_has_come_before_ends_the_sleep(clock: Clock) -> None:
    interrupt = asyncio.Event()
    interrupt.set()
    assert await clock.sleep_until(clock.now() + 3600, interrupt) is False


async def test_an_interrupt_ends_the_sleep(clock: Clock) -> None:
    interrupt = asyncio.Event()
    sleep = asyncio.create_task(clock.sleep_until(clock.now() + 3600, interrupt))
    await turn()
    assert not sleep.done()
    interrupt.set()
    assert await sleep is False


@pytest.mark.parametrize("interruptible", [False, True])
async def test_a_cancelled_sleep_leaves_no_task_behind(clock: Clock, interruptible: bool) -> None:
    before = asyncio.all_tasks()
    interrupt = asyncio.Event() if interruptible else None
    sleep = asyncio.create_task(clock.sleep_until(clock.now() + 3600, interrupt))
    await turn()
    sleep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleep
    await turn()
    assert asyncio.all_tasks() == before


async def test_an_interrupted_sleep_leaves_no_task_behind(clock: Clock) -> None:
    before = asyncio.all_tasks()
    interrupt = asyncio.Event()
    interrupt.set()
    await clock.sleep_until(clock.now() + 3600, interrupt)
    await turn()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("interruptible", [False, True])
async def test_the_system_clock_sleeps_until_the_deadline_and_never_less(interruptible: bool) -> None:
    clock = SystemClock()
    for delay in (0.00001, 0.0004, 0.001, 0.0015, 0.0049):
        deadline = clock.now() + delay
        assert await clock.sleep_until(deadline, asyncio.Event() if interruptible else None)
        assert clock.now() >= deadline


async def test_the_system_clock_goes_on_sleeping_when_the_event_loop_wakes_it_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter([10.0, 10.9, 10.999, 11.0])
    sleeps: list[float] = []

    async def sleep(delay: float) -> None:
        sleeps.append(delay)

    monkeypatch.setattr(respool.play.clock, "epoch", SimpleNamespace(now=lambda: next(moments)))
    monkeypatch.setattr(respool.play.clock, "asyncio", SimpleNamespace(sleep=sleep))
    assert await SystemClock().sleep_until(11.0)
    assert sleeps == [1.0, 0.1, 0.001]  # whole milliseconds, as event loops count


async def test_a_callback_is_called_when_its_moment_has_come_and_not_from_within(clock: Clock) -> None:
    called: list[float] = []
    deadlines = [clock.now() + delay for delay in (-1.0, 0.0, 0.002)]
    for deadline in deadlines:
        clock.call_at(deadline, lambda: called.append(clock.now()))
    assert called == []
    while len(called) < 3:
        await asyncio.sleep(0)
        if isinstance(clock, ManualClock):
            clock.advance(0.001)
    assert all(moment >= deadline for moment, deadline in zip(called, deadlines, strict=True))


async def test_a_callback_that_was_cancelled_is_not_called(clock: Clock) -> None:
    called: list[int] = []
    for delay in (-1.0, 0.0, 0.001, 3600.0):
        clock.call_at(clock.now() + delay, lambda: called.append(1)).cancel()
    if isinstance(clock, ManualClock):
        assert clock.sleepers == 0
        clock.advance(4000)
    await turn()
    await clock.sleep_until(clock.now() - 1)
    assert called == []


def test_the_system_clock_counts_seconds_since_1970_and_never_goes_back() -> None:
    moments = [SystemClock().now() for _ in range(1000)]
    assert moments == sorted(moments)
    assert abs(moments[-1] - time.time()) < 1.0


def test_a_manual_clock_moves_only_when_it_is_told_to() -> None:
    clock = ManualClock(100.0)
    assert clock.now() == clock.now() == 100.0
    clock.advance(2.5)
    clock.advance(0)
    assert clock.now() == 102.5


def test_a_manual_clock_does_not_go_back() -> None:
    clock = ManualClock(1.0)
    with pytest.raises(ValueError, match="time does not go back"):
        clock.advance(-0.1)
    assert clock.now() == 1.0


@pytest.mark.parametrize("interruptible", [False, True])
@pytest.mark.parametrize(
    ("seconds", "woken"), [(0.0, ""), (0.9, ""), (1.0, "a"), (1.5, "a"), (2.0, "abc"), (9.0, "abcd")]
)
async def test_advance_wakes_exactly_those_whose_moment_has_come(
    seconds: float, woken: str, interruptible: bool
) -> None:
    clock = ManualClock()
    interrupt = asyncio.Event() if interruptible else None
    sleeps = {
        name: asyncio.create_task(clock.sleep_until(deadline, interrupt))
        for name, deadline in {"d": 3.0, "a": 1.0, "b": 2.0, "c": 2.0}.items()
    }
    await turn()
    assert clock.sleepers == 4
    clock.advance(seconds)
    await turn()
    assert {name for name, sleep in sleeps.items() if sleep.done()} == set(woken)
    assert all(sleeps[name].result() is True for name in woken)
    assert clock.sleepers == 4 - len(woken)
    clock.advance(9)
    await asyncio.gather(*sleeps.values())


async def test_advance_in_another_thread_wakes_a_sleeper() -> None:
    clock = ManualClock()
    sleep = asyncio.create_task(clock.sleep_until(1))
    await turn()
    await asyncio.to_thread(clock.advance, 1)
    assert await sleep is True


async def test_one_clock_wakes_sleepers_of_several_event_loops() -> None:
    clock = ManualClock()
    here = asyncio.create_task(clock.sleep_until(1))
    there = asyncio.create_task(asyncio.to_thread(asyncio.run, clock.sleep_until(1)))
    while clock.sleepers < 2:
        await asyncio.sleep(0)
    clock.advance(1)
    assert await asyncio.gather(here, there) == [True, True]


def test_a_sleeper_whose_event_loop_was_closed_is_passed_over() -> None:
    clock = ManualClock()
    loop = asyncio.new_event_loop()
    sleep = clock.sleep_until(1)
    loop.call_soon(lambda: sleep.send(None))
    loop.run_until_complete(turn())
    loop.close()
    assert clock.sleepers == 1
    clock.advance(1)
    assert clock.sleepers == 0
    sleep.close()


async def test_cancelled_and_interrupted_sleepers_are_forgotten() -> None:
    clock = ManualClock()
    interrupt = asyncio.Event()
    cancelled = asyncio.create_task(clock.sleep_until(1))
    interrupted = asyncio.create_task(clock.sleep_until(1, interrupt))
    staying = asyncio.create_task(clock.sleep_until(2))
    await turn()
    cancelled.cancel()
    interrupt.set()
    await asyncio.wait([cancelled, interrupted])
    assert clock.sleepers == 1
    clock.advance(2)
    assert await staying is True


async def test_sleepers_are_still_woken_in_order_after_one_in_the_middle_was_cancelled() -> None:
    clock = ManualClock()
    sleeps = [asyncio.create_task(clock.sleep_until(deadline)) for deadline in (1, 5, 2, 6, 7, 3, 4)]
    await turn()
    sleeps[0].cancel()
    await turn()
    for woken in range(2, 8):
        clock.advance(woken - clock.now())
        await turn()
        assert clock.sleepers == 7 - woken
    await asyncio.wait(sleeps)
