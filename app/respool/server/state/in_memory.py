"""State in the memory of one process."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from respool.play.playback import Playback
from respool.server.history import Budget
from respool.server.journal import Exchange
from respool.server.session import Session
from respool.server.sessions import Sessions
from respool.server.state import Need
from respool.server.uploads import Upload

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

T = TypeVar("T")


class MemoryState:
    """The state of one server, in its own memory. Loading and committing do nothing."""

    shared = False
    problem = ""
    not_ready = ""
    round_trips = 0
    busy = False
    node = ""
    called: Callable[[bytes], Awaitable[bytes]] | None = None

    def __init__(self) -> None:
        self.plays: Counter[str] = Counter()
        self._journal_of: MockServer | None = None

    def sessions(self, server: "MockServer") -> Sessions:
        self._journal_of = server
        budget = Budget(server.limits.sessions)

        def make(name: str) -> Session:
            clock = server.session_clock(name)
            return server.memory.session(name, clock=clock, seed=server.pace.seed, budget=budget)

        return Sessions(make, server.clock, server.session_idle, budget=budget)

    def played(self, turn: str) -> None:
        self.plays[turn] += 1

    async def run(self, session: str, decide: Callable[[], T], needs: Collection[Need] = ()) -> T:
        return decide()

    async def run_async(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need] = ()
    ) -> T:
        return await decide()

    def run_later(self, session: str, decide: Callable[[], object]) -> None:
        decide()

    async def keep(self, playback: Playback) -> None:
        pass

    def keep_later(self, playback: Playback) -> None:
        pass

    async def publish(self, name: str, upload: Upload, data: bytes) -> None:
        pass

    async def withdraw(self, name: str) -> None:
        pass

    async def others(self) -> list[str]:
        return []

    async def ask(self, node: str, message: bytes) -> bytes | None:
        return None

    def exclusive(self, session: str) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def note(self, exchange: Exchange) -> None:
        pass

    def note_later(self, exchange: Exchange) -> None:
        pass

    async def refresh(self) -> None:
        pass

    def follow(self) -> Callable[[], None]:
        return lambda: None

    async def forget_requests(self, session: str) -> None:
        assert self._journal_of
        self._journal_of.journal.clear_session(session)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass
