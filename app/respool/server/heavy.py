"""Heavy work, outside of the event loop: one piece after the other, in one thread.

Work in Python takes turns with the loop at Python's lock. Were there several such threads, the loop would
wait for each of them in turn.
"""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from respool.play.offload import WorkNeeded, offloading

T = TypeVar("T")

_MOST_WORKS = 8  # of one decision; after that, the rest of it is done in the loop

_worker = ThreadPoolExecutor(1, "respool-heavy")


async def heavy(work: Callable[[], T]) -> T:
    """Return the result of `work`, done in the thread for heavy work."""
    return await asyncio.get_running_loop().run_in_executor(_worker, work)


class Works:
    """The large works of one decision, which is made again after each of them."""

    __slots__ = ("_results",)

    def __init__(self) -> None:
        self._results: dict[Hashable, Any] = {}

    def offloading(self) -> offloading:
        """Have the next large work of the decision raise `WorkNeeded`, within a block."""
        return offloading(self._results if len(self._results) < _MOST_WORKS else None)

    async def do(self, needed: WorkNeeded) -> None:
        """Do the work, and keep its result for the decision."""
        self._results[needed.key] = await heavy(needed.work)
