"""History: the playbacks that can still be asked for by the id of their response."""

from collections import OrderedDict
from collections.abc import Iterator

from respool.play.playback import Playback

MOST = 10_000  # playbacks
MOST_BYTES = 64 * 1024 * 1024  # of the bodies of their requests, which input_items tells again


class History:
    """The latest playbacks by id. When there are too many, or their requests are too large together, the
    oldest are forgotten.

    Where two playbacks have one id (a recording with its recorded ids, played twice), the later counts.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._playbacks: OrderedDict[str, Playback] = OrderedDict()

    def __len__(self) -> int:
        return len(self._playbacks)

    def __iter__(self) -> Iterator[Playback]:
        """Oldest first."""
        return iter(list(self._playbacks.values()))

    def get(self, id: str) -> Playback | None:
        """The playback whose response has this id."""
        return self._playbacks.get(id)

    def add(self, id: str, playback: Playback) -> None:
        """Remember a playback."""
        self.remove(id)
        self._playbacks[id] = playback
        self._bytes += playback.size
        while len(self._playbacks) > self._most or (
            self._bytes > self._most_bytes and len(self._playbacks) > 1
        ):
            self._bytes -= self._playbacks.popitem(last=False)[1].size

    def remove(self, id: str) -> None:
        """Forget a playback, if it is known."""
        if playback := self._playbacks.pop(id, None):
            self._bytes -= playback.size

    def clear(self) -> None:
        """Forget all."""
        self._playbacks.clear()
        self._bytes = 0
