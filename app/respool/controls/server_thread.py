"""ServerThread: calls to a server in another thread."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from respool.errors import OptionError

if TYPE_CHECKING:
    from respool.http.control import Controller

T = TypeVar("T")
_LONGEST = 120.0  # seconds that a call to the server's thread may take


@dataclass(frozen=True, slots=True)
class ServerThread:
    """Calls to a server in another thread."""

    controller: "Controller"
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work in the server's thread, and wait for it. Raise OptionError if its state is shared."""
        self._check(work)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_LONGEST)

    async def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the same, without blocking the event loop of the caller."""
        self._check(work)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def _check(self, work: Coroutine[Any, Any, Any]) -> None:
        if self.controller.server.state.shared:
            work.close()
            raise OptionError(
                "this server shares its state with others, so any of them may send the stream that should be "
                "held: use the admin API, /__admin/holds, /__admin/playbacks and /__admin/clock"
            )
