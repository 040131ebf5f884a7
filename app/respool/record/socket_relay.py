"""Relays one WebSocket: each frame is forwarded at once, and then recorded."""

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from respool.http import problems
from respool.http.sending.connection import transport_of
from respool.record.exchange import RecordedRequest
from respool.record.recorder import RecordsExchanges, Tape
from respool.record.relaying import refusal_by, texts_of
from respool.record.routes import CREATE, Route
from respool.record.socket_turns import RecordedSocketTurns
from respool.record.upstream import Headers, Unreachable, UpgradeRefused, Upstream

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

logger = logging.getLogger("respool")

ABNORMAL = 1006  # no close frame has come
_NOT_SENT = frozenset({1005, ABNORMAL, 1015})  # codes that no close frame may have: RFC 6455, section 7.4.1
_OF_THE_UPGRADE = (
    b"sec-websocket-", b"content-length", b"transfer-encoding", b"date", b"upgrade", b"connection"
)  # fmt: skip


async def relay_socket(
    scope: Scope,
    receive: Receive,
    send: Send,
    upstream: Upstream,
    recorder: RecordsExchanges | None,
    found: Route,
    headers: Headers,
) -> None:
    """Relay a WebSocket until one end closes it. Each of its turns becomes a turn of a recording."""
    await receive()  # websocket.connect
    target = upstream.target(found.path, scope["query_string"])
    kept = [(name, value) for name, value in headers if not name.lower().startswith(b"sec-websocket-")]
    try:
        connection = await upstream.open_socket(target, kept, scope.get("subprotocols") or None)
    except UpgradeRefused as refused:
        head = [pair for pair in refused.headers if not pair[0].lower().startswith(_OF_THE_UPGRADE)]
        status = {"type": "websocket.http.response.start", "status": refused.status, "headers": head}
        await send(status)
        await send({"type": "websocket.http.response.body", "body": refused.body})
        return
    except Unreachable as error:
        logger.error("%s", error)
        await problems.envelope(refusal_by(error))(scope, receive, send)
        return
    answered = [] if connection.response is None else connection.response.headers.raw_items()
    kept = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answered]
    kept = [pair for pair in kept if not pair[0].startswith(_OF_THE_UPGRADE)]
    await send({"type": "websocket.accept", "subprotocol": connection.subprotocol, "headers": kept})

    def begin(body: bytes, at: float) -> Tape:
        assert recorder is not None
        route = Route(found.path, CREATE, session=found.session, name=found.name)
        query = scope["query_string"].decode("latin-1")
        return recorder.begin(
            RecordedRequest("POST", route, query, texts_of(headers), body, time.time(), at, found.session)
        )

    turns = None if recorder is None else RecordedSocketTurns(begin)
    await _Relaying(scope, receive, send, connection, turns).run()


class _Relaying:
    """A connection through a relay."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        connection: "ClientConnection",
        turns: RecordedSocketTurns | None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._connection = connection
        self._turns = turns

    async def run(self) -> None:
        """Relay until one end closes, and close the other likewise."""
        down = asyncio.ensure_future(self._down())
        up = asyncio.ensure_future(self._up())
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            by = "client" if up.done() else "server"
            code, reason = (up if up.done() else down).result()
        except asyncio.CancelledError:  # this server ends
            by, code, reason = "client", 1001, ""
        except Exception as error:  # a mistake of ours
            logger.error("cannot relay %s: %r", self._scope["path"], error)
            by, code, reason = "server", ABNORMAL, ""
        finally:
            for task in (down, up):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        if self._turns is not None:
            self._turns.closed(code, reason, by, time.monotonic())
        await self._close(by, code, reason)

    async def _down(self) -> tuple[int, str]:
        """Relay from the upstream to the client."""
        from websockets.exceptions import ConnectionClosed

        connection, send, turns = self._connection, self._send, self._turns
        try:
            while True:
                data = await connection.recv()
                at = time.monotonic()
                kind = "text" if isinstance(data, str) else "bytes"
                await send({"type": "websocket.send", kind: data})
                if turns is not None and isinstance(data, str):
                    turns.received(data, at)
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (ABNORMAL, "")

    async def _up(self) -> tuple[int, str]:
        """Relay from the client to the upstream."""
        while (message := await self._receive())["type"] == "websocket.receive":
            data = message.get("text") if message.get("text") is not None else message.get("bytes")
            at = time.monotonic()
            if self._turns is not None and isinstance(data, str):
                self._turns.sent(data, at)  # before the answer can come
            await self._connection.send(data if data is not None else "")
        return message.get("code") or 1005, message.get("reason") or ""

    async def _close(self, by: str, code: int, reason: str) -> None:
        """Close the other end with the same code, and both ends after any error."""
        try:
            if by == "server" and code == ABNORMAL and (transport := transport_of(self._scope)) is not None:
                transport.abort()
            elif by == "server":
                sent_code = 1000 if code == 1005 else 1011 if code in _NOT_SENT else code
                await self._send({"type": "websocket.close", "code": sent_code, "reason": reason})
            elif code == 1005 or code not in _NOT_SENT:
                await self._connection.close(1000 if code == 1005 else code, reason)
        except Exception as error:  # it has gone
            logger.debug("closing: %r", error)
        finally:
            self._connection.transport.abort()
