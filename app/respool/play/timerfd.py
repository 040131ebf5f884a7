"""TimerFd: Linux's timer that is a file descriptor, in an event loop.

Python has it from 3.13 on (`os.timerfd_create`); before, it is asked of the C library. Source:
timerfd_create(2).
"""

import asyncio
import ctypes
import os
from collections.abc import Callable

from respool.play.epoch import OFFSET

_CLOEXEC, _NONBLOCK, _ABSTIME = os.O_CLOEXEC, os.O_NONBLOCK, 1
_CLOCK_MONOTONIC = 1  # the clock that `time.monotonic` reads


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Itimerspec(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


# PyDLL keeps Python's lock: both calls return at once, and letting it go would cost more than they do.
_libc = ctypes.PyDLL(None, use_errno=True)


class TimerFd:
    """Calls back in `loop`, once or more often, when the moment to which it was last set has come.

    Raises OSError when the system has no more descriptors.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._spec = _Itimerspec()
        self._settime = _libc.timerfd_settime
        self._arguments = (_ABSTIME, ctypes.byref(self._spec), None)
        self._fd: int = _libc.timerfd_create(_CLOCK_MONOTONIC, _CLOEXEC | _NONBLOCK)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        try:
            loop.add_reader(self._fd, callback)
        except BaseException:
            os.close(self._fd)
            raise

    def set(self, moment: float) -> None:
        """Go off at `moment`, in seconds since 1970; one that has passed means at once."""
        # What the timer has counted is not read: setting it anew clears that.
        value = self._spec.value
        # 0 would mean never; one nanosecond later makes up for what rounding may cut off.
        value.seconds, value.nanoseconds = divmod(max(0, int((moment - OFFSET) * 1e9)) + 1, 1_000_000_000)
        self._settime(self._fd, *self._arguments)

    def close(self) -> None:
        """Never go off again, and give the descriptor back."""
        if self._fd >= 0:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
