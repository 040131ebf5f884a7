"""SSEFrames: a rendition as a stream of server-sent events, encoded once and shared by all its streams."""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from respool.play.frames import EncodedFrames, Schedule
from respool.protocol.event_frames import SSE_DONE, Encoder, encode_sse
from respool.protocol.events import Event

# What is between the events: the place of the event before which it comes, its moment, its bytes.
Between = tuple[int, float, bytes]


@dataclass(frozen=True)
class SSEFrames:
    """The frames of a stream, and the moment of each.

    A frame is an event, except for some comments and ``[DONE]``, which comes after all events.

    count     the number of events
    comments  of each comment, how many events come before it
    encode    makes the frame of an event
    """

    schedule: Schedule
    count: int
    comments: Sequence[int] = ()
    encode: Encoder = encode_sse

    @classmethod
    def join(
        cls,
        frames: Sequence[bytes],
        moments: Sequence[float],
        count: int,
        comments: Sequence[int] = (),
        encode: Encoder = encode_sse,
    ) -> "SSEFrames":
        """Make them of the bytes and the moment of each frame."""
        return cls(Schedule(EncodedFrames.join(frames), moments), count, comments, encode)

    @classmethod
    def lay_out(
        cls,
        events: Sequence[Event],
        moments: Sequence[float],
        between: Sequence[Between] = (),
        encode: Encoder = encode_sse,
        captured: Mapping[int, bytes] | None = None,
        *,
        done: bool = False,
    ) -> "SSEFrames":
        """Make the frames of events and of what is `between` them.

        `captured` are the frames of some events as they were captured, by the identity of the event; with
        `done`, the stream ends with ``[DONE]``.
        """
        known = captured or {}
        frames: list[bytes] = []
        times: list[float] = []
        waiting = deque(between)
        for place, (event, moment) in enumerate(zip(events, moments, strict=True)):
            while waiting and waiting[0][0] <= place:
                _, at, data = waiting.popleft()
                frames.append(data)
                times.append(min(at, moment))
            frames.append(known.get(id(event)) or encode(event))
            times.append(moment)
        for _, at, data in waiting:
            frames.append(data)
            times.append(max(at, times[-1] if times else 0.0))
        if done:
            frames.append(SSE_DONE)
            times.append(times[-1] if times else 0.0)
        places = tuple(place for place, _, _ in between)
        return cls.join(frames, times, len(events), places, encode)

    def events_in(self, frames: int) -> int:
        """Return the number of events among the first `frames` frames."""
        if not self.comments:
            return min(frames, self.count)
        return min(frames - bisect_right(self._comment_places, frames - 1), self.count)

    def frame_after(self, events: int) -> int:
        """Return the place of the frame after the first `events` events."""
        return events + bisect_right(self.comments, events - 1)

    @property
    def event_moments(self) -> Sequence[float]:
        """The moments of the events, without those of other frames."""
        moments = self.schedule.moments
        if not self.comments:
            return moments if len(moments) == self.count else moments[: self.count]
        return [moments[self.frame_after(place + 1) - 1] for place in range(self.count)]

    @property
    def done(self) -> bool:
        """True if the stream ends with ``[DONE]``."""
        if len(self.schedule) == self.count + len(self.comments):
            return False
        ends = self.schedule.encoded.ends  # an end that can be held is a frame without bytes: `play.edits`
        return ends[-1] > (ends[-2] if len(ends) > 1 else 0)

    @cached_property
    def _comment_places(self) -> Sequence[int]:
        return [before + number for number, before in enumerate(self.comments)]
