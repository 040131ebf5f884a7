"""JournalStream: the journal of all servers, as a capped stream in the store.

An entry is written when an answer begins, before its first byte, and once more when it has ended. So a client
that has got an answer finds its request on any server.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from respool.server.journal import ENDED, STARTED, Exchange, Journal
from respool.server.journal import MOST as MOST_KEPT
from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode, decode_name, encode
from respool.server.state.link import Command, Link, StoreUnavailable

MOST = 4000  # entries, about: two for each request
MOST_BODY = 256 * 1024  # bytes of a request's body, compressed; a larger one is not kept
PAGE = 500  # entries read at once
POLL = 0.25  # seconds between polls
CHUNK = 256  # entries written at once


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of a request at one moment. Secrets are masked."""

    number: int  # of the server's own
    method: str
    path: str
    received: float
    request_id: str
    recording: str | None = None
    status: int | None = None
    events: int = 0
    ended: str = ""
    seconds: float | None = None
    faults: tuple[str, ...] = ()
    session: str = ""
    address: tuple[str, int] | None = None
    why: str = ""
    lateness: float = 0.0
    response_id: str = ""
    query: str = ""
    headers: dict[str, str] = {}
    body_dropped: bool = False
    unmatched: bool = False
    near: list[dict[str, Any]] = []
    transport: str = "http"


# What may become another value after the answer has begun.
_CHANGING = (
    "recording",
    "status",
    "events",
    "ended",
    "seconds",
    "faults",
    "why",
    "lateness",
    "unmatched",
    "near",
)


