"""RedisState: state that several servers share, in Redis or Valkey.

1. The socket stays on the server that accepted it, and a stream in progress sends no requests to the store.
2. Loading is one round trip, committing another; after a conflict with another server the decision runs
   again.
3. Keys decide. A stream of wake-ups, written in the same transaction, names the changed ones, so that other
   servers look at them at once. After a lost connection they look at all that is in progress.
4. What cannot be known is refused with 503, never answered in part.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import inf
from random import uniform
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from redis.asyncio.connection import AbstractConnection

from respool.errors import RequestError, RespoolError, printable
from respool.play.clock import SystemClock
from respool.play.playback import Playback, PlaybackRun
from respool.play.session_clock import SessionClock
from respool.play.warm_up import WARM_UP, warm_up_recording
from respool.recordings.digest import digest_of
from respool.recordings.recording import Recording
from respool.server.deliveries import RESET_WHILE_HELD
from respool.server.improvising import IMPROVISED, improvised
from respool.server.journal import Exchange
from respool.server.session import Session
from respool.server.session_record import (
    PlaybackRecord,
    pace_changes,
    pace_options,
    playback_of,
    playback_record,
)
from respool.server.state import Need
from respool.server.state import keys as key_names
from respool.server.state.calls import Calls, Handler
from respool.server.state.committing import Commit
from respool.server.state.journal_stream import JournalStream
from respool.server.state.json_text import decode_name
from respool.server.state.kept_recordings import KeptRecordings, RecordingNotHere, RecordingsNotHere
from respool.server.state.keys import Keys
from respool.server.state.link import TRANSACTION, Command, Link, Read, StoreUnavailable
from respool.server.state.loading import Plan
from respool.server.state.shared_uploads import SharedUploads
from respool.server.state.views import (
    LoadedConversations,
    LoadedHistory,
    LoadedSessions,
    NotLoaded,
    Views,
    current,
)
from respool.server.uploads import Upload

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

T = TypeVar("T")
logger = logging.getLogger("respool")

MOST_TRIES = 100  # of one decision; each time another server was quicker
MOST_LOADS = 1000  # of one decision: the responses that one continues come one by one
SKEW = 0.25  # seconds by which clocks may differ
CHECK_EVERY = 30.0  # seconds, for the clocks
KEEP_EVERY = 600.0  # seconds, for what is kept as long as a server is there
AGAIN = 0.5  # seconds between attempts to reach a store
BLOCK = 1000  # ms for which the store lets us wait for a wake-up
LONGEST_ADVANCE = 120_000  # ms for which one server alone moves a clock on
MOST_PLAYED = 1000  # recordings that are kept because they were played, whatever becomes of their files


class RedisState:
    """State in the store at `url`, e.g. ``redis://127.0.0.1:6379/0``; `options` are those of a connection.
    Raises OptionError."""

    shared = True

    def __init__(self, url: str, **options: Any) -> None:
        self._link = Link(url, **options)
        self.plays: Counter[str] = Counter()
        self.node = token_hex(8)
        # Those who may need a second connection of the store. They leave half of all to each other.
        self._with_two = asyncio.Semaphore(self._link.most // 2)
        self._calls = Calls(self._link, self.node)
        self._number = 0
        self._problem = "it was not reached yet"
        self._skewed = ""
        self._lacking = ""
        self._clocks: WeakValueDictionary[str, SessionClock] = WeakValueDictionary()
        self._runs: WeakValueDictionary[str, PlaybackRun] = WeakValueDictionary()
        self._places: WeakKeyDictionary[PlaybackRun, tuple[str, str]] = WeakKeyDictionary()
        self._played: dict[tuple[str, str], Recording] = {}  # by name and digest
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop_tasks: list[asyncio.Task[None]] = []
        self._known_version = -1
        self._here: dict[str, str] = {}  # digests of the recordings of files, by their names
        self._last_wake = "$"
        self._running = 0
        self._starting: asyncio.Task[None] | None = None
        self._was_started = False
        self._stopping = False
        self.conflicts = 0

    # --- what it is to a server ---

    def sessions(self, server: "MockServer") -> LoadedSessions:
        self._server = server
        self._uploads = SharedUploads(self._link, server.uploads)
        self._kept = KeptRecordings(server.uploads)
        self._journal = JournalStream(self._link, server.journal, self.node, server.session_idle)
        return LoadedSessions()

    @property
    def round_trips(self) -> int:
        return self._link.round_trips

    @property
    def busy(self) -> bool:
        return bool(self._running or self._tasks) or self._journal.busy

    @property
    def problem(self) -> str:
        return self._problem or self._skewed

    @property
    def not_ready(self) -> str:
        return self.problem or self._lacking or self._uploads.lacking

    def played(self, turn: str) -> None:
        pass  # it is committed with the session

    async def run(self, session: str, decide: Callable[[], T], needs: Collection[Need] = ()) -> T:
        async def decided() -> T:
            return decide()

        return await self._counted(session, decided, needs)

    async def run_async(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need] = ()
    ) -> T:
        async with self._with_two:
            return await self._counted(session, decide, needs)

    async def _counted(self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need]) -> T:
        self._running += 1
        try:
            return await self._run(session, decide, needs)
        finally:
            self._running -= 1

    async def _run(self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need]) -> T:
        if not self._was_started:
            await self._start_late()
        plan = Plan()
        plan.add(session, *needs)
        conflicts = loads = 0
        lock: asyncio.Lock | None = None
        try:
            while True:
                if self.problem:
                    raise StoreUnavailable(self.problem)
                try:
                    done, result = await self._attempt(plan, decide)
                except NotLoaded as missing:
                    plan.add(missing.session, missing.need)
                    loads += 1
                    if loads > MOST_LOADS:
                        raise RequestError("The request needs too many responses.", status=400) from None
                    continue
                except StoreUnavailable as error:
                    self._lost(error)
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

    async def _attempt(self, plan: Plan, decide: Callable[[], Awaitable[T]]) -> tuple[bool, T]:
        """Load, decide, commit. Return whether no other server was quicker, and the result of the
        decision."""
        async with self._link.connection() as connection:
            read = partial(self._link.read, connection)
            plan.complete = False
            while not plan.complete:
                answers = await self._link.ask(connection, plan.commands())
                await self._uploads.sync(plan.uploads_version(answers), read)
                views = await self._views(plan, answers, read)
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
            commit = Commit(views, self._server.session_idle, self.node, self._token, self._write)
            if commit.commands:
                written = await self._commit(connection, commit.commands)
                if written is None:
                    return False, result
                if old := commit.evictions(written):
                    self._later(self._link.once(old))
            for name, playback in commit.begun:
                self._note_run(name, playback)
            if refusal is not None:
                raise refusal
            return True, result

    async def _views(self, plan: Plan, answers: list[Any], read: Read) -> Views:
        """Return the views of what was loaded. Recordings that are not here any more are made again."""
        try:
            return plan.views(answers, self._make_session, self._make_playback)
        except RecordingsNotHere as missing:
            found = await self._kept.fetch((one.record for one in missing.all), read)
            for (_, digest), recording in found.items():
                self._note_played(recording, digest)
        try:
            return plan.views(answers, self._make_session, self._make_playback)
        except RecordingsNotHere as missing:
            raise missing.all[0].refusal from None

    async def _commit(self, connection: AbstractConnection, commands: list[Command]) -> list[Any] | None:
        """Return the answers to `commands`; None if another server was quicker."""
        answers = await self._link.ask(connection, [("MULTI",), *commands, ("EXEC",)])
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

    async def keep(self, playback: Playback) -> None:
        place = self._places.get(playback.run)
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

    # --- the other servers ---

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
        key, token = Keys(session).advancing, token_hex(8)
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

    # --- the journal ---

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
            self._lost(error)
            raise
        self.plays = Counter({decode_name(plays[at]): int(plays[at + 1]) for at in range(0, len(plays), 2)})

    def follow(self) -> Callable[[], None]:
        return self._journal.follow()

    async def forget_requests(self, session: str) -> None:
        await self._journal.forget(session)

    # --- the store: is it there, what has changed ---

    async def _start_late(self) -> None:
        """Start where nobody has: an app that is mounted in another one is not told of its start."""
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
            await self._measure_skew()
            await self._compare_recordings()
            await self._calls.beat()
            await self._uploads.look()
        except StoreUnavailable as error:
            self._lost(error)
            return
        if self._problem:
            logger.info("the shared state at %s can be used", self._link.url)
        self._problem = ""

    def _lost(self, error: StoreUnavailable) -> None:
        if not self._problem and "cannot be reached" in error.message:
            logger.warning("%s", error.message)
            self._problem = error.message.removeprefix("The shared state cannot be used: ").partition(
                ". Streams that"
            )[0]
        elif "cannot be reached" in error.message:
            self._problem = error.message.removeprefix("The shared state cannot be used: ").partition(
                ". Streams that"
            )[0]

    async def _measure_skew(self) -> None:
        before = time.time()
        ((seconds, micros),) = await self._link.once([("TIME",)])
        after = time.time()
        if not isinstance(self._server.clock, SystemClock):
            return  # a test's: it is the same for all
        here = self._server.clock.now() - time.time() + (before + after) / 2
        skew = here - (int(seconds) + int(micros) / 1e6)
        skewed = ""
        if abs(skew) > SKEW + (after - before) / 2:
            skewed = (
                f"this machine's clock is {abs(skew):.3f} s {'ahead of' if skew > 0 else 'behind'} that of "
                f"the store {self._link.url}, expected at most {SKEW} s (run NTP on both)"
            )
            if not self._skewed:
                logger.error("%s", skewed)
        self._skewed = skewed

    async def _compare_recordings(self) -> None:
        """Publish the digests of this server's recordings if they are new; else compare them with the
        published ones."""
        store = self._server.store
        if store.version != self._known_version:
            version = store.version
            digests = await asyncio.to_thread(self._digests)
            if digests != self._here or self._known_version < 0:
                commands: list[Command] = [*TRANSACTION, ("DEL", key_names.RECORDINGS)]
                fields = [part for pair in digests.items() for part in pair]
                if fields:
                    commands.append(("HSET", key_names.RECORDINGS, *fields))
                await self._link.once([*commands, ("EXEC",)])
                self._here = digests
            self._known_version = version
        (flat,) = await self._link.once([("HGETALL", key_names.RECORDINGS)])
        wanted = {decode_name(flat[at]): flat[at + 1].decode() for at in range(0, len(flat), 2)}
        lacking = sorted(name for name, digest in wanted.items() if self._here.get(name) != digest)
        self._lacking = (
            f"{len(lacking)} recordings are here in another version than at the server that read its files "
            f"last, or not at all; the first: {printable(lacking[0])}"
            if lacking
            else ""
        )

    def _digests(self) -> dict[str, str]:
        store = self._server.store
        return {turn.name: digest_of(turn) for name in store.sources for turn in store.turns(name)}

    async def _check_clocks(self) -> None:
        turns = 0
        while not self._stopping:
            await asyncio.sleep(1.0)
            turns += 1
            if self._problem:
                continue
            with suppress(StoreUnavailable):
                await self._calls.beat()
                await self._uploads.look()
                await self._compare_recordings()
                if turns % round(KEEP_EVERY) == 0:
                    await self._uploads.keep()
                if turns % round(CHECK_EVERY) == 0 or self._skewed:
                    await self._measure_skew()

    async def _watch(self) -> None:
        """Watch the changes of other servers for ever; after a lost connection, look at all that is in
        progress."""
        while not self._stopping:
            try:
                if self._problem:
                    await asyncio.sleep(AGAIN)
                    await self._connect()
                    if self._problem:
                        continue
                await self._listen()
            except StoreUnavailable as error:
                self._lost(error)
            except Exception:
                logger.exception("internal error in the shared state")
                await asyncio.sleep(AGAIN)

    async def _listen(self) -> None:
        async with self._link.connection() as connection:
            if self._last_wake == "$":
                (last,) = await self._link.ask(
                    connection, [("XREVRANGE", key_names.WAKE, "+", "-", "COUNT", 1)]
                )
                self._last_wake = last[0][0].decode() if last else "0-0"
            await self._look_at_all()
            while not self._stopping:
                command = ("XREAD", "COUNT", 1000, "BLOCK", BLOCK, "STREAMS", key_names.WAKE, self._last_wake)
                found = await self._link.wait(connection, command, BLOCK / 1000)
                changed: set[tuple[str, str]] = set()
                for id_, flat in found[0][1] if found else ():
                    self._last_wake = id_.decode()
                    fields = dict(zip(flat[::2], flat[1::2], strict=True))
                    if b"to" in fields:
                        self._calls.take(fields)
                    elif fields[b"n"].decode() != self.node:
                        if b"x" in fields:
                            self._was_reset(decode_name(fields[b"s"]))
                        changed.add((decode_name(fields[b"s"]), decode_name(fields[b"r"])))
                for session, response in changed:
                    await self._look(session, response)

    def _was_reset(self, session: str) -> None:
        self._server.deliveries.end_held(session, RESET_WHILE_HELD)

    async def _look_at_all(self) -> None:
        places = {(session, "") for session in self._clocks} | set(self._places.values())
        for session, response in places:
            await self._look(session, response)

    async def _look(self, session: str, response: str) -> None:
        """Load what has changed, and update the clocks and playbacks in progress here."""
        if response:
            if (session, response) in set(self._places.values()):
                await self.run(session, lambda: None, [Need("response", response)])
        elif session in self._clocks:
            await self.run(session, lambda: None)

    # --- what a decision is given ---

    def _token(self) -> str:
        """Return a token that sorts after all earlier ones, by the servers' clocks."""
        self._number += 1
        return f"{time.time_ns() // 1000:015x}{self._number % 65536:04x}{self.node[:6]}"

    def _make_session(self, name: str) -> Session:
        history = LoadedHistory(name)
        server = self._server
        conversations = LoadedConversations(name, server.memory.stand_in)
        clock = self._clocks.get(name)
        if clock is None:
            clock = self._clocks[name] = server.session_clock(name)
        return Session(name, clock, history, conversations, server.pace.seed)

    def _make_playback(self, session: str, record: PlaybackRecord) -> Playback:
        run = self._runs.get(record.token) or PlaybackRun(token=record.token)
        renditions = self._server.renditions_at(pace_options(record.pace))
        clock = self._clocks.get(session)
        now = clock.now() if clock else -inf
        playback = playback_of(record, self._find(record), renditions, run, now)
        self._note_run(session, playback)
        return playback

    def _write(self, playback: Playback, epoch: str) -> PlaybackRecord:
        base = self._server.renditions
        changes = {} if playback.renditions is base else pace_changes(playback.renditions.pace, base.pace)
        return playback_record(playback, playback.run.token, epoch, changes)

    def _note_run(self, session: str, playback: Playback) -> None:
        run = playback.run
        self._runs[run.token] = run
        self._places[run] = (session, playback.id)
        self._note_played(playback.recording, digest_of(playback.recording))

    def _note_played(self, recording: Recording, digest: str) -> None:
        known = (recording.name, digest)
        if known not in self._played:
            self._played[known] = recording
            if len(self._played) > MOST_PLAYED:
                del self._played[next(iter(self._played))]

    def _find(self, record: PlaybackRecord) -> Recording:
        known = self._played.get((record.recording, record.digest))
        if known is not None:
            return known
        found = self._server.store.get(record.recording)
        if found is not None and digest_of(found) == record.digest:
            return found
        for other in self._others(record):
            if digest_of(other) == record.digest:
                return other
        what = "does not have it" if found is None else f"has it in another version ({digest_of(found)})"
        refusal = RequestError(
            f"Response '{printable(record.id)}' plays the recording {printable(record.recording)} "
            f"({record.digest}), and this server {what}. Serve the same recordings with all servers.",
            status=503,
            code="recording_not_here",
            type="server_error",
        )
        raise RecordingNotHere(record, refusal)

    def _others(self, record: PlaybackRecord) -> Iterator[Recording]:
        """Yield the recordings that are in no file: those of stubs, and those made from the request."""
        server = self._server
        if (found := server.store.get(record.recording)) is not None:
            yield server.saved_answers.streamed(found)
        if record.origin is not None and record.origin.stub:
            for stub in server.indexes.rule_set.stubs:
                if stub.name == record.origin.stub and stub.play.word is None:
                    with suppress(RespoolError):
                        yield from server.indexes.playable(stub).turns
        if record.recording == WARM_UP:
            yield warm_up_recording(json.loads(record.body), record.id, record.started)
        if record.recording == IMPROVISED:
            with suppress(RespoolError):
                yield improvised(json.loads(record.body))
