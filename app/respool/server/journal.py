"""Journal: what was asked, what was answered, and how it ended."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from respool.errors import printable

# How an exchange may end, besides as it should.
CLIENT_LEFT = "client left"
CUT = "cut by the server"

_ids = Random()


@dataclass(slots=True)
class Exchange:
    """One request and its answer. It is filled on the way, and complete when `seconds` is set."""

    method: str
    path: str  # as it was sent, percent-encoded
    received: float  # the clock's seconds
    request_id: str = ""
    recording: str | None = None  # the name of what was played
    status: int | None = None  # None: the client left before there was one
    events: int = 0  # events sent
    ended: str = ""  # how, where there is something to say: "client left", ...
    seconds: float | None = None  # from the request to the end of the answer
    faults: tuple[str, ...] = ()  # what was to go wrong

    def __post_init__(self) -> None:
        self.request_id = (
            self.request_id or f"req_{_ids.getrandbits(128):032x}"
        )  # no secret: to ask the system costs more

    def __str__(self) -> str:
        """One line for the log."""
        parts = [self.method, self.path, "-" if self.status is None else str(self.status)]
        if self.recording:
            parts.append(self.recording)
        if self.events:
            parts.append(f"{self.events} events")
        if self.seconds is not None:
            parts.append(f"{self.seconds:.3f}s")
        if self.faults:
            parts.append(f"[{'; '.join(self.faults)}]")
        if self.ended:
            parts.append(f"({self.ended})")
        return printable(" ".join(parts), 1000)


class Journal:
    """The last exchanges, oldest first."""

    def __init__(self, limit: int = 1000) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=limit)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(list(self._exchanges))

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Note an exchange that has ended."""
        self._exchanges.append(exchange)

    def clear(self) -> None:
        """Forget all."""
        self._exchanges.clear()
