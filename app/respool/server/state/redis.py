"""RedisState: state that several servers share, in Redis or Valkey.

1. The socket stays on the server that accepted it, and a stream in progress sends no requests to the store.
2. Loading is one round trip, committing another; after a conflict with another server the decision runs
   again.
3. Keys decide. A stream of wake-ups, written in the same transaction, names the changed ones, so that other
   servers look at them at once. After a lost connection they look at all that is in progress.
4. What cannot be known is refused with 503, never answered in part.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from respool.errors import RequestError
from respool.play.playback import Playback
from respool.server.deliveries import RESET_WHILE_HELD
from respool.server.heavy import Works
from respool.server.journal import Exchange
from respool.server.state import Need
from respool.server.state import store_keys as key_names
from respool.server.state.health import Health
from respool.server.state.journal_stream import JournalStream
from respool.server.state.json_text import decode_name
from respool.server.state.link import Link, StoreUnavailable
from respool.server.state.live_objects import LiveObjects
from respool.server.state.server_calls import Calls, Handler
from respool.server.state.shared_uploads import SharedUploads
from respool.server.state.store_keys import StoreKeys
from respool.server.state.transactions import Transactions
from respool.server.state.views import (
    LoadedSessions,
)
from respool.server.state.wake_ups import WakeUps
from respool.server.uploads import Upload

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

T = TypeVar("T")
logger = logging.getLogger("respool")

CHECK_EVERY = 30.0  # seconds, for the clocks
KEEP_EVERY = 600.0  # seconds, for what is kept as long as a server is there
AGAIN = 0.5  # seconds between attempts to reach a store
LONGEST_ADVANCE = 120_000  # ms for which one server alone moves a clock on


class RedisState:
    """State in the store at `url`, e.g. ``redis://127.0.0.1:6379/0``; `options` are those of a connection.
    Raises OptionError."""

    shared = True

    def __init__(self, url: str, **options: Any) -> None:
        self._link = Link(url, **options)
        self.plays: Counter[str] = Counter()
        self.node = token_hex(8)
        # For decisions that may need a second connection: at most half of all, so that some stay free.
        self._with_two = asyncio.Semaphore(self._link.most // 2)
        self._calls = Calls(self._link, self.node)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop_tasks: list[asyncio.Task[None]] = []
        self._running = 0
        self._starting: asyncio.Task[None] | None = None
        self._was_started = False
        self._stopping = False
        self._link.open()

    def sessions(self, server: "MockServer") -> LoadedSessions:
        self._server = server
        self._live = LiveObjects(server, self.node)
        self._health = Health(self._link, server)
        self._uploads = SharedUploads(self._link, server.uploads)
        self._transactions = Transactions(
            server, self._link, self.node, self._live, self._health, self._uploads, self._later
        )
        self._wake_ups = WakeUps(self._link, self.node, self._calls)
        self._journal = JournalStream(self._link, server.journal, self.node, server.session_idle)
        return LoadedSessions()

    @property
    def round_trips(self) -> int:
        return self._link.round_trips

    @property
    def conflicts(self) -> int:
        """How often another server was quicker, since the start."""
        return self._transactions.conflicts

    @property
    def busy(self) -> bool:
        return bool(self._running or self._tasks) or self._journal.busy

    @property
    def problem(self) -> str:
        return self._health.problem

    @property
    def not_ready(self) -> str:
        return self.problem or self._health.lacking or self._uploads.lacking

    def played(self, turn: str) -> None:
        pass  # it is committed with the session

    async def run(self, session: str, decide: Callable[[], T], needs: Collection[Need] = ()) -> T:
        works = Works()

        async def decided() -> T:
            with works.offloading():
                return decide()

        return await self._counted(session, decided, needs, works)

    async def run_async(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need] = ()
    ) -> T:
        async with self._with_two:
            return await self._counted(session, decide, needs, Works())

    async def _counted(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need], works: Works
    ) -> T:
        self._running += 1
        try:
            if not self._was_started:
                await self._start_late()
            return await self._transactions.run(session, decide, needs, works)
        finally:
            self._running -= 1

    async def keep(self, playback: Playback) -> None:
        place = self._live.places.get(playback.run)
        if place is not None:  # it is stored
            await self.run(place[0], lambda: None, [Need("response", place[1])])

    def keep_later(self, playback: Playback) -> None:
        self._later(self.keep(playback))

    def run_later(self, session: str, decide: Callable[[], object]) -> None:
        self._later(self.run(session, decide))

    def _later(self, work: Coroutine[Any, Any, object]) -> None:
        async def run() -> None:
            with suppress(RequestError):
                await work

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def publish(self, name: str, upload: Upload, data: bytes) -> None:
        await self._uploads.publish(name, upload, data, self._server.store.turns(name))

    async def withdraw(self, name: str) -> None:
        await self._uploads.withdraw(name)

    @property
    def called(self) -> Handler | None:
        return self._calls.handler

    @called.setter
    def called(self, handler: Handler | None) -> None:
        self._calls.handler = handler

    async def others(self) -> list[str]:
        return await self._calls.others()

    async def ask(self, node: str, message: bytes) -> bytes | None:
        return await self._calls.ask(node, message)

    @asynccontextmanager
    async def exclusive(self, session: str) -> AsyncIterator[None]:
        key, token = StoreKeys(session).advancing, token_hex(8)
        while True:
            (taken,) = await self._link.once([("SET", key, token, "NX", "PX", LONGEST_ADVANCE)])
            if taken:
                break
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            (holder,) = await self._link.once([("GET", key)])
            if holder == token.encode():
                await self._link.once([("DEL", key)])

    async def note(self, exchange: Exchange) -> None:
        if not self.problem:
            await self._journal.note(exchange)

    def note_later(self, exchange: Exchange) -> None:
        if not self.problem:
            self._journal.note_later(exchange)

    async def refresh(self) -> None:
        if not self._was_started:
            await self._start_late()
        if self.problem:
            raise StoreUnavailable(self.problem)
        try:
            await self._journal.refresh()
            (plays,) = await self._link.once([("HGETALL", key_names.PLAYS)])
        except StoreUnavailable as error:
            self._health.lost(error)
            raise
        self.plays = Counter({decode_name(plays[at]): int(plays[at + 1]) for at in range(0, len(plays), 2)})

    def follow(self) -> Callable[[], None]:
        return self._journal.follow()

    async def forget_requests(self, session: str) -> None:
        await self._journal.forget(session)

    async def _start_late(self) -> None:
        """Start on first use: an app that is mounted in another one gets no startup event."""
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self.start())
        await asyncio.shield(self._starting)

    async def start(self) -> None:
        self._stopping = False
        await self._connect()
        self._loop_tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._check_clocks())]
        self._was_started = True

    async def stop(self) -> None:
        self._stopping = True  # a library that has a timeout at the same moment forgets that it was cancelled
        tasks = [*self._loop_tasks, *self._tasks]
        self._loop_tasks = []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(RequestError):
            await self._journal.close()
        await self._calls.leave()
        await self._link.close()

    async def _connect(self) -> None:
        """Check that the store can be used, and mark it as ready."""
        try:
            await self._health.measure_skew()
            await self._health.compare_recordings()
            await self._calls.beat()
            await self._uploads.look()
        except StoreUnavailable as error:
            self._health.lost(error)
            return
        self._health.found()

    async def _check_clocks(self) -> None:
        turns = 0
        while not self._stopping:
            await asyncio.sleep(1.0)
            turns += 1
            if not self._health.reached:
                continue
            with suppress(StoreUnavailable):
                await self._calls.beat()
                await self._uploads.look()
                await self._health.compare_recordings()
                if turns % round(KEEP_EVERY) == 0:
                    await self._uploads.keep()
                if turns % round(CHECK_EVERY) == 0 or self._health.skewed:
                    await self._health.measure_skew()

    async def _watch(self) -> None:
        """Watch the changes of other servers for ever; after a lost connection, reload all that is in
        progress."""
        while not self._stopping:
            try:
                if not self._health.reached:
                    await asyncio.sleep(AGAIN)
                    await self._connect()
                    if not self._health.reached:
                        continue
                await self._listen()
            except StoreUnavailable as error:
                self._health.lost(error)
                if self._health.reached:  # else it waits before it connects
                    await asyncio.sleep(AGAIN)
            except Exception:
                logger.exception("internal error in the shared state")
                await asyncio.sleep(AGAIN)

    async def _listen(self) -> None:
        async with self._link.connection() as connection:
            await self._wake_ups.begin(connection)
            await self._look_at_all()
            while not self._stopping:
                changes = await self._wake_ups.wait(connection)
                for session in changes.reset:
                    self._server.deliveries.end_held(session, RESET_WHILE_HELD)
                for session, response in changes.changed:
                    await self._look(session, response)

    async def _look_at_all(self) -> None:
        places = {(session, "") for session in self._live.clocks} | set(self._live.places.values())
        for session, response in places:
            await self._look(session, response)

    async def _look(self, session: str, response: str) -> None:
        """Load what has changed, and update the clocks and playbacks in progress here."""
        if response:
            if (session, response) in set(self._live.places.values()):
                await self.run(session, lambda: None, [Need("response", response)])
        elif session in self._live.clocks:
            await self.run(session, lambda: None)
