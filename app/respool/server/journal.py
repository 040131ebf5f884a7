"""Journal: each request, its answer and the reason for it, and how it ended."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any

from respool.errors import printable

# How an exchange may end, if not properly.
CLIENT_LEFT = "client left"
CUT = "cut by the server"

WEBSOCKET = "websocket"  # a transport
# What happens to an exchange, in this order; see `Journal.watch`.
ARRIVED = "arrived"
STARTED = "started"  # the head of the answer was sent
ENDED = "ended"

MOST = 1000  # exchanges
MOST_BYTES = 32 * 1024 * 1024  # of the bodies of requests

# The headers whose values are secret, wholly or in part.
_SECRET = frozenset(
    "authorization proxy-authorization api-key x-api-key cookie set-cookie x-goog-api-key "
    "ocp-apim-subscription-key x-amz-security-token".split()
)
_SECRET_PARAMETER = re.compile(r"key|token|secret|passw|signature|^sig$|^code$", re.IGNORECASE)
_KEPT_OF_SECRET = ("Bearer ", "Basic ")
MASKED = "[secret]"


def _new_ids() -> Iterator[str]:
    """Yield request ids. They are no secret, and to ask the system for each would cost more."""
    random = Random()
    while True:
        digits = random.randbytes(16 * 256).hex()
        for at in range(0, len(digits), 32):
            yield f"req_{digits[at : at + 32]}"


_ids = _new_ids()


@dataclass(slots=True, eq=False)
class Exchange:
    """A request and its answer: added when the request arrives, complete when `seconds` is set."""

    method: str
    path: str  # as it was sent, percent-encoded
    received: float  # the server's moment, in seconds since 1970
    request_id: str = ""
    recording: str | None = None  # the name of what was played
    status: int | None = None  # None: the client left before there was one
    events: int = 0  # events sent
    ended: str = ""  # how the answer ended, if not properly: "client left", ...
    seconds: float | None = None  # from the request to the end of the answer
    faults: tuple[str, ...] = ()  # the active faults
    session: str = ""
    transport: str = "http"  # or websocket: a create on one, or its connection
    address: tuple[str, int] | None = None  # of the client
    why: str = ""  # why this recording answers
    lateness: float = 0.0  # seconds by which the latest event came after its moment
    response_id: str = ""
    raw_query: bytes = field(default=b"", repr=False)  # as it was sent, with its secrets
    raw_headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)  # with their secrets
    body: bytes = field(default=b"", repr=False)  # of the request, as it was read
    body_dropped: bool = False  # it was too large to be kept, or is too old
    number: int = 0  # in the order of arrival, from 1, since request ids may be recorded ones, and repeat
    serial: int = 0  # the same, among the requests of this server
    unmatched: bool = False  # no recording answers it
    relayed: bool = False  # an upstream has answered it; `recording` is the name of its answer
    near: Sequence[Mapping[str, Any]] = field(default=(), repr=False)  # what nearly answers it

    def __post_init__(self) -> None:
        self.request_id = self.request_id or next(_ids)

    @property
    def client(self) -> str:
        """The address of the client; "" if it has none."""
        return self.address[0] if self.address else ""

    @property
    def query(self) -> str:
        """The query string as it was sent, with secrets masked."""
        if not self.raw_query:
            return ""
        pairs = (pair.partition("=") for pair in self.raw_query.decode("latin-1").split("&"))
        return "&".join(
            f"{name}={MASKED}" if equals and _SECRET_PARAMETER.search(name) else f"{name}{equals}{value}"
            for name, equals, value in pairs
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request, by name in lower case, with secrets masked."""
        found: dict[str, str] = {}
        for raw_name, raw_value in self.raw_headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            if name in _SECRET:
                value = next((scheme for scheme in _KEPT_OF_SECRET if value.startswith(scheme)), "") + MASKED
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def client_request_id(self) -> str | None:
        """The client's own id of this request, from ``x-client-request-id``."""
        return self.headers.get("x-client-request-id")

    def __str__(self) -> str:
        """Return one line for the log."""
        parts = [self.method, self.path]
        if self.transport == WEBSOCKET and self.method != "WEBSOCKET":
            parts.append("over websocket")
        parts += ["-" if self.status is None else str(self.status)]
        if self.relayed:
            parts.append("relayed, recorded as" if self.recording else "relayed")
        if self.recording:
            parts.append(self.recording)
        if self.events:
            parts.append(f"{self.events} events")
        if self.seconds is not None:
            parts.append(f"{self.seconds:.3f}s")
        if self.faults:
            parts.append(f"[{'; '.join(self.faults)}]")
        if self.session:
            parts.append(f"session {self.session}")
        if self.seconds is None:
            parts.append("under way")
        elif self.ended:
            parts.append(f"({self.ended})")
        return printable(" ".join(parts), 1000)

    def to_log(self) -> dict[str, Any]:
        """Return the fields for a log that programs read: all except headers and bodies."""
        fields: dict[str, Any] = {
            "request_id": self.request_id,
            "method": self.method,
            "path": printable(self.path, 1000),
            "status": self.status,
            "recording": self.recording,
            "why": self.why or None,
            "relayed": self.relayed or None,
            "session": self.session or None,
            "transport": self.transport,
            "client": self.client or None,
            "client_request_id": self.client_request_id,
            "events": self.events,
            "seconds": None if self.seconds is None else round(self.seconds, 6),
            "lateness": round(self.lateness, 6) if self.events else None,
            "faults": [printable(fault) for fault in self.faults] or None,
            "ended": self.ended or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


Watcher = Callable[[str, Exchange], None]


class Journal:
    """The latest exchanges, oldest first, ended or in progress."""

    def __init__(self, limit: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._exchanges: deque[Exchange] = deque()
        self._limit = limit
        self._most_bytes = most_bytes
        self._bytes = 0
        self._with_body: deque[Exchange] = deque()
        self._added = 0
        self.watchers: set[Watcher] = set()
        self.shared = False  # numbers are given by a shared state

    def __iter__(self) -> Iterator[Exchange]:
        return iter(list(self._exchanges))

    def __len__(self) -> int:
        return len(self._exchanges)

    @property
    def ended(self) -> list[Exchange]:
        """The exchanges that have ended."""
        return [exchange for exchange in self._exchanges if exchange.seconds is not None]

    def add(self, exchange: Exchange) -> None:
        """Add a request that has arrived."""
        self._added += 1
        exchange.serial = self._added
        if not self.shared:
            exchange.number = self._added
        self._append(exchange)
        if self.watchers:
            self.notify(ARRIVED, exchange)

    def enter(self, exchange: Exchange, number: int) -> None:
        """Add a request that another server received."""
        exchange.number = number
        self._append(exchange)

    def sort(self) -> None:
        """Sort the exchanges by number; those without one are the latest."""
        self._exchanges = deque(sorted(self._exchanges, key=lambda one: one.number or inf))

    def notify(self, change: str, exchange: Exchange) -> None:
        """Notify all watchers of a change of an exchange: ARRIVED, STARTED or ENDED."""
        for watcher in tuple(self.watchers):
            watcher(change, exchange)

    @contextmanager
    def watch(self, watcher: Watcher) -> Iterator[None]:
        """Call `watcher` at each change, within the block. It runs in the server's thread and must return at
        once."""
        self.watchers.add(watcher)
        try:
            yield
        finally:
            self.watchers.discard(watcher)

    def take_back(self, exchange: Exchange) -> None:
        """Remove an exchange as if its request had never arrived."""
        if self._exchanges and self._exchanges[-1] is exchange:
            self._exchanges.pop()
        elif exchange in self._exchanges:
            self._exchanges.remove(exchange)

    def keep_body(self, exchange: Exchange, body: bytes) -> None:
        """Keep the body of a request. Beyond the limit the oldest bodies are dropped; one that is too large
        by itself is not kept."""
        if not body:
            return
        if len(body) > self._most_bytes:
            exchange.body_dropped = True
            return
        exchange.body = body
        self._bytes += len(body)
        self._with_body.append(exchange)
        while self._bytes > self._most_bytes:
            self._drop_body(self._with_body[0])

    def clear(self) -> None:
        """Remove all exchanges."""
        self._exchanges.clear()
        self._with_body.clear()
        self._bytes = 0

    def clear_session(self, session: str, before: int | None = None) -> None:
        """Remove those of one session; with `before`, only those with a smaller number."""
        for exchange in [
            one
            for one in list(self._exchanges)
            if one.session == session and (before is None or 0 < one.number < before)
        ]:
            self._exchanges.remove(exchange)
            self._drop_body(exchange)

    def _append(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        if len(self._exchanges) > self._limit:
            self._drop_body(self._exchanges.popleft())

    def _drop_body(self, exchange: Exchange) -> None:
        if not exchange.body:
            return
        self._bytes -= len(exchange.body)
        exchange.body = b""
        exchange.body_dropped = True
        while self._with_body and not self._with_body[0].body:
            self._with_body.popleft()
