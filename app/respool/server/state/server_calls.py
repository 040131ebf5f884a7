"""Calls: requests from one server of a store to another, and the answers.

A message is kept in a key, and an entry in the stream of wake-ups names its receiver: so it is not lost with
a connection. Each server reports every second that it is alive. One that has not for `ALIVE` seconds is gone,
and no call waits for it. One that is alive and does not answer is an error, never left out.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any

from respool.errors import RequestError
from respool.server.state import store_keys as key_names
from respool.server.state.link import Command, Link

ALIVE = 5.0  # seconds after its last sign for which a server counts as one that answers
FORGOTTEN = 60.0  # seconds after which its name is forgotten
KEPT = 60_000  # ms for which a message is kept
MOST_WAKES = 10_000

Handler = Callable[[bytes], Awaitable[bytes]]

logger = logging.getLogger("respool")


class Calls:
    """The calls of the server `node`. `handler` answers incoming ones; None: no answers."""

    def __init__(self, link: Link, node: str) -> None:
        self._link = link
        self._node = node
        self.handler: Handler | None = None
        self._pending: dict[str, asyncio.Future[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def beat(self) -> None:
        """Report that this server is alive."""
        now = time.time()
        old = ("ZREMRANGEBYSCORE", key_names.NODES, "-inf", now - FORGOTTEN)
        await self._link.once([("ZADD", key_names.NODES, now, self._node), old])

    async def leave(self) -> None:
        """Report that this server is gone, and cancel its calls."""
        for task in self._tasks:
            task.cancel()
        with suppress(RequestError):
            await self._link.once([("ZREM", key_names.NODES, self._node)])

    async def others(self) -> list[str]:
        """Return the names of the other servers that are alive."""
        command = ("ZRANGEBYSCORE", key_names.NODES, time.time() - ALIVE, "+inf")
        (found,) = await self._link.once([command])
        return [name for one in found if (name := one.decode()) != self._node]

    async def ask(self, node: str, message: bytes) -> bytes | None:
        """Return the answer of another server; None if it is gone. Raise RequestError, 503, if it cannot
        answer."""
        id_ = token_hex(12)
        pending = self._pending[id_] = asyncio.get_running_loop().create_future()
        try:
            await self._send(node, "call", id_, message)
            while not pending.done():
                await asyncio.wait([pending], timeout=ALIVE / 5)
                if not pending.done() and not await self._is_there(node):
                    return None
            answer: bytes = pending.result()
            if not answer:
                raise RequestError(
                    f"The server {node[:6]} cannot be asked for its streams: it has no admin API "
                    "(--no-admin), or it failed, and its log tells more.",
                    status=503,
                    code="server_silent",
                    type="server_error",
                )
            return answer
        finally:
            self._pending.pop(id_, None)

    def take(self, fields: Mapping[bytes, bytes]) -> None:
        """Handle an entry of the stream of wake-ups that has a receiver: a call or an answer."""
        if fields[b"to"].decode() != self._node:
            return
        id_ = fields[b"i"].decode()
        work = self._answer(fields[b"n"].decode(), id_) if fields[b"k"] == b"call" else self._receive(id_)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, caller: str, id: str) -> None:
        with suppress(RequestError):
            message = await self._get("call", id)
            if message is None:
                return
            try:
                answer = await self.handler(message) if self.handler else b""
            except Exception:
                logger.exception("internal error in a call of the server %s", caller)
                answer = b""
            await self._send(caller, "answer", id, answer)

    async def _receive(self, id: str) -> None:
        with suppress(RequestError):
            answer = await self._get("answer", id)
            pending = self._pending.get(id)
            if answer is not None and pending is not None and not pending.done():
                pending.set_result(answer)

    async def _is_there(self, node: str) -> bool:
        (score,) = await self._link.once([("ZSCORE", key_names.NODES, node)])
        return score is not None and float(score) > time.time() - ALIVE

    async def _get(self, kind: str, id: str) -> bytes | None:
        key = key_names.message(kind, id)
        found: list[Any] = await self._link.once([("GET", key), ("DEL", key)])
        message: bytes | None = found[0]
        return message

    async def _send(self, to: str, kind: str, id: str, message: bytes) -> None:
        commands: list[Command] = [
            ("SET", key_names.message(kind, id), message, "PX", KEPT),
            (
                "XADD", key_names.WAKE, "MAXLEN", "~", MOST_WAKES, "*",
                "n", self._node, "to", to, "k", kind, "i", id,
            ),
        ]  # fmt: skip
        await self._link.once(commands)
