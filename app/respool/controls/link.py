"""Link: the way to a server in a thread of its own."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from respool.http.control import Controller

T = TypeVar("T")
_LONGEST = 120.0  # seconds that a call to the server's thread may take


@dataclass(frozen=True, slots=True)
class Link:
    """The way to a server in a thread of its own."""

    controller: "Controller"
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work in the server's thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_LONGEST)

    async def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """The same, without blocking the event loop of the caller."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))