class JournalStream:
    """Writes the requests of this server, and adds those of others to `journal`. `node` is this server's
    name, `idle` the seconds for which a session is kept."""

    def __init__(self, link: Link, journal: Journal, node: str, idle: float) -> None:
        self._link = link
        self._journal = journal
        self._node = node.encode()
        self._idle = idle
        self._cursor = "0-0"
        self._known: dict[tuple[bytes, int], Exchange] = {}  # of other servers
        self._own: dict[int, Exchange] = {}  # of this one, that have no number yet
        self._waiting: list[tuple[list[Command], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._reading: asyncio.Lock | None = None
        self._followers = 0
        self._follower: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """True if something waits to be written."""
        return self._writer is not None and not self._writer.done()

    async def note(self, exchange: Exchange) -> None:
        """Write the entry of a request when its answer begins. Return when it is written, or cannot be."""
        self._own[exchange.serial] = exchange
        if len(self._own) > MOST_KEPT:  # the journal has forgotten it
            del self._own[next(iter(self._own))]
        with suppress(StoreUnavailable):
            await self._put([self._command(exchange, whole=True), self._used(exchange.session)])

    def note_later(self, exchange: Exchange) -> None:
        """Write the progress of a request, without waiting."""
        self._put([self._command(exchange, whole=False)]).add_done_callback(_look_at)

    async def forget(self, session: str) -> None:
        """Delete the requests of a session, on all servers."""
        await self._put([("XADD", key_names.JOURNAL, "MAXLEN", "~", MOST, "*", "c", session)])
        await self.refresh()

    async def refresh(self) -> None:
        """Add the requests that other servers have written."""
        if self._reading is None:
            self._reading = asyncio.Lock()
        async with self._reading:
            while True:
                command = ("XRANGE", key_names.JOURNAL, f"({self._cursor}", "+", "COUNT", PAGE)
                (found,) = await self._link.once([command])
                for id_, flat in found:
                    self._cursor = id_.decode()
                    self._enter(self._cursor, dict(zip(flat[::2], flat[1::2], strict=True)))
                if len(found) < PAGE:
                    break
            self._journal.sort()
            if len(self._known) > 4 * MOST:
                kept = set(map(id_of, self._journal))
                self._known = {key: one for key, one in self._known.items() if id_of(one) in kept}

    def follow(self) -> Callable[[], None]:
        """Refresh at intervals. Return a function that stops it."""
        self._followers += 1
        if self._follower is None:
            self._follower = asyncio.get_running_loop().create_task(self._follow())

        def end() -> None:
            self._followers -= 1
            if not self._followers and self._follower:
                self._follower.cancel()
                self._follower = None

        return end

    async def close(self) -> None:
        """Write all waiting entries, and stop."""
        if self._follower:
            self._follower.cancel()
        if self._writer:
            await asyncio.wait([self._writer], timeout=1.0)
            self._writer.cancel()

    def _command(self, exchange: Exchange, *, whole: bool) -> Command:
        fields: list[Any] = ["n", self._node, "e", encode(_entry(exchange, whole=whole))]
        if whole and exchange.body:
            body = zlib.compress(exchange.body, 1)
            fields += ["d", ""] if len(body) > MOST_BODY else ["b", body]
        return ("XADD", key_names.JOURNAL, "MAXLEN", "~", MOST, "*", *fields)

    def _used(self, session: str) -> Command:
        return ("ZADD", key_names.SESSIONS, time.time(), session)

    def _put(self, commands: list[Command]) -> "asyncio.Future[None]":
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())
        return written

    async def _write(self) -> None:
        """Write the waiting entries; later ones go together in the next round trip."""
        while self._waiting:
            now, self._waiting = self._waiting[:CHUNK], self._waiting[CHUNK:]
            old = ("ZREMRANGEBYSCORE", key_names.SESSIONS, "-inf", time.time() - self._idle)
            try:
                await self._link.once([*(command for commands, _ in now for command in commands), old])
                error = None
            except StoreUnavailable as problem:
                error = problem
            for _, written in now:
                if written.done():
                    continue
                if error:
                    written.set_exception(error)
                else:
                    written.set_result(None)

    def _enter(self, id: str, fields: dict[bytes, bytes]) -> None:
        if b"c" in fields:
            self._journal.clear_session(decode_name(fields[b"c"]), before=number_of(id))
            return
        entry = decode(fields[b"e"], Entry)
        number = number_of(id)
        if fields[b"n"] == self._node:
            if (own := self._own.pop(entry.number, None)) is not None:
                own.number = number
            return
        key = (fields[b"n"], entry.number)
        exchange = self._known.get(key)
        if exchange is None:
            exchange = self._known[key] = Exchange(
                entry.method,
                entry.path,
                entry.received,
                entry.request_id,
                session=entry.session,
                transport=entry.transport,
                address=entry.address,
                response_id=entry.response_id,
                raw_query=entry.query.encode("latin-1", "replace"),
                raw_headers=[
                    (name.encode("latin-1"), value.encode("latin-1")) for name, value in entry.headers.items()
                ],
                body_dropped=entry.body_dropped or b"d" in fields,
            )
            _update(exchange, entry)
            self._journal.enter(exchange, number)
            if b"b" in fields:
                self._journal.keep_body(exchange, zlib.decompress(fields[b"b"]))
        else:
            _update(exchange, entry)
        self._journal.notify(STARTED if entry.seconds is None else ENDED, exchange)

    async def _follow(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                await self.refresh()
            await asyncio.sleep(POLL)


def number_of(id: str) -> int:
    """Return the number of an entry, which is its place in the store's order."""
    milliseconds, _, sequence = id.partition("-")
    return int(milliseconds) * 1000 + min(int(sequence), 999)


def id_of(exchange: Exchange) -> int:
    """Return the identity of a journal entry in this process."""
    return id(exchange)


def _update(exchange: Exchange, entry: Entry) -> None:
    for name in _CHANGING:
        setattr(exchange, name, getattr(entry, name))


def _entry(exchange: Exchange, *, whole: bool) -> Entry:
    return Entry(
        exchange.serial,
        exchange.method,
        exchange.path,
        exchange.received,
        exchange.request_id,
        exchange.recording,
        exchange.status,
        exchange.events,
        exchange.ended,
        exchange.seconds,
        exchange.faults,
        exchange.session,
        exchange.address,
        exchange.why,
        exchange.lateness,
        exchange.response_id,
        exchange.query if whole else "",
        dict(exchange.headers) if whole else {},
        exchange.body_dropped,
        exchange.unmatched,
        [dict(one) for one in exchange.near],
        exchange.transport,
    )


def _look_at(written: "asyncio.Future[None]") -> None:
    if not written.cancelled():
        written.exception()
