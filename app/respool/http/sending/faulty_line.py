"""FaultyLine: the connection of an answer with faults.

Bytes that are due together leave together, and the end is broken as a fault wants it.
"""

import asyncio

from starlette.types import Scope, Send

from respool.faults.frame import Action, Head
from respool.http.sending.connection import reset, transport_of, unsent
from respool.play.frames import MAX_CHUNK

# A chunk is announced as this much larger than it is, where it is to break.
_MISSING = 64  # bytes


class FaultyLine:
    """Collects due bytes, and sends them to the client."""

    def __init__(self, scope: Scope, send: Send, left: asyncio.Event) -> None:
        self._scope = scope
        self._send = send
        self._left = left
        self._pending = bytearray()
        self._chunked = False
        self._begun = False
        self.broken = False  # by us

    @property
    def left(self) -> bool:
        """True if the client has left."""
        return self._left.is_set()

    async def begin(self, head: Head) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.headers.items()]
        self._chunked = "content-length" not in head.headers
        self._begun = True
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})

    async def write(self, data: bytes, *, alone: bool) -> None:
        """Take bytes; they leave at the next `flush`, or now if they are to leave `alone`."""
        if alone or len(self._pending) + len(data) > MAX_CHUNK:
            await self.flush()
        for start in range(0, len(data), MAX_CHUNK):  # a large one in pieces
            if start:
                await self.flush()
                if self.left:
                    return
            self._pending += data[start : start + MAX_CHUNK]
        if alone:
            await self.flush()

    async def flush(self) -> None:
        if self._pending:
            body = bytes(self._pending)
            self._pending.clear()
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            # The others' turn: none waits for a long stream, and it hears that its client has left.
            await asyncio.sleep(0)

    async def end(self, action: Action) -> None:
        await self.flush()
        if action is Action.CLOSE and self._begun:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        transport = transport_of(self._scope)
        if transport is not None and transport.is_closing():  # the client has left just before
            await self._left.wait()
            return
        self.broken = True
        if transport is None:
            return  # the server closes the connection, since the answer is incomplete
        if action is Action.RESET:
            await self._drain(transport)
            reset(transport)
        else:
            if action is Action.ABORT and self._chunked and self._begun:
                transport.write(b"%x\r\n" % _MISSING)
            transport.close()
        # Until the server knows: it would answer an error to a request that it takes for unanswered.
        await self._left.wait()

    async def _drain(self, transport: asyncio.Transport) -> None:
        """Wait until the client's machine has all that was written: a reset would throw the rest away."""
        if not self._begun:
            return
        if transport.is_closing():
            return
        transport.set_write_buffer_limits(0)  # the server's send waits while anything is left
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})
        # Nobody tells when the system's own buffer is empty, and a reset throws that away, too.
        pause = 0.001
        while not transport.is_closing() and unsent(transport) and not self._left.is_set():
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)
