"""Transactions: decisions on a loaded session, committed unless another server was quicker."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from functools import partial
from random import uniform
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakValueDictionary

from redis.asyncio.connection import AbstractConnection

from respool.errors import RequestError, RespoolError, printable
from respool.play.offload import WorkNeeded
from respool.server.heavy import Works
from respool.server.state import Need
from respool.server.state.committing import Commit
from respool.server.state.health import Health
from respool.server.state.kept_recordings import KeptRecordings, RecordingsNotHere
from respool.server.state.link import Command, Link, Read, StoreUnavailable
from respool.server.state.live_objects import LiveObjects
from respool.server.state.load_plan import LoadPlan
from respool.server.state.shared_uploads import SharedUploads
from respool.server.state.views import NotLoaded, Views, current

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

T = TypeVar("T")

MOST_TRIES = 100  # of one decision; each time another server was quicker
MOST_LOADS = 1000  # of one decision: the responses that one continues come one by one


class Transactions:
    """Optimistic transactions: load, decide, commit; and again after a conflict.

    conflicts  how often another server was quicker
    later      runs a command without waiting for it
    """

    def __init__(
        self,
        server: "MockServer",
        link: Link,
        node: str,
        live: LiveObjects,
        health: Health,
        uploads: SharedUploads,
        later: Callable[[Coroutine[Any, Any, object]], None],
    ) -> None:
        self._server = server
        self._link = link
        self._node = node
        self._live = live
        self._health = health
        self._uploads = uploads
        self._kept = KeptRecordings(server.uploads)
        self._later = later
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.conflicts = 0

    async def run(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need], works: Works
    ) -> T:
        """Run `decide`, and commit what it changes: see `State.run`. Its large works are done in threads."""
        plan = LoadPlan()
        plan.add(session, *needs)
        conflicts = loads = 0
        lock: asyncio.Lock | None = None
        try:
            while True:
                if self._health.problem:
                    raise StoreUnavailable(self._health.problem)
                try:
                    done, result = await self._attempt(plan, decide, works)
                except WorkNeeded as needed:
                    await works.do(needed)
                    continue
                except NotLoaded as missing:
                    plan.add(missing.session, missing.need)
                    loads += 1
                    if loads > MOST_LOADS:
                        raise RequestError("The request needs too many responses.", status=400) from None
                    continue
                except StoreUnavailable as error:
                    self._health.lost(error)
                    raise
                if done:
                    return result
                conflicts += 1
                self.conflicts += 1
                if conflicts >= MOST_TRIES:
                    raise StoreUnavailable(
                        f'the session "{printable(session)}" is changed by others all the time'
                    )
                if lock is None:  # those of this process come one after the other, then
                    lock = self._locks.setdefault(session, asyncio.Lock())
                    await lock.acquire()
                else:
                    await asyncio.sleep(uniform(0, 0.001 * min(conflicts, 20)))
        finally:
            if lock is not None and lock.locked():
                lock.release()

    async def _attempt(
        self, plan: LoadPlan, decide: Callable[[], Awaitable[T]], works: Works
    ) -> tuple[bool, T]:
        """Load, decide, commit. Return whether no other server was quicker, and the result of the
        decision."""
        async with self._link.connection() as connection:
            read = partial(self._link.read, connection)
            plan.complete = False
            while not plan.complete:
                answers = await self._link.execute(connection, plan.commands())
                await self._uploads.sync(plan.uploads_version(answers), read)
                views = await self._views(plan, answers, works, read)
            refusal: RespoolError | None = None
            token = current.set(views)
            try:
                result = await decide()
            except StoreUnavailable:
                raise
            except RespoolError as error:  # what was changed before it stays changed, as it does in memory
                refusal, result = error, cast(T, None)
            finally:
                current.reset(token)
            with works.offloading():
                commit = Commit(
                    views, self._server.session_idle, self._node, self._live.token, self._live.record
                )
            if commit.commands:
                written = await self._commit(connection, commit.commands)
                if written is None:
                    return False, result
                if old := commit.evictions(written):
                    self._later(self._link.once(old))
            for name, playback in commit.begun:
                self._live.add(name, playback)
            if refusal is not None:
                try:
                    raise refusal
                finally:
                    del refusal  # its traceback has this frame: else a cycle
            return True, result

    async def _views(self, plan: LoadPlan, answers: list[Any], works: Works, read: Read) -> Views:
        """Return the views of what was loaded. Recordings that are not here any more are made again."""
        try:
            with works.offloading():
                return plan.views(answers, self._live.session, self._live.playback)
        except RecordingsNotHere as missing:
            records = [one.record for one in missing.all]
        for (_, digest), recording in (await self._kept.fetch(records, read)).items():
            self._live.add_recording(recording, digest)
        try:
            with works.offloading():
                return plan.views(answers, self._live.session, self._live.playback)
        except RecordingsNotHere as missing:
            refusal = missing.all[0].refusal
        try:
            raise refusal
        finally:
            del refusal  # its traceback has this frame: else a cycle

    async def _commit(self, connection: AbstractConnection, commands: list[Command]) -> list[Any] | None:
        """Return the answers to `commands`; None if another server was quicker."""
        answers = await self._link.execute(connection, [("MULTI",), *commands, ("EXEC",)])
        for answer in answers[:-1]:
            if isinstance(answer, Exception):
                raise answer
        done = answers[-1]
        if isinstance(done, Exception):
            raise done
        for answer in done or ():
            if isinstance(answer, Exception):
                raise answer
        return None if done is None else list(done)
