"""ConnectionMemory: the responses that can be continued on one connection, stored or not.

It ends with the connection. Rule 1: each lane has one newest response, which any lane may continue. Rule 2: a
continuation on the same lane that fails takes that response away; one from another lane does not.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from respool.play.live_turn import LiveTurn


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """A response that has ended on this connection: what asked for it and what answered."""

    id: str
    lane: str | None
    body: Mapping[str, Any]
    turn: LiveTurn
    previous: str | None = None
    size: int = 0  # of the frame that created it, in bytes


class ConnectionMemory:
    """The latest responses, at most `most` of `most_bytes` together; the oldest are forgotten.

    Those that are not the newest of their lane are kept for `lineage` alone, unless `keep_older`.
    """

    def __init__(self, most: int, most_bytes: int, *, keep_older: bool = False) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._keep_older = keep_older
        self._entries: OrderedDict[tuple[str | None, str], Remembered] = OrderedDict()
        self._newest: dict[str | None, str] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of the frames of all that is remembered."""
        return self._bytes

    def newest(self, lane: str | None) -> Remembered | None:
        """Return the response that ended last on a lane, if it can be continued."""
        id_ = self._newest.get(lane)
        return None if id_ is None else self._entries.get((lane, id_))

    def find(self, id: str, lane: str | None) -> Remembered | None:
        """Return the response with this id that can be continued; that of the lane itself first."""
        lanes = (lane, *(other for other in self._newest if other != lane))
        found = (self._entries.get((one, id)) for one in lanes if self._newest.get(one) == id)
        newest = next((one for one in found if one is not None), None)
        return self._known(id, lane) if newest is None and self._keep_older else newest

    def lineage(self, last: Remembered) -> tuple[Remembered, ...]:
        """Return a response and those before it, as far as they are remembered; the newest is first."""
        chain = [last]
        seen = {last.id}
        while (previous := chain[-1].previous) is not None and previous not in seen:
            known = self._known(previous, chain[-1].lane)
            if known is None:
                break
            chain.append(known)
            seen.add(previous)
        return tuple(chain)

    def add(self, entry: Remembered) -> None:
        """Remember a response as the newest of its lane."""
        self._remove((entry.lane, entry.id))
        self._entries[entry.lane, entry.id] = entry
        self._newest[entry.lane] = entry.id
        self._bytes += entry.size
        while len(self._entries) > self._most or self._bytes > self._most_bytes:
            self._remove(next(iter(self._entries)))

    def evict(self, entry: Remembered) -> None:
        """Forget a response, since its continuation failed."""
        self._remove((entry.lane, entry.id))

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._newest.clear()
        self._bytes = 0

    def _known(self, id: str, lane: str | None) -> Remembered | None:
        own = self._entries.get((lane, id))
        return own or next((entry for entry in reversed(self._entries.values()) if entry.id == id), None)

    def _remove(self, key: tuple[str | None, str]) -> None:
        if entry := self._entries.pop(key, None):
            self._bytes -= entry.size
            if self._newest.get(entry.lane) == entry.id:
                del self._newest[entry.lane]


class EndedResponses(Mapping[str, str]):
    """The status of each response that has ended, by its id: of the latest `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._statuses: dict[str, str] = {}

    def note(self, id: str, status: str) -> None:
        """Note that a response has ended."""
        self._statuses.pop(id, None)
        self._statuses[id] = status  # the latest is last
        if len(self._statuses) > self._most:
            del self._statuses[next(iter(self._statuses))]

    def __getitem__(self, id: str) -> str:
        return self._statuses[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statuses)

    def __len__(self) -> int:
        return len(self._statuses)
