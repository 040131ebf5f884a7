"""History: the playbacks that can still be found by the id of their response."""

from collections import OrderedDict
from collections.abc import Iterator

from respool.play.playback import Playback

MOST = 10_000  # playbacks
MOST_BYTES = 64 * 1024 * 1024  # of the bodies of their requests, which input_items returns
# Playbacks with one id. A recording with its recorded ids may be played many times at once.
MOST_OF_ONE_ID = 64
_OVERHEAD = 1024  # bytes: about what a playback costs besides its request


class Budget:
    """The bytes that several owners hold together."""

    __slots__ = ("most", "used")

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    @property
    def exceeded(self) -> bool:
        """True if they hold too much."""
        return self.used > self.most


class History:
    """The latest playbacks by id, oldest first. If there are too many, or their requests are too large
    together, the oldest are dropped; the latest is always kept.

    Several playbacks may have one id: a recording with its recorded ids, played twice. All of them are kept,
    so that a play never hides an earlier one that can still be found.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES, shared: Budget | None = None) -> None:
        """`shared` counts the bytes of all histories of a server."""
        self._most = most
        self._most_bytes = most_bytes
        self._shared = shared or Budget(most_bytes)
        self._bytes = 0
        # By the number of their play: the id, the playback, and its `_weight`.
        self._playbacks: OrderedDict[int, tuple[str, Playback, int]] = OrderedDict()
        self._numbers: dict[str, list[int]] = {}  # by id
        self._added = 0

    def __len__(self) -> int:
        return len(self._playbacks)

    def __iter__(self) -> Iterator[Playback]:
        """Iterate over the playbacks, oldest first."""
        return iter([playback for _, playback, _ in self._playbacks.values()])

    def get(self, id: str) -> Playback | None:
        """Return the latest playback whose response has this id."""
        numbers = self._numbers.get(id)
        return self._playbacks[numbers[-1]][1] if numbers else None

    def all(self, id: str) -> list[Playback]:
        """Return the playbacks whose responses have this id, latest first."""
        return [self._playbacks[number][1] for number in reversed(self._numbers.get(id, ()))]

    def add(self, id: str, playback: Playback) -> None:
        """Add a playback."""
        if not self._most:
            return
        self._added = number = self._added + 1
        known, numbers = self._playbacks, self._numbers.setdefault(id, [])
        numbers.append(number)
        size = _weight(playback)
        known[number] = (id, playback, size)
        self._bytes += size
        self._shared.used += size
        if len(numbers) > MOST_OF_ONE_ID:
            self._drop(self._soonest_done(numbers))
        while (count := len(known)) > self._most or (
            count > 1 and self._bytes - _OVERHEAD * count > self._most_bytes
        ):
            self._drop(next(iter(known)))

    def _soonest_done(self, numbers: list[int]) -> int:
        """Return the playback to drop first: a background one may be polled for long, the others soon or
        never."""
        for number in numbers:
            if not self._playbacks[number][1].background:
                return number
        return numbers[0]

    def remove(self, id: str) -> None:
        """Remove all playbacks with this id."""
        for number in list(self._numbers.get(id, ())):
            self._drop(number)

    def discard(self, playback: Playback) -> None:
        """Remove one playback, if it is known, with or without padding (`with_obfuscation`)."""
        for number in list(self._numbers.get(playback.id, ())):
            if self._playbacks[number][1].run is playback.run:
                self._drop(number)

    def clear(self) -> None:
        """Remove all playbacks."""
        self._count(-self._bytes)
        self._playbacks.clear()
        self._numbers.clear()

    def _count(self, size: int) -> None:
        self._bytes += size
        self._shared.used += size

    def _drop(self, number: int) -> None:
        id_, _, size = self._playbacks.pop(number)
        self._count(-size)
        numbers = self._numbers[id_]
        numbers.remove(number)
        if not numbers:
            del self._numbers[id_]


def _weight(playback: Playback) -> int:
    """Return the approximate size of a playback, in bytes: its request, and the parts that its Response
    repeats."""
    return playback.size + len(playback.changes.request) + _OVERHEAD
