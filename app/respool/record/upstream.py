"""Upstream: the one server that a relay talks to."""

from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Self

from respool.errors import OptionError, RespoolError

try:
    import httpx2
except ImportError as error:
    raise OptionError(
        f"recording needs a package that is not there: pip install 'respool[record]' ({error.name})"
    ) from None

Headers = Sequence[tuple[bytes, bytes]]

# What belongs to one connection. Source: RFC 9110, 7.6.1.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_CONNECT_TIMEOUT = 15.0  # seconds
_KEYS = (b"authorization", b"api-key", b"x-api-key")  # which of them a client uses


class Unreachable(RespoolError):
    """There is no connection to the upstream."""


class EndedEarly(RespoolError):
    """The connection ended before the answer did. `reset` tells whether it was reset."""

    def __init__(self, message: str, *, reset: bool) -> None:
        self.reset = reset
        super().__init__(message)


class Answer:
    """An answer that comes. Iterate over it for its body, as it is on the wire; close it in any case."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers: Headers = end_to_end(response.headers.raw)
        self._stream = response.stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield each chunk when it comes. Raises EndedEarly."""
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        try:
            async for chunk in self._stream:
                yield chunk
        except httpx2.TransportError as error:
            raise _ended(error) from None

    async def close(self) -> None:
        """End it, and its connection if it is not complete."""
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        await self._stream.aclose()


class Upstream:
    """The server below `url`, a base URL as SDKs take it. No redirect is followed.

    With `api_key` requests carry that key instead of the client's own. Raises OptionError for a `url` that is
    none, and for `http2` where its package is missing.
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
        await self._transport.__aexit__(kind, error, trace)

    def target(self, path: str, query: bytes) -> bytes:
        """Return the path and query for a client's path. The client's ``/v1`` is the base URL's path."""
        raw = path.encode("ascii", "replace")
        if self._base:
            raw = self._base + (raw[3:] if raw == b"/v1" or raw.startswith(b"/v1/") else raw)
        return raw + (b"?" + query if query else b"")

    async def send(
        self, method: str, target: bytes, headers: Headers, content: bytes | AsyncIterator[bytes]
    ) -> Answer:
        """Send a request; return its answer when its head has come. Raises Unreachable, EndedEarly."""
        url = httpx2.URL(scheme=self._url.scheme, host=self._url.host, port=self._url.port, raw_path=target)
        request = httpx2.Request(
            method,
            url,
            headers=self._headers(headers),
            content=content,
            extensions={"timeout": {"connect": _CONNECT_TIMEOUT, "pool": None, "read": None, "write": None}},
        )
        try:
            return Answer(await self._transport.handle_async_request(request))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from None
        except httpx2.TransportError as error:
            raise _ended(error) from None

    def _headers(self, given: Headers) -> list[tuple[bytes, bytes]]:
        kept = [(name, value) for name, value in end_to_end(given) if name.lower() != b"host"]
        if self._api_key is not None:
            used = next((name for name, _ in kept if name.lower() in _KEYS[1:]), _KEYS[0])
            prefix = "Bearer " if used == _KEYS[0] else ""
            kept = [(name, value) for name, value in kept if name.lower() not in _KEYS]
            kept.append((used, f"{prefix}{self._api_key}".encode("latin-1")))
        return kept


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that are for the other end, and not for the next connection only."""
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
