"""PerLoop: one object per event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(threading.local, Generic[T]):
    """One object per event loop, made by `make` on first use."""

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        # Runs once in each thread: a loop belongs to a thread, which has one at a time.
        self._make = make
        self._made: tuple[asyncio.AbstractEventLoop, T] | None = None

    def get(self) -> T:
        """Return the object of the running event loop. Raise RuntimeError if none runs."""
        loop = asyncio.get_running_loop()
        if self._made is None or self._made[0] is not loop:
            self._made = (loop, self._make(loop))
        return self._made[1]
