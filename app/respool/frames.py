"""Frames: what is written at one moment; and Schedule, all frames of a stream ready to be sent."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import accumulate

from respool.protocol import sse
from respool.protocol.events import Event

# Large enough to make the cost of a write small, small enough for a slow reader to be felt: the
# high-water mark of the server's write buffer is the same.
MAX_CHUNK = 64 * 1024  # bytes


class Action(Enum):
    """What a frame does besides carrying bytes."""

    SEND = "send"
    CLOSE = "close"  # end the answer here, properly
    CUT = "cut"  # close the connection: the last chunk of the body is missing
    ABORT = "abort"  # the same, within a chunk
    RESET = "reset"  # reset the connection: RST instead of FIN

    def __repr__(self) -> str:
        return f"Action.{self.name}"


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer. Names of `headers` are in lower case."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = True  # whether server-sent events follow, and not a body of another kind

    def with_headers(self, **headers: str) -> "Head":
        """The same with other headers; ``content_type`` stands for ``content-type``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


@dataclass(frozen=True, slots=True)
class Frame:
    """What is written at a moment, in seconds since the request.

    A sound answer is the frame with its `head`, one frame for each event, and one that closes it.
    """

    at: float
    data: bytes = b""
    action: Action = Action.SEND  # after the data
    head: Head | None = None
    event: Event | None = None  # the event that is sent whole when this frame is
    alone: bool = False  # it leaves in a write of its own, whatever else is due


Encoder = Callable[[Event], bytes]


def encode_sse(event: Event) -> bytes:
    """An event as the API's SSE stream has it: ``event:`` with its type, ``data:`` with its text."""
    return sse.encode(event.text, event.type)


def encode_data(event: Event) -> bytes:
    """An event as OpenRouter's stream has it: without the ``event:`` line."""
    return sse.encode(event.text)


def encode_comment(text: str) -> bytes:
    """A comment, which is no event: clients pass over it."""
    return f": {text}\n\n".encode()


SSE_DONE = sse.encode(sse.DONE)  # it has no event: line


@dataclass(frozen=True, slots=True)
class Reel:
    """The encoded frames of a recording, one after the other: made once, shared by all streams."""

    data: bytes
    ends: Sequence[int]  # ends[i]: where frame i ends in `data`

    @classmethod
    def wind(cls, frames: Iterable[bytes]) -> "Reel":
        """Put frames on a reel."""
        parts = list(frames)
        return cls(b"".join(parts), array("Q", accumulate(map(len, parts))))

    def start_of(self, frame: int) -> int:
        """Where a frame begins, in bytes."""
        return self.ends[frame - 1] if frame else 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A reel, and the moment at which each of its frames is due: all that sending needs."""

    reel: Reel
    moments: Sequence[float]  # seconds since the request, never falling

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def end(self) -> float:
        """The moment of the last frame, in seconds since the request."""
        return self.moments[-1] if self.moments else 0.0

    def due(self, started: float, now: float) -> int:
        """How many frames of a playback that began at `started` are due at `now`, both in the clock's
        seconds: those for which ``started + moment <= now``.

        Just so, to the last bit: a stream sleeps until that sum, and what is asked at the same moment
        (a snapshot, a cancel) must see the same frames.
        """
        due = bisect_right(self.moments, now - started)
        # The difference is rounded otherwise than the sum: rarely, by one frame.
        while due < len(self.moments) and started + self.moments[due] <= now:
            due += 1
        while due and started + self.moments[due - 1] > now:
            due -= 1
        return due

    def chunk(self, sent: int, due: int) -> tuple[int, bytes]:
        """As many whole frames from number `sent` on, before number `due`, as make one write.

        Gives the number of frames sent after it, and the bytes: at most MAX_CHUNK, unless a single
        frame is larger.
        """
        start = self.reel.start_of(sent)
        upto = max(sent + 1, min(due, bisect_right(self.reel.ends, start + MAX_CHUNK)))
        return upto, self.reel.data[start : self.reel.ends[upto - 1]]

    def take(self, sent: int, started: float, now: float) -> tuple[int, bytes]:
        """The chunk with which to go on after `sent` frames, of those which are due at `now`; see `due`.

        There must be one.
        """
        following = sent + 1
        # Most of the time one frame is due: this is cheaper than to count, on the path of each event.
        if following == len(self.moments) or started + self.moments[following] > now:
            return following, self.reel.data[self.reel.start_of(sent) : self.reel.ends[sent]]
        # And of short answers without times all of them are.
        data = self.reel.data
        if not sent and len(data) <= MAX_CHUNK and started + self.moments[-1] <= now:
            return len(self.moments), data
        return self.chunk(sent, self.due(started, now))

    def frames(self) -> Iterator[Frame]:
        """The same, one frame at a time."""
        for number, at in enumerate(self.moments):
            yield Frame(at, self.reel.data[self.reel.start_of(number) : self.reel.ends[number]])
