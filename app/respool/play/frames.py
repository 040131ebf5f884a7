"""EncodedFrames and Schedule: the frames of a stream, encoded once and ready to be sent."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from respool.faults.frame import Frame

# Large enough to make the cost of a write small, small enough for a slow reader to be felt: the
# high-water mark of the server's write buffer is the same.
MAX_CHUNK = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class EncodedFrames:
    """The encoded frames of a recording in one blob, made once and shared by all streams."""

    data: bytes
    ends: Sequence[int]  # ends[i]: where frame i ends in `data`

    @classmethod
    def join(cls, frames: Iterable[bytes]) -> "EncodedFrames":
        """Join frames into one blob."""
        parts = list(frames)
        return cls(b"".join(parts), array("Q", accumulate(map(len, parts))))

    def start_of(self, frame: int) -> int:
        """Return the offset of a frame, in bytes."""
        return self.ends[frame - 1] if frame else 0


def due(moments: Sequence[float], started: float, now: float) -> int:
    """Return how many of the `moments` of a playback that began at `started` are past at `now`, both in the
    clock's seconds: those for which ``started + moment <= now``.

    This comparison is exact to the last bit: a stream sleeps until that sum, and a call at the same moment (a
    snapshot, a cancel) must see the same events.
    """
    count = bisect_right(moments, now - started)
    # The difference is rounded otherwise than the sum: rarely, by one.
    while count < len(moments) and started + moments[count] <= now:
        count += 1
    while count and started + moments[count - 1] > now:
        count -= 1
    return count


@dataclass(frozen=True, slots=True)
class Schedule:
    """Encoded frames with the moment at which each is due."""

    encoded: EncodedFrames
    moments: Sequence[float]  # seconds since the request, never falling

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def end(self) -> float:
        """The moment of the last frame, in seconds since the request."""
        return self.moments[-1] if self.moments else 0.0

    def due(self, started: float, now: float) -> int:
        """Return how many frames of a playback are due; see the function `due`."""
        return due(self.moments, started, now)

    def chunk(self, sent: int, due: int) -> tuple[int, bytes]:
        """Return a write of whole frames, from number `sent` up to, not including, number `due`.

        Returns the number of frames sent after it, and the bytes: at most MAX_CHUNK, unless a single frame is
        larger.
        """
        start = self.encoded.start_of(sent)
        upto = max(sent + 1, min(due, bisect_right(self.encoded.ends, start + MAX_CHUNK)))
        return upto, self.encoded.data[start : self.encoded.ends[upto - 1]]

    def all_due(self, started: float, now: float) -> bool:
        """Return True if there are frames, all are due at `now`, and they are one chunk."""
        moments = self.moments
        return (
            len(self.encoded.data) <= MAX_CHUNK and bool(moments) and started + moments[-1] <= now
        )  # as `due` compares

    def take(self, sent: int, started: float, now: float) -> tuple[int, bytes]:
        """Return the next chunk after `sent` frames, of the frames that are due at `now`; see `due`.

        At least one must be due.
        """
        following = sent + 1
        # Most of the time one frame is due: this is cheaper than to count, on the path of each event.
        moments = self.moments
        if following == len(moments) or started + moments[following] > now:
            encoded = self.encoded
            ends = encoded.ends
            return following, encoded.data[ends[sent - 1] if sent else 0 : ends[sent]]
        return self.chunk(sent, self.due(started, now))

    def frames(self) -> Iterator[Frame]:
        """Yield the frames one at a time."""
        for number, at in enumerate(self.moments):
            yield Frame(at, self.encoded.data[self.encoded.start_of(number) : self.encoded.ends[number]])
