"""WakeUps: the stream in the store that names what has changed, and carries calls between servers."""

from typing import NamedTuple

from redis.asyncio.connection import AbstractConnection

from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode_name
from respool.server.state.link import Link
from respool.server.state.server_calls import Calls

BLOCK = 1000  # ms for which the store lets us wait for a wake-up


class StateChanges(NamedTuple):
    """The changes of other servers: sessions that were reset, and responses (with their sessions) that
    changed; "" stands for the session itself."""

    reset: set[str]
    changed: set[tuple[str, str]]


class WakeUps:
    """The wake-ups after the last one that was read. Calls go to `calls`."""

    def __init__(self, link: Link, node: str, calls: Calls) -> None:
        self._link = link
        self._node = node
        self._calls = calls
        self._last = ""

    async def begin(self, connection: AbstractConnection) -> None:
        """Find the newest wake-up, the first time: what comes after it will be read."""
        if not self._last:
            (last,) = await self._link.execute(
                connection, [("XREVRANGE", key_names.WAKE, "+", "-", "COUNT", 1)]
            )
            self._last = last[0][0].decode() if last else "0-0"

    async def wait(self, connection: AbstractConnection) -> StateChanges:
        """Wait a second for wake-ups, and return the changes that they name."""
        command = ("XREAD", "COUNT", 1000, "BLOCK", BLOCK, "STREAMS", key_names.WAKE, self._last)
        found = await self._link.wait(connection, command, BLOCK / 1000)
        changes = StateChanges(set(), set())
        for id_, flat in found[0][1] if found else ():
            self._last = id_.decode()
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            if b"to" in fields:
                self._calls.take(fields)
            elif fields[b"n"].decode() != self._node:
                session = decode_name(fields[b"s"])
                if b"x" in fields:
                    changes.reset.add(session)
                changes.changed.add((session, decode_name(fields[b"r"])))
        return changes
