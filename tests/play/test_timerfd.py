import asyncio
import errno
import os
import sys
from collections.abc import Callable

import pytest

from respool.play import epoch, timerfd, timers
from respool.play.timerfd import TimerFd

if sys.platform != "linux":
    pytest.skip("timerfd is Linux's", allow_module_level=True)

HAS_OWN = hasattr(os, "timerfd_create")
WAYS = [
    pytest.param(timerfd._open_by_libc, id="libc"),
    pytest.param(
        timerfd._open_by_python, id="python", marks=pytest.mark.skipif(not HAS_OWN, reason="Python 3.13")
    ),
]


def test_python_has_its_own_way_preferred() -> None:
    assert timerfd._open is (timerfd._open_by_python if HAS_OWN else timerfd._open_by_libc)


@pytest.fixture(params=WAYS)
def opened_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timerfd, "_open", request.param)


@pytest.mark.usefixtures("opened_by")
async def test_it_goes_off_when_its_moment_has_come_and_never_before() -> None:
    went_off = asyncio.Event()

    def callback() -> None:
        timer.set(epoch.now() + 3600)  # it goes off again and again until it is set anew
        went_off.set()

    timer = TimerFd(asyncio.get_running_loop(), callback)
    try:
        for delay in (-1.0, 0.0, 0.0004, 0.003):
            went_off.clear()
            moment = epoch.now() + delay
            timer.set(moment)
            await went_off.wait()
            assert epoch.now() >= moment
    finally:
        timer.close()


@pytest.mark.usefixtures("opened_by")
@pytest.mark.parametrize("moment", [-5.0, 0.0])
async def test_a_moment_that_has_passed_even_zero_means_at_once_and_not_never(moment: float) -> None:
    went_off = asyncio.Event()
    timer = TimerFd(asyncio.get_running_loop(), went_off.set)
    timer.set(moment)
    await went_off.wait()
    timer.close()


@pytest.mark.usefixtures("opened_by")
async def test_a_moment_in_thousands_of_years_is_within_what_the_system_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timer = TimerFd(asyncio.get_running_loop(), lambda: None)
    timer.set(timers.FAR)
    taken: list[int] = []
    monkeypatch.setattr(timer, "_set", taken.append)
    timer.set(timers.FAR)
    assert epoch.now() * 1e9 < taken[0] < 2**63
    timer.close()


@pytest.mark.usefixtures("opened_by")
async def test_closed_it_gives_its_descriptor_back_once_and_is_not_inherited() -> None:
    before = len(os.listdir("/proc/self/fd"))
    timer = TimerFd(asyncio.get_running_loop(), lambda: None)
    assert not os.get_inheritable(timer._fd)
    assert not os.get_blocking(timer._fd)
    timer.close()
    timer.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("opened_by")
def test_a_loop_that_has_no_readers_keeps_no_descriptor() -> None:
    class Loop:
        def add_reader(self, *_: object) -> None:
            raise NotImplementedError

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(NotImplementedError):
        TimerFd(Loop(), lambda: None)  # type: ignore[arg-type]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("opened_by", WAYS)
def test_without_descriptors_it_says_so(opened_by: Callable[[], object]) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened_by_now = max(map(int, os.listdir("/proc/self/fd")))
    held = [os.open("/dev/null", os.O_RDONLY)]
    while held[-1] < opened_by_now + 1:
        held.append(os.open("/dev/null", os.O_RDONLY))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1] + 1, hard))
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            opened_by()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in held:
            os.close(fd)
