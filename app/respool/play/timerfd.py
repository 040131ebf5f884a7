"""TimerFd: Linux's timer as a file descriptor, in an event loop.

Python has it from 3.13 on (`os.timerfd_create`), if it was built with it; elsewhere the C library is called
by `ctypes`. Source: timerfd_create(2).
"""

import asyncio
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from respool.play.epoch import OFFSET

# TFD_CLOEXEC and TFD_NONBLOCK have the numbers of the flags of open(2).
_CLOCK, _FLAGS, _ABSTIME = time.CLOCK_MONOTONIC, os.O_CLOEXEC | os.O_NONBLOCK, 1
_LATEST = 2**63 - 1  # nanoseconds: what `os.timerfd_settime_ns` takes, some 292 years

# A new timer's descriptor, and what sets it to a moment of the monotonic clock, in nanoseconds.
_Opened = tuple[int, Callable[[int], None]]


def _open_by_python() -> _Opened:
    """Open a timer by `os`. Raise OSError if the system has no more descriptors."""
    system: Any = os  # typed as the oldest Python that we support has it
    fd: int = system.timerfd_create(_CLOCK, flags=_FLAGS)
    settime = system.timerfd_settime_ns

    def set_to(moment: int) -> None:
        settime(fd, flags=_ABSTIME, initial=moment)

    return fd, set_to


def _open_by_libc() -> _Opened:
    """Open a timer by the C library. Raise OSError if the system has no more descriptors, AttributeError if
    the C library has no timerfd."""
    import ctypes

    libc, new_spec = _libc()
    fd: int = libc.timerfd_create(_CLOCK, _FLAGS)
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    spec = new_spec()
    settime, arguments = libc.timerfd_settime, (fd, _ABSTIME, ctypes.byref(spec), None)

    def set_to(moment: int) -> None:
        value = spec.value
        value.seconds, value.nanoseconds = divmod(moment, 1_000_000_000)
        settime(*arguments)

    return fd, set_to


@cache
def _libc() -> tuple[Any, Callable[[], Any]]:
    """Return the C library, and a function that makes a ``struct itimerspec``."""
    import ctypes

    class Timespec(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    class Itimerspec(ctypes.Structure):
        _fields_ = [("interval", Timespec), ("value", Timespec)]

    # PyDLL keeps Python's lock: both calls return at once, and letting it go would cost more than they do.
    return ctypes.PyDLL(None, use_errno=True), Itimerspec


_open = _open_by_python if hasattr(os, "timerfd_create") else _open_by_libc


class TimerFd:
    """Calls back in `loop`, once or more often, when the moment that was set last has come.

    Raises OSError when the system has no more descriptors.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._fd, self._set = _open()
        try:
            loop.add_reader(self._fd, callback)
        except BaseException:
            os.close(self._fd)
            raise

    def set(self, moment: float) -> None:
        """Fire at `moment`, in seconds since 1970; at once if it has passed."""
        # What the timer has counted is not read: setting it anew clears that. 0 would mean never; one
        # nanosecond later makes up for what rounding may cut off.
        self._set(min(_LATEST, max(0, int((moment - OFFSET) * 1e9)) + 1))

    def close(self) -> None:
        """Disarm the timer and close its descriptor."""
        if self._fd >= 0:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
