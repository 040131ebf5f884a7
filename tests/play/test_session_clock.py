import asyncio

import pytest

from respool.errors import OptionError
from respool.play.clock import ManualClock
from respool.play.session_clock import ClockSetting, SessionClock


@pytest.fixture
def base() -> ManualClock:
    return ManualClock(100.0)


@pytest.fixture
def clock(base: ManualClock) -> SessionClock:
    return SessionClock(base)


def test_it_is_the_servers_clock_until_it_is_set(base: ManualClock, clock: SessionClock) -> None:
    base.advance(1.0)
    assert clock.now() == 101.0
    assert clock.now == base.now, "no call of ours on the path of each event"
    assert clock.setting is None


def test_a_frozen_clock_moves_only_by_advance(base: ManualClock, clock: SessionClock) -> None:
    clock.set("frozen")
    base.advance(50.0)
    assert (clock.now(), clock.frozen) == (100.0, True)
    clock.advance(2.5)
    assert clock.now() == 102.5


def test_a_clock_that_runs_again_goes_on_where_it_stood(base: ManualClock, clock: SessionClock) -> None:
    clock.set("frozen")
    base.advance(50.0)
    clock.set("real", rate=2.0)
    assert clock.now() == 100.0
    base.advance(3.0)
    assert clock.now() == 106.0


def test_a_clock_may_be_set_forward_and_not_back(clock: SessionClock) -> None:
    clock.set("frozen", now=500.0)
    assert clock.now() == 500.0
    with pytest.raises(OptionError, match="time does not go back"):
        clock.set("frozen", now=499.0)


def test_only_a_frozen_clock_can_be_advanced(clock: SessionClock) -> None:
    with pytest.raises(OptionError, match="not frozen"):
        clock.advance(1.0)


@pytest.mark.parametrize(("mode", "rate"), [("slow", 1.0), ("real", 0.0), ("real", -1.0), ("real", 2e6)])
def test_a_setting_out_of_range_is_refused(mode: str, rate: float) -> None:
    with pytest.raises(OptionError):
        ClockSetting(mode, rate)  # type: ignore[arg-type]


def test_a_clock_is_made_again_from_its_setting(base: ManualClock, clock: SessionClock) -> None:
    clock.set("real", rate=0.5)
    base.advance(10.0)
    assert clock.setting == ClockSetting("real", 0.5, 105.0, 110.0)
    again = SessionClock(base, clock.setting)
    base.advance(10.0)
    assert again.now() == clock.now() == 110.0


async def test_callbacks_come_at_the_sessions_moments(base: ManualClock, clock: SessionClock) -> None:
    clock.set("real", rate=2.0)
    called: list[float] = []

    def callback() -> float | None:
        called.append(clock.now())
        return 106.0 if len(called) == 1 else None

    clock.call_at(102.0, callback)
    for _ in range(4):
        base.advance(1.0)
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
    assert called == [102.0, 106.0]


async def test_who_waits_is_told_when_the_time_is_another_one(clock: SessionClock) -> None:
    calls: list[int] = []
    clock.listen(callback := lambda: calls.append(1))
    clock.set("frozen")
    clock.unlisten(callback)
    clock.set("real")
    assert calls == [1]


async def test_a_sleeper_goes_on_when_its_clock_is_frozen_and_advanced(
    base: ManualClock, clock: SessionClock
) -> None:
    sleep = asyncio.create_task(clock.sleep_until(110.0))
    await asyncio.sleep(0)
    clock.set("frozen")
    await asyncio.sleep(0)
    base.advance(60.0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not sleep.done()
    while clock.next_deadline is None:
        await asyncio.sleep(0)
    assert clock.next_deadline == 110.0
    clock.advance(10.0)
    assert await sleep is True


async def test_an_interrupt_ends_a_sleep(clock: SessionClock) -> None:
    interrupt = asyncio.Event()
    sleep = asyncio.create_task(clock.sleep_until(110.0, interrupt))
    await asyncio.sleep(0)
    interrupt.set()
    assert await sleep is False


async def test_a_clock_that_jumps_goes_from_one_moment_to_the_next(base: ManualClock) -> None:
    clock = SessionClock(base, mode="auto")
    seen: list[float] = []

    async def wait(*moments: float) -> None:
        for moment in moments:
            await clock.sleep_until(moment)
            seen.append(clock.now())

    await asyncio.gather(wait(200.0, 3000.0), wait(150.0, 2000.0), wait(200.0))
    assert seen == [150.0, 200.0, 200.0, 2000.0, 3000.0]
    assert base.now() == 100.0


async def test_a_clock_does_not_jump_while_somebody_is_busy(base: ManualClock) -> None:
    busy = [True]
    clock = SessionClock(base, mode="auto", busy=lambda: busy[0])
    waiting = asyncio.ensure_future(clock.sleep_until(200.0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (clock.now(), waiting.done()) == (100.0, False)
    busy[0] = False
    await waiting
    assert clock.now() == 200.0


def test_a_clock_that_is_reset_runs_as_it_did_at_first(base: ManualClock) -> None:
    clock = SessionClock(base, mode="frozen")
    clock.set("real")
    clock.reset()
    assert (clock.mode, clock.frozen) == ("frozen", True)


def test_a_frozen_clock_comes_to_a_moment_to_the_last_bit(base: ManualClock) -> None:
    clock = SessionClock(base, mode="frozen")
    moment = 100.0 + 1 / 3
    clock.advance_to(moment)
    assert clock.now() == moment
    clock.advance_to(50.0)
    assert clock.now() == moment


async def test_a_stall_without_end_waits_for_the_interrupt(clock: SessionClock) -> None:
    interrupt = asyncio.Event()
    interrupt.set()
    assert await clock.sleep_until(float("inf"), interrupt) is False
