"""Upstream: the one server that a relay talks to."""

import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from respool.errors import OptionError, RespoolError

try:
    import httpx2
except ImportError as error:
    raise OptionError(
        f"recording needs a package that is not there: pip install 'respool[record]' ({error.name})"
    ) from None

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

Headers = Sequence[tuple[bytes, bytes]]

# Headers of one connection. Source: RFC 9110, 7.6.1.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_CONNECT_TIMEOUT = 15.0  # seconds
_KEYS = (b"authorization", b"api-key", b"x-api-key")  # a client sends one of them


class Unreachable(RespoolError):
    """The upstream cannot be reached."""


class EndedEarly(RespoolError):
    """The connection ended before the answer did. `reset` is True if it was reset."""

    def __init__(self, message: str, *, reset: bool) -> None:
        self.reset = reset
        super().__init__(message)


class UpgradeRefused(RespoolError):
    """The upstream answers the upgrade to a WebSocket with an ordinary HTTP answer."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        super().__init__(f"the upgrade is refused with {status}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whose `body` is still coming, as on the wire; reading it may raise EndedEarly. Always close
    it."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class Upstream:
    """The server below `url`, a base URL as SDKs take it. No redirect is followed.

    With `api_key` requests carry that key instead of the client's own. Raises OptionError for an invalid
    `url`, and for `http2` without its package.
    """

    def __init__(self, url: str, *, api_key: str | None = None, http2: bool = False) -> None:
        try:
            self._url = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError) as error:
            raise OptionError(f"--upstream {url!r} is no URL: {error}") from None
        if self._url.scheme not in ("http", "https") or not self._url.host or self._url.query:
            raise OptionError(f"--upstream {url!r}: expected a base URL, as https://api.openai.com/v1")
        if self._url.userinfo:
            raise OptionError("--upstream has a password in it; expected it in --api-key-env")
        self._base = self._url.raw_path.rstrip(b"/")
        self._api_key = api_key
        self._http2 = http2
        self._streams: Any = None  # made on first use; its package is missing on Windows
        try:
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
            self._transport = httpx2.AsyncHTTPTransport(http2=http2, limits=limits)
        except ImportError:
            raise OptionError("--http2 needs a package: pip install 'respool[record]'") from None

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._streams is not None:
            self._streams.close()
        await self._transport.__aexit__(kind, error, trace)

    def target(self, path: str, query: bytes) -> bytes:
        """Return the path and query for a client's path. The client's ``/v1`` is the base URL's path."""
        raw = path.encode("ascii", "replace")
        if self._base:
            raw = self._base + (raw[3:] if raw == b"/v1" or raw.startswith(b"/v1/") else raw)
        return raw + (b"?" + query if query else b"")

    async def stream(self, method: str, target: bytes, headers: Headers, content: bytes) -> Answer:
        """Send a request with an answer that may be a stream. Like `send`, but cheaper for each event."""
        if self._http2 or sys.platform == "win32":
            return await self.send(method, target, headers, content)
        from respool.record.http1 import Broken, Connection, Connections

        if self._streams is None:
            tls = ssl.create_default_context() if self._url.scheme == "https" else None
            port = self._url.port or (443 if tls else 80)
            self._streams = Connections(self._url.host, port, tls, _CONNECT_TIMEOUT)
        connections: Connections = self._streams
        own = [(b"host", self._url.netloc), *self._headers(headers)]
        try:
            connection = await connections.send(method.encode(), target, own, content)
        except Broken as error:
            raise EndedEarly(str(error), reset=error.reset) from None
        except OSError as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from None

        async def body(connection: Connection = connection) -> AsyncIterator[bytes]:
            try:
                async for chunk in connection.body():
                    yield chunk
            except Broken as error:
                raise EndedEarly(str(error), reset=error.reset) from None

        async def close(connection: Connection = connection) -> None:
            connections.give_back(connection)

        return Answer(connection.status, end_to_end(connection.headers), body(), close)

    async def send(
        self, method: str, target: bytes, headers: Headers, content: bytes | AsyncIterator[bytes]
    ) -> Answer:
        """Send a request; return its answer when its head has come. Raise Unreachable, EndedEarly."""
        url = httpx2.URL(scheme=self._url.scheme, host=self._url.host, port=self._url.port, raw_path=target)
        timeout = {"connect": _CONNECT_TIMEOUT, "pool": None, "read": None, "write": None}
        request = httpx2.Request(
            method, url, headers=self._headers(headers), content=content, extensions={"timeout": timeout}
        )
        try:
            response = await self._transport.handle_async_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from None
        except httpx2.TransportError as error:
            raise _ended(error) from None
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)

        async def body(stream: httpx2.AsyncByteStream = stream) -> AsyncIterator[bytes]:
            try:
                async for chunk in stream:
                    yield chunk
            except httpx2.TransportError as error:
                raise _ended(error) from None

        return Answer(response.status_code, end_to_end(response.headers.raw), body(), stream.aclose)

    async def open_socket(
        self, target: bytes, headers: Headers, subprotocols: Sequence[str] | None = None
    ) -> "ClientConnection":
        """Open a WebSocket. Raise UpgradeRefused, Unreachable. No redirect is followed, no proxy used."""
        from websockets.asyncio.client import connect  # late: few clients use one
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        class Connect(connect):
            def process_redirect(self, exc: Exception) -> Exception:
                return exc

        scheme = "wss" if self._url.scheme == "https" else "ws"
        uri = f"{scheme}://{self._url.netloc.decode('ascii')}{target.decode('ascii')}"
        texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers(headers)]
        try:
            return await Connect(
                uri,
                additional_headers=texts,
                user_agent_header=None,
                subprotocols=cast("Any", subprotocols),
                open_timeout=_CONNECT_TIMEOUT,
                ping_interval=None,  # the two ends decide when to close
                max_size=None,
                proxy=None,
            )
        except InvalidStatus as error:
            answer = error.response
            pairs = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in answer.headers.raw_items()
            ]
            raise UpgradeRefused(answer.status_code, pairs, bytes(answer.body or b"")) from None
        except (OSError, InvalidHandshake) as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from None

    def _headers(self, given: Headers) -> list[tuple[bytes, bytes]]:
        kept = [(name, value) for name, value in end_to_end(given) if name.lower() != b"host"]
        if self._api_key is not None:
            used = next((name for name, _ in kept if name.lower() in _KEYS[1:]), _KEYS[0])
            prefix = "Bearer " if used == _KEYS[0] else ""
            kept = [(name, value) for name, value in kept if name.lower() not in _KEYS]
            kept.append((used, f"{prefix}{self._api_key}".encode("latin-1")))
        return kept


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers for the other end, without those of one connection."""
    pairs = [(name, value) for name, value in headers]
    named = {
        one.strip().lower()
        for name, value in pairs
        if name.lower() == b"connection"
        for one in value.split(b",")
    }
    return [(name, value) for name, value in pairs if name.lower() not in _HOP_BY_HOP | named]


def _ended(error: httpx2.TransportError) -> EndedEarly:
    return EndedEarly(str(error) or type(error).__name__, reset=isinstance(error, httpx2.NetworkError))
