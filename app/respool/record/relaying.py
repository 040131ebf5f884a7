"""Relaying: one HTTP exchange through a relay."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from starlette.types import Message, Receive, Scope, Send

from respool.errors import RequestError, RespoolError
from respool.http import problems
from respool.http.sending.connection import reset, transport_of
from respool.record.exchange import CLIENT_LEFT, COMPLETE, CUT, DEGRADED, RECORDED, RESET, STOPPED
from respool.record.recorder import Tape
from respool.record.upstream import Answer, EndedEarly, Headers, Unreachable, Upstream

logger = logging.getLogger("respool")

_HELD_UP = 0.02  # seconds; a client that takes longer to take a chunk holds up the next ones


class ClientLeft(Exception):
    """The client has gone before its request was complete."""


class Relaying:
    """One exchange through a relay."""

    def __init__(self, scope: Scope, send: Send, upstream: Upstream) -> None:
        self._scope = scope
        self._send = send
        self._upstream = upstream
        self.tape: Tape | None = None
        self._timing = RECORDED

    async def run(
        self, receive: Receive, target: bytes, headers: Headers, content: bytes | AsyncIterator[bytes]
    ) -> None:
        """Relay until the exchange has ended, or the client has left."""
        relaying = asyncio.ensure_future(self._relay(target, headers, content))
        # While the request's body is being read, the reader notices that the client has left.
        left = asyncio.ensure_future(until_left(receive)) if isinstance(content, bytes) else None
        how = STOPPED
        try:
            await asyncio.wait({relaying, left} if left else {relaying}, return_when=asyncio.FIRST_COMPLETED)
            how = relaying.result() if relaying.done() else CLIENT_LEFT
        except ClientLeft:
            how = CLIENT_LEFT
        except Exception as error:  # a mistake of ours: the client sees that its answer is cut
            logger.error("cannot relay %s: %r", self._scope["path"], error)
            how = CUT
        finally:
            for task in (relaying, left):
                if task is not None and not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await task
            if self.tape is not None:
                if how:
                    self.tape.end(how, time.monotonic(), self._timing)
                else:
                    self.tape.forget()
        if how in (CUT, RESET):
            await self._break(how, receive)

    async def _relay(self, target: bytes, headers: Headers, content: bytes | AsyncIterator[bytes]) -> str:
        """Return how the answer has ended; "" if there is none, since the upstream cannot be reached."""
        try:
            method = self._scope["method"]
            if self.tape is not None and isinstance(content, bytes):
                answer = await self._upstream.stream(method, target, headers, content)
            else:
                answer = await self._upstream.send(method, target, headers, content)
        except Unreachable as error:
            logger.error("%s", error)
            await problems.envelope(refusal_by(error))(self._scope, _nothing, self._send)
            return ""
        except EndedEarly as error:
            return RESET if error.reset else CUT
        try:
            return await self._relay_answer(answer)
        finally:
            await answer.close()

    async def _relay_answer(self, answer: Answer) -> str:
        tape = self.tape
        at = time.monotonic()
        # The server in front writes its own date.
        headers = [(name, value) for name, value in answer.headers if name.lower() != b"date"]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if tape is not None:
            tape.head(answer.status, texts_of(answer.headers), at)
        try:
            async for chunk in answer.body:
                at = time.monotonic()
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
                if tape is not None:
                    tape.chunk(chunk, at)
                    if time.monotonic() - at > _HELD_UP:
                        self._timing = DEGRADED
        except EndedEarly as error:
            return RESET if error.reset else CUT
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        return COMPLETE

    async def _break(self, how: str, receive: Receive) -> None:
        """End the client's connection as the upstream's was."""
        transport = transport_of(self._scope)
        if transport is None:
            return
        if how == RESET:
            reset(transport)
        else:
            transport.close()
        await until_left(receive)  # or the server would log a missing answer


async def parts_of(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the parts of a request's body. Raise ClientLeft."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        more = message.get("more_body", False)
        if part := message.get("body", b""):
            yield part


async def until_left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nothing() -> Message:
    raise RespoolError("nothing is read here")


def refusal_by(error: Unreachable) -> RequestError:
    """Return the error for a client when the upstream cannot be reached."""
    return RequestError(str(error), status=502, code="upstream_unreachable", type="server_error")


def texts_of(headers: Headers) -> list[tuple[str, str]]:
    """Return headers as text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
