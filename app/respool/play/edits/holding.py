"""Edits of time: hold, release, postpone."""

from array import array
from dataclasses import dataclass, replace

from respool.errors import EditError
from respool.play.edits.edited_stream import EditedStream, EditTime, count_of, held_from, not_before, with_end


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait before the event at `place`; None: before all that is not due now. The place after the last event
    is that before the answer's end."""

    place: int | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        due = stream.due(time)
        rendition = stream.rendition
        place = rendition.sse.events_in(due) if self.place is None else self.place
        if place in stream.holds:
            return stream
        if place < rendition.sse.events_in(due) or due == len(stream.moments):
            raise EditError(
                f"event {place} cannot be held: {count_of(rendition.sse.events_in(due))} were sent already"
            )
        if place >= len(stream.events) and not rendition.sse.done:
            stream = with_end(stream)
        holds = tuple(sorted({*stream.holds, min(place, len(stream.events))}))
        return replace(held_from(stream, holds[0], due), holds=holds)


@dataclass(frozen=True, slots=True)
class Release:
    """Send so many of the events that are held, at once, and hold the next one; None: go on at the stream's
    own pace until the next hold."""

    events: int | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        if (gate := stream.gate) is None:
            raise EditError("nothing of it is held")
        first = max(stream.due(time), stream.rendition.sse.frame_after(gate))
        if self.events is None:
            return _go_on(stream, first, time)
        if self.events < 1:
            raise EditError(f"{self.events} events cannot be released; expected 1 or more")
        upto = gate + self.events
        last = upto >= len(stream.events)
        end = len(stream.moments) if last else stream.rendition.sse.frame_after(upto)
        moment = not_before(stream, first, time.at)
        moments = array("d", stream.moments)
        moments[first:end] = array("d", [moment]) * (end - first)
        holds = () if last else (upto, *(place for place in stream.holds if place > upto))
        delay = moment - stream.planned[end - 1]
        return replace(stream.with_moments(moments), holds=holds, delay=delay)


@dataclass(frozen=True, slots=True)
class Postpone:
    """Postpone all that is not due now until `until`, in seconds since the playback began, but for
    the next `keep` events: so that events of one moment can be sent one by one. What comes after the last
    event keeps its moment."""

    until: float
    keep: int = 0

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        due = stream.due(time)
        kept = stream.rendition.sse.events_in(due) + self.keep
        if kept >= len(stream.events):
            return stream
        first = max(due, stream.rendition.sse.frame_after(kept))
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        for frame in range(first, len(moments)):
            if moments[frame] >= self.until:
                break
            moments[frame] = planned[frame] = self.until
        return replace(stream.with_moments(moments), planned=planned)


def _go_on(stream: EditedStream, first: int, time: EditTime) -> EditedStream:
    """Continue the stream at its own pace from frame `first` to the next hold."""
    holds = stream.holds[1:]
    end = stream.rendition.sse.frame_after(holds[0]) if holds else len(stream.moments)
    planned = stream.planned
    delay = not_before(stream, first, max(time.at, planned[first] + stream.delay)) - planned[first]
    moments = array("d", stream.moments)
    # The first one to the last bit, and none before it.
    start = not_before(stream, first, max(time.at, planned[first] + stream.delay))
    moments[first:end] = array("d", [max(start, moment + delay) for moment in planned[first:end]])
    return replace(stream.with_moments(moments), holds=holds, delay=delay)
