"""EditedStream: a rendition with edits; Edit, what changes it; and what edits share."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from respool.play.frames import EncodedFrames, Schedule
from respool.play.rendition import Rendition
from respool.play.sse_frames import SSEFrames
from respool.protocol.event_frames import Encoder
from respool.protocol.events import Event
from respool.protocol.members import set_members

NEVER = math.inf

# How a stream ends that does not end as recorded: see `Finish`.
Ending = Literal["terminal", "cut", "reset", "close"]
ENDINGS: tuple[Ending, ...] = ("terminal", "cut", "reset", "close")


@dataclass(frozen=True, slots=True)
class EditedStream:
    """A rendition with edits.

    rendition  what is sent: what is held is due never
    planned    of each frame, its moment as it would be without holds, but for `delay`
    holds      places of events, rising: before each of them the stream waits until it is released
    delay      seconds by which what is held is later than planned; less than 0: it is sooner
    ending     how the answer ends when all frames were sent
    final      the Response object at its end, if an edit sets it: JSON text
    """

    rendition: Rendition
    planned: Sequence[float]
    holds: tuple[int, ...] = ()
    delay: float = 0.0
    ending: Ending = "terminal"
    final: str | None = None

    @classmethod
    def of(cls, rendition: Rendition) -> "EditedStream":
        """Return a rendition without any edits."""
        return cls(rendition, rendition.sse.schedule.moments)

    @property
    def moments(self) -> Sequence[float]:
        """The moments of the frames, in seconds since the request."""
        return self.rendition.sse.schedule.moments

    @property
    def events(self) -> Sequence[Event]:
        """All events, those that are held as well."""
        return self.rendition.events

    @property
    def gate(self) -> int | None:
        """The place of the event before which it waits, or will wait next; None: nothing is held."""
        return self.holds[0] if self.holds else None

    def due(self, time: "EditTime") -> int:
        """Return how many frames are due."""
        return self.rendition.sse.schedule.due(time.started, time.now)

    def with_moments(self, moments: Sequence[float], encoded: EncodedFrames | None = None) -> "EditedStream":
        """Return the same events with other moments; and other frames, if they are given."""
        sse = self.rendition.sse
        changed = replace(sse, schedule=Schedule(encoded or sse.schedule.encoded, moments))
        return replace(self, rendition=Rendition.of_frames(self.events, changed))


@dataclass(frozen=True, slots=True)
class EditTime:
    """When an edit is made: the clock's moment `now`, of a playback that began at `started`."""

    started: float
    now: float

    @property
    def at(self) -> float:
        """The same in seconds since the playback began: a frame of this moment is due now, to the bit."""
        at = self.now - self.started
        while self.started + at > self.now:
            at = math.nextafter(at, -math.inf)
        return at


class Edit(Protocol):
    """A change to a live response."""

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        """Return the stream with this edit. Raise EditError if it can no longer be made."""


@dataclass(frozen=True, slots=True)
class MadeEdit:
    """An edit, and the clock's moment at which it was made."""

    now: float
    edit: Edit


def rendition_of(
    events: Sequence[Event],
    frames: Sequence[bytes],
    moments: Sequence[float],
    comments: Sequence[int],
    encode: Encoder,
) -> Rendition:
    """Return a rendition of these events, frames and moments."""
    return Rendition.of_frames(events, SSEFrames.join(frames, moments, len(events), comments, encode))


def held_from(stream: EditedStream, place: int, due: int) -> EditedStream:
    """Return the stream with all from an event on due never; what is due already stays."""
    first = max(due, stream.rendition.sse.frame_after(place))
    moments = array("d", stream.moments)
    moments[first:] = array("d", [NEVER]) * (len(moments) - first)
    return stream.with_moments(moments)


def with_end(stream: EditedStream) -> EditedStream:
    """Return the stream with its end as a frame of its own, without bytes, that can be held."""
    encoded = stream.rendition.sse.schedule.encoded
    ended = EncodedFrames(encoded.data, array("Q", [*encoded.ends, len(encoded.data)]))
    last = stream.planned[-1] if stream.planned else 0.0
    moments = array("d", [*stream.moments, stream.moments[-1] if stream.moments else 0.0])
    return replace(stream.with_moments(moments, ended), planned=array("d", [*stream.planned, last]))


def not_before(stream: EditedStream, frame: int, moment: float) -> float:
    """Return a moment that is not before that of the frame before `frame`."""
    return max(moment, stream.moments[frame - 1]) if frame else moment


def frames_of(stream: EditedStream) -> list[bytes]:
    """Return the bytes of each frame of a stream."""
    encoded = stream.rendition.sse.schedule.encoded
    return [encoded.data[encoded.start_of(one) : end] for one, end in enumerate(encoded.ends)]


def is_numbered(events: Sequence[Event]) -> bool:
    """Return True if the events of a stream have sequence numbers."""
    return bool(events) and events[0].sequence_number is not None


def with_number(event: Event, number: int) -> Event:
    """Return the event with this sequence number."""
    return Event(set_members(event.text, {"sequence_number": number}), event.type)


def count_of(events: int) -> str:
    """Return how many events, in words."""
    return f"{events} event{'' if events == 1 else 's'}"
