"""Relay: a reverse proxy as an ASGI application. A chunk is forwarded at once, and then recorded."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Self
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from respool.errors import RequestError
from respool.http import problems
from respool.http.lifespan import live
from respool.http.sending.connection import SERVER_SEND, header_values
from respool.protocol.codings import CODINGS, DAMAGE
from respool.record.exchange import RecordedRequest
from respool.record.recorder import OnRecorded, RecordsExchanges
from respool.record.relaying import ClientLeft, Relaying, parts_of, texts_of
from respool.record.replays import Replays
from respool.record.routes import Route, route
from respool.record.upstream import Headers, Upstream

MAX_BODY = 128 * 1024 * 1024  # bytes of a request that is recorded
SESSION_HEADER, PLAY_HEADER = b"x-respool-session", b"x-respool-play"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Relay:
    """Relays all requests to `upstream`, and records those for responses.

    It is the whole application of `respool record`; its lifespan opens the upstream, and closes the recorder.
    In another application, enter it as a context, and call `relay` for each request to the upstream.
    """

    def __init__(
        self, upstream: Upstream, recorder: RecordsExchanges | None, replays: Replays | None = None
    ) -> None:
        self.upstream = upstream
        self.recorder = recorder  # None: nothing is recorded
        self.replays = replays  # answers recorded requests without the upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(self, receive, send)
            return
        scope[SERVER_SEND] = send
        if (
            scope["type"] == "websocket"
            and self.replays is None
            and route("GET", _path(scope)).path.endswith("/responses")
        ):
            await self._socket(scope, receive, send)
            return
        if refusal := refusal_of(scope):
            await problems.envelope(refusal, {"upgrade": "HTTP/1.1"} if refusal.status == 426 else {})(
                scope, receive, send
            )
            return
        found = route(scope["method"], _path(scope))
        if self.replays is None or not found.kind:
            await self.relay(scope, receive, send)
            return
        try:
            body = await _read(receive)
        except ClientLeft:
            return
        except RequestError as error:
            await problems.envelope(error)(scope, receive, send)
            return
        sent = _inflated(body, header_values(scope, b"content-encoding"))
        if self.replays.answers(found, sent):
            await self.replays.play(scope, receive, send, found, sent)
        else:
            await self.relay(scope, receive, send, body)

    async def relay(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        body: bytes | None = None,
        found: Route | None = None,
        on_recorded: OnRecorded | None = None,
    ) -> None:
        """Relay one HTTP request. `body` is its body if that was read already, `found` its route if that is
        known; `on_recorded` is called with the recording and turn of its answer."""
        if found is None:
            found = route(scope["method"], _path(scope))
            if names := header_values(scope, PLAY_HEADER):
                found = replace(found, name=found.name or names[0])
        headers: Headers = [
            (name, value) for name, value in scope["headers"] if name not in (SESSION_HEADER, PLAY_HEADER)
        ]
        try:
            content: bytes | AsyncIterator[bytes]
            if body is not None:
                content = body
            elif found.kind:
                content = await _read(receive)
            else:
                content = parts_of(receive) if _has_body(scope) else b""
            if found.kind:
                # From some upstreams, a compressed stream cannot be recorded as it comes.
                headers = [(name, value) for name, value in headers if name != b"accept-encoding"]
                headers = [*headers, (b"accept-encoding", b"identity")]
        except ClientLeft:
            return
        except RequestError as error:
            await problems.envelope(error)(scope, receive, send)
            return
        target = self.upstream.target(found.path, scope["query_string"])
        exchange = Relaying(scope, send, self.upstream)
        sent = time.monotonic()
        if found.kind and isinstance(content, bytes) and self.recorder is not None:
            exchange.tape = self.recorder.begin(_recorded_request(scope, found, content, sent), on_recorded)
        await exchange.run(receive, target, headers, content)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay a WebSocket."""
        from respool.record.socket_relay import relay_socket  # late: few clients use one

        if refusal := _foreign(scope):
            await problems.envelope(refusal)(scope, receive, send)
            return
        found = route("POST", _path(scope))
        for name, key in ((PLAY_HEADER, "name"), (SESSION_HEADER, "session")):
            if (values := header_values(scope, name)) and not getattr(found, key):
                found = replace(found, **{key: values[0]})
        headers = [pair for pair in scope["headers"] if pair[0] not in (SESSION_HEADER, PLAY_HEADER)]
        await relay_socket(scope, receive, send, self.upstream, self.recorder, found, headers)

    async def __aenter__(self) -> Self:
        await self.upstream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.upstream.__aexit__(*error)
        if self.recorder is not None:
            self.recorder.close(time.monotonic())


def refusal_of(scope: Scope) -> RequestError | None:
    """Return the refusal of a request that is not relayed; None if it is relayed."""
    if scope["type"] == "websocket" or header_values(scope, b"upgrade"):
        return RequestError(
            "WebSocket is not relayed here; use HTTP with server-sent events.",
            status=426,
            code="websocket_not_supported",
        )
    return _foreign(scope)


def _foreign(scope: Scope) -> RequestError | None:
    """Return the refusal of a foreign page's request: any page in a local browser could use the key."""
    for origin in header_values(scope, b"origin"):
        try:
            host = urlsplit(origin).hostname or ""
        except ValueError:
            host = ""
        if host not in _LOOPBACK and not host.endswith(".localhost"):
            return RequestError(
                "Requests of pages from elsewhere are not relayed.", status=403, code="foreign_origin"
            )
    return None


def _recorded_request(scope: Scope, found: Route, body: bytes, sent: float) -> RecordedRequest:
    session = header_values(scope, SESSION_HEADER)
    return RecordedRequest(
        method=scope["method"],
        route=found,
        query=scope["query_string"].decode("latin-1"),
        headers=texts_of(scope["headers"]),
        body=_inflated(body, header_values(scope, b"content-encoding")),
        when=time.time(),
        at=sent,
        session=found.session or (session[0] if session else ""),
    )


def _inflated(body: bytes, codings: Sequence[str]) -> bytes:
    """Return the body without content codings; unchanged if one is unknown or wrong."""
    for coding in reversed(",".join(codings).lower().split(",")):
        inflate = CODINGS.get(coding.strip())
        if inflate is not None:
            try:
                body = inflate(body, MAX_BODY)
            except DAMAGE:
                return body
    return body


def _path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _has_body(scope: Scope) -> bool:
    length = header_values(scope, b"content-length")
    return bool(header_values(scope, b"transfer-encoding")) or bool(length and length[0] != "0")


async def _read(receive: Receive) -> bytes:
    parts, size = [], 0
    async for part in parts_of(receive):
        size += len(part)
        if size > MAX_BODY:
            raise RequestError(
                f"The request has more than {MAX_BODY} bytes.", status=413, code="request_too_large"
            )
        parts.append(part)
    return b"".join(parts)
