"""Heavy work, outside of the event loop: one piece after the other, in one thread.

Work in Python takes turns with the loop at Python's lock. Were there several such threads, the loop would
wait for each of them in turn.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_worker = ThreadPoolExecutor(1, "respool-heavy")


async def heavy(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own, and return its result."""
    return await asyncio.get_running_loop().run_in_executor(_worker, work)
