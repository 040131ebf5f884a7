"""ClientBytes: how many bytes of unanswered requests a server holds for each client."""

from collections.abc import Callable
from dataclasses import dataclass, field

from respool.errors import RequestError


@dataclass(slots=True, eq=False)
class _Client:
    """The requests of one client: their number, their bytes, and functions that return the bytes of its
    WebSockets."""

    requests: int = 0
    bytes: int = 0
    sockets: list[Callable[[], int]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.bytes + sum(held() for held in self.sockets)


class ClientBytes:
    """The unanswered requests of all clients, at most `most` bytes for one of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._clients: dict[str, _Client] = {}

    def __len__(self) -> int:
        """Return the number of clients with unanswered requests."""
        return len(self._clients)

    def held(self, client: str) -> int:
        """Return the bytes that are held for a client."""
        known = self._clients.get(client)
        return known.total if known else 0

    def open(self, client: str) -> "RequestBytes":
        """Begin to count a request of a client. Close the returned object when the request is answered."""
        known = self._clients.setdefault(client, _Client())
        known.requests += 1
        return RequestBytes(self, client, known)

    def _close(self, name: str, client: _Client) -> None:
        client.requests -= 1
        if not client.requests:
            del self._clients[name]


class RequestBytes:
    """The bytes that are held for one request, or for one WebSocket."""

    __slots__ = ("_all", "_client", "_name", "_socket", "_taken")

    def __init__(self, all_: ClientBytes, name: str, client: _Client) -> None:
        self._all = all_
        self._name = name
        self._client = client
        self._taken = 0
        self._socket: Callable[[], int] | None = None

    @property
    def most(self) -> int:
        """The limit for all requests of the client."""
        return self._all.most

    def take(self, size: int) -> None:
        """Count `size` bytes more. Raise RequestError if there is no room for them: 413 if there never is,
        429 if there may be when other requests of the client are answered."""
        if (refusal := self.refusal(size)) is not None:
            raise refusal
        self._taken += size
        self._client.bytes += size

    def give_back(self, size: int) -> None:
        """Count `size` bytes less, which were taken."""
        self._taken -= size
        self._client.bytes -= size

    def refusal(self, size: int) -> RequestError | None:
        """Return the reason to refuse `size` bytes more; None if there is room for them."""
        most = self._all.most
        if self._taken + size > most:
            return RequestError(
                f"The request has {self._taken + size} bytes: expected at most {most}, the limit of this "
                "server for all unanswered requests of a client (--max-client-bytes).",
                status=413,
                code="request_too_large",
            )
        held = self._client.total
        if held + size > most:
            return RequestError(
                f"Unanswered requests of this client have {held} bytes, and this one would add {size}: "
                f"expected at most {most} together (--max-client-bytes). Try again when some are answered.",
                status=429,
                type="rate_limit_error",
                code="too_many_client_bytes",
            )
        return None

    def count_socket(self, held: Callable[[], int]) -> None:
        """Count what `held` returns, too, until this is closed: the bytes that a WebSocket holds."""
        self._socket = held
        self._client.sockets.append(held)

    def close(self) -> None:
        """Count none of it any more."""
        self._client.bytes -= self._taken
        self._taken = 0
        if self._socket is not None:
            self._client.sockets.remove(self._socket)
            self._socket = None  # it has the connection, which has this: else a cycle
        self._all._close(self._name, self._client)
