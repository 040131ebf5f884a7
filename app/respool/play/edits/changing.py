"""Edits of events: insert, replace, drop; and a comment."""

from array import array
from dataclasses import dataclass, replace

from respool.errors import EditError
from respool.play.edits.edited_stream import (
    NEVER,
    EditedStream,
    EditTime,
    count_of,
    frames_of,
    held_from,
    is_numbered,
    not_before,
    rendition_of,
    with_end,
    with_number,
)
from respool.protocol.event_frames import encode_comment
from respool.protocol.events import Event


@dataclass(frozen=True, slots=True)
class Insert:
    """Send another event: before the one at `place`, or now if that is None. With `renumber`, it takes the
    next sequence number, and those after it rise."""

    event: Event
    place: int | None = None
    renumber: bool = True

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        due = stream.due(time)
        rendition = stream.rendition
        sent = rendition.sse.events_in(due)
        place = sent if self.place is None else self.place
        if not sent <= place <= len(stream.events):
            raise EditError(f"nothing can be sent before event {place}: {count_of(sent)} were sent already")
        event, rest = self.event, list(stream.events[place:])
        if self.renumber and is_numbered(stream.events):
            number = rendition.numbers[place - 1] + 1 if place else 0
            event = with_number(event, number)
            rest = [
                one if (known := one.sequence_number) is None else with_number(one, known + 1) for one in rest
            ]
        frame = due if self.place is None else rendition.sse.frame_after(place)
        held = self.place is not None and stream.gate is not None and place >= stream.gate
        moment = NEVER if held else not_before(stream, frame, time.at)
        events = [*stream.events[:place], event, *rest]
        # The bytes of a comment or of [DONE] among the rest are those that they were.
        frames = frames_of(stream)
        if event is not self.event:
            for number_, one in enumerate(rest, place):
                frames[rendition.sse.frame_after(number_ + 1) - 1] = rendition.sse.encode(one)
        frames.insert(frame, rendition.sse.encode(event))
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        moments.insert(frame, moment)
        planned.insert(frame, stream.planned[frame - 1] if frame else 0.0)
        comments = [
            count + (count > place or (count == place and count + index >= frame))  # where its frame is
            for index, count in enumerate(rendition.sse.comments)
        ]
        holds = tuple(one + (one > place or (one == place and not held)) for one in stream.holds)
        made = rendition_of(events, frames, moments, comments, rendition.sse.encode)
        return replace(stream, rendition=made, planned=planned, holds=holds)


@dataclass(frozen=True, slots=True)
class Replace:
    """Send another event instead of the one at `place`; None: nothing instead of it."""

    place: int
    event: Event | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        rendition = stream.rendition
        sent = rendition.sse.events_in(stream.due(time))
        if not sent <= self.place < len(stream.events):
            raise EditError(f"event {self.place} cannot be changed: {count_of(sent)} were sent already")
        frame = rendition.sse.frame_after(self.place + 1) - 1
        frames, events = frames_of(stream), list(stream.events)
        if self.event is not None:
            frames[frame], events[self.place] = rendition.sse.encode(self.event), self.event
            made = rendition_of(events, frames, stream.moments, rendition.sse.comments, rendition.sse.encode)
            return replace(stream, rendition=made)
        del frames[frame], events[self.place]
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        del moments[frame], planned[frame]
        comments = [count - (count > self.place) for count in rendition.sse.comments]
        holds = tuple(sorted({one - (one > self.place) for one in stream.holds}))
        made = rendition_of(events, frames, moments, comments, rendition.sse.encode)
        changed = replace(stream, rendition=made, planned=planned, holds=holds)
        if holds and holds[0] == len(events) and not made.sse.done:  # what was held is gone: its end is held
            return held_from(with_end(changed), holds[0], changed.due(time))
        return changed


@dataclass(frozen=True, slots=True)
class Comment:
    """Send a comment now, which clients pass over: it keeps a stream alive that is held."""

    text: str = "keepalive"

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        rendition = stream.rendition
        frame = stream.due(time)
        if frame == len(stream.moments):
            return stream
        frames = frames_of(stream)
        frames.insert(frame, encode_comment(self.text))
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        moments.insert(frame, not_before(stream, frame, time.at))
        planned.insert(frame, stream.planned[frame])
        comments = sorted([*rendition.sse.comments, rendition.sse.events_in(frame)])
        made = rendition_of(rendition.events, frames, moments, comments, rendition.sse.encode)
        return replace(stream, rendition=made, planned=planned)
