"""Edits: what is done to a live response by hand, as values, and the stream that comes of them.

A stream with edits is still a function of elapsed time: each edit keeps all that was due when it was made,
and changes what comes after it. What is held is due never, which is a moment like any other. Edits name
events by their place among the stream's events, so they mean the same for all views of one run.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from respool.errors import EditError
from respool.play.frames import EncodedFrames, Schedule
from respool.play.rendition import Rendition
from respool.protocol.event_frames import SSE_DONE, Encoder, encode_comment
from respool.protocol.events import Event, compact_recorded
from respool.protocol.members import set_members
from respool.protocol.rewrite import edit_response, has_response

NEVER = math.inf
CANCELLED = "cancelled"

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
    final      the Response object with which it ends, where an edit says so: JSON text
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
        return cls(rendition, rendition.schedule.moments)

    @property
    def moments(self) -> Sequence[float]:
        """The moments of the frames, in seconds since the request."""
        return self.rendition.schedule.moments

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
        return self.rendition.schedule.due(time.started, time.now)

    def with_moments(self, moments: Sequence[float], encoded: EncodedFrames | None = None) -> "EditedStream":
        """Return the same events with other moments; and other frames, if they are given."""
        schedule = Schedule(encoded or self.rendition.schedule.encoded, moments)
        return replace(self, rendition=replace(self.rendition, schedule=schedule))


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
    """Something that is done to a live response."""

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        """Return the stream with this edit. Raise EditError if it can no longer be made."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait before the event at `place`; None: before all that is not due now. The place after the last event
    is that before the answer's end."""

    place: int | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        due = stream.due(time)
        rendition = stream.rendition
        place = rendition.events_in(due) if self.place is None else self.place
        if place in stream.holds:
            return stream
        if place < rendition.events_in(due) or due == len(stream.moments):
            raise EditError(
                f"event {place} cannot be held: {_count(rendition.events_in(due))} were sent already"
            )
        if place >= len(stream.events) and not rendition.done:
            stream = _with_end(stream)
        holds = tuple(sorted({*stream.holds, min(place, len(stream.events))}))
        return replace(_held(stream, holds[0], due), holds=holds)


@dataclass(frozen=True, slots=True)
class Release:
    """Send so many of the events that are held, at once, and hold the next one; None: go on at the stream's
    own pace until the next hold."""

    events: int | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        if (gate := stream.gate) is None:
            raise EditError("nothing of it is held")
        first = max(stream.due(time), stream.rendition.frame_after(gate))
        if self.events is None:
            return _go_on(stream, first, time)
        if self.events < 1:
            raise EditError(f"{self.events} events cannot be released; expected 1 or more")
        upto = gate + self.events
        last = upto >= len(stream.events)
        end = len(stream.moments) if last else stream.rendition.frame_after(upto)
        moment = _not_before(stream, first, time.at)
        moments = array("d", stream.moments)
        moments[first:end] = array("d", [moment]) * (end - first)
        holds = () if last else (upto, *(place for place in stream.holds if place > upto))
        delay = moment - stream.planned[end - 1]
        return replace(stream.with_moments(moments), holds=holds, delay=delay)


@dataclass(frozen=True, slots=True)
class Postpone:
    """Have nothing that is not due now be due before `until`, in seconds since the playback began, but for
    the next `keep` events: so that events of one moment can be told apart. What comes after the last event
    keeps its moment."""

    until: float
    keep: int = 0

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        due = stream.due(time)
        kept = stream.rendition.events_in(due) + self.keep
        if kept >= len(stream.events):
            return stream
        first = max(due, stream.rendition.frame_after(kept))
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        for frame in range(first, len(moments)):
            if moments[frame] >= self.until:
                break
            moments[frame] = planned[frame] = self.until
        return replace(stream.with_moments(moments), planned=planned)


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
        sent = rendition.events_in(due)
        place = sent if self.place is None else self.place
        if not sent <= place <= len(stream.events):
            raise EditError(f"nothing can be sent before event {place}: {_count(sent)} were sent already")
        event, rest = self.event, list(stream.events[place:])
        if self.renumber and _numbered(stream.events):
            number = rendition.numbers[place - 1] + 1 if place else 0
            event = _with_number(event, number)
            rest = [
                one if (known := one.sequence_number) is None else _with_number(one, known + 1)
                for one in rest
            ]
        frame = due if self.place is None else rendition.frame_after(place)
        held = self.place is not None and stream.gate is not None and place >= stream.gate
        moment = NEVER if held else _not_before(stream, frame, time.at)
        events = [*stream.events[:place], event, *rest]
        # The bytes of a comment or of [DONE] among the rest are those that they were.
        frames = _frames(stream)
        if event is not self.event:
            for number_, one in enumerate(rest, place):
                frames[rendition.frame_after(number_ + 1) - 1] = rendition.encode(one)
        frames.insert(frame, rendition.encode(event))
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        moments.insert(frame, moment)
        planned.insert(frame, stream.planned[frame - 1] if frame else 0.0)
        comments = [
            count + (count > place or (count == place and count + index >= frame))  # where its frame is
            for index, count in enumerate(rendition.comments)
        ]
        holds = tuple(one + (one > place or (one == place and not held)) for one in stream.holds)
        made = Rendition(
            tuple(events), Schedule(EncodedFrames.join(frames), moments), comments, rendition.encode
        )
        return replace(stream, rendition=made, planned=planned, holds=holds)


@dataclass(frozen=True, slots=True)
class Replace:
    """Send another event instead of the one at `place`; None: nothing instead of it."""

    place: int
    event: Event | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        rendition = stream.rendition
        sent = rendition.events_in(stream.due(time))
        if not sent <= self.place < len(stream.events):
            raise EditError(f"event {self.place} cannot be changed: {_count(sent)} were sent already")
        frame = rendition.frame_after(self.place + 1) - 1
        frames, events = _frames(stream), list(stream.events)
        if self.event is not None:
            frames[frame], events[self.place] = rendition.encode(self.event), self.event
            schedule = Schedule(EncodedFrames.join(frames), stream.moments)
            return replace(stream, rendition=replace(rendition, events=tuple(events), schedule=schedule))
        del frames[frame], events[self.place]
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        del moments[frame], planned[frame]
        comments = [count - (count > self.place) for count in rendition.comments]
        holds = tuple(sorted({one - (one > self.place) for one in stream.holds}))
        made = Rendition(
            tuple(events), Schedule(EncodedFrames.join(frames), moments), comments, rendition.encode
        )
        changed = replace(stream, rendition=made, planned=planned, holds=holds)
        if holds and holds[0] == len(events) and not made.done:  # what was held is gone: its end is held
            return _held(_with_end(changed), holds[0], changed.due(time))
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
        frames = _frames(stream)
        frames.insert(frame, encode_comment(self.text))
        moments, planned = array("d", stream.moments), array("d", stream.planned)
        moments.insert(frame, _not_before(stream, frame, time.at))
        planned.insert(frame, stream.planned[frame])
        comments = sorted([*rendition.comments, rendition.events_in(frame)])
        made = _rendition(rendition.events, frames, moments, comments, rendition.encode)
        return replace(stream, rendition=made, planned=planned)


@dataclass(frozen=True, slots=True)
class Finish:
    """End it now.

    terminal  all that is left is sent at once
    cut       the connection is closed in the middle of the answer
    reset     the connection is reset, when the client has what was sent
    close     the answer ends properly, without what is left

    With an `error` event, that is sent before, in place of all that is left.
    """

    how: Ending = "terminal"
    error: Event | None = None

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        due = stream.due(time)
        if self.how == "terminal":
            moments = array("d", stream.moments)
            moment = _not_before(stream, due, time.at)
            moments[due:] = array("d", [moment]) * (len(moments) - due)
            return replace(stream.with_moments(moments), holds=())
        if due == len(stream.moments):
            raise EditError("all of it was sent already")
        rendition = stream.rendition
        place = rendition.events_in(due)
        frames, events = _frames(stream)[:due], list(stream.events[:place])
        moments, planned = array("d", stream.moments[:due]), array("d", stream.planned[:due])
        if self.error is not None:
            event = self.error
            if _numbered(stream.events):
                event = _with_number(event, rendition.numbers[place - 1] + 1 if place else 0)
            frames.append(rendition.encode(event))
            events.append(event)
            moments.append(_not_before(stream, due, time.at))
            planned.append(moments[-1])
        comments = rendition.comments[: due - place]
        made = Rendition(
            tuple(events), Schedule(EncodedFrames.join(frames), moments), comments, rendition.encode
        )
        return replace(stream, rendition=made, planned=planned, holds=(), ending=self.how)


@dataclass(frozen=True, slots=True)
class Cancel:
    """End it with ``response.failed``, whose response has the status ``cancelled``."""

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        rendition = stream.rendition
        frames_due = stream.due(time)
        due = rendition.events_in(frames_due)
        frames_due = min(frames_due, len(rendition.events) + len(rendition.comments))  # without [DONE]
        # A stream always tells which response it is of, before it tells that this was cancelled.
        place = max(due, rendition.progress)
        number = rendition.numbers[place - 1] + 1 if place else 0
        changes = {"status": CANCELLED, "output": [], "background": True}
        told = next((event for event in rendition.events if has_response(event)), None)
        text = edit_response(told.text, changes) if told else compact_recorded({"response": changes})
        event = Event(set_members(text, {"type": "response.failed"}), "response.failed")
        if told is None or told.sequence_number is not None:
            event = _with_number(event, number)
        encoded, moments = rendition.schedule.encoded, stream.moments
        kept = [*range(frames_due), *(rendition.frame_after(one + 1) - 1 for one in range(due, place))]
        frames = [encoded.data[encoded.start_of(one) : encoded.ends[one]] for one in kept]
        frames += [rendition.encode(event), *([SSE_DONE] if rendition.done else [])]
        # Due at once, however it is computed: at the moment of what was due last.
        at = moments[frames_due - 1] if frames_due else 0.0
        times = [*moments[:frames_due], *[at] * (len(frames) - frames_due)]
        comments = rendition.comments[: frames_due - due]
        events = (*rendition.events[:place], event)
        made = _rendition(events, frames, times, comments, rendition.encode)
        final = compact_recorded(event.data["response"])
        return EditedStream(made, times, final=final)


@dataclass(frozen=True, slots=True)
class Steer:
    """End it after its first `sent` events, with the ``response.incomplete`` that a socket has sent."""

    sent: int
    text: str

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        rendition = stream.rendition
        place = min(self.sent, len(stream.events))
        event = Event(self.text, "response.incomplete")
        kept = [rendition.frame_after(one + 1) - 1 for one in range(place)]
        frames = _frames(stream)
        made = _rendition(
            (*stream.events[:place], event),
            [*(frames[one] for one in kept), rendition.encode(event)],
            [*(min(stream.moments[one], time.at) for one in kept), max(0.0, time.at)],
            (),
            rendition.encode,
        )
        return EditedStream(made, made.schedule.moments, final=compact_recorded(event.data.get("response")))


@dataclass(frozen=True, slots=True)
class MadeEdit:
    """An edit, and the clock's moment at which it was made."""

    now: float
    edit: Edit


def _rendition(
    events: Sequence[Event],
    frames: Sequence[bytes],
    moments: Sequence[float],
    comments: Sequence[int],
    encode: Encoder,
) -> Rendition:
    return Rendition(tuple(events), Schedule(EncodedFrames.join(frames), moments), comments, encode)


def _held(stream: EditedStream, place: int, due: int) -> EditedStream:
    """The stream with all from an event on due never; what is due already stays."""
    first = max(due, stream.rendition.frame_after(place))
    moments = array("d", stream.moments)
    moments[first:] = array("d", [NEVER]) * (len(moments) - first)
    return stream.with_moments(moments)


def _go_on(stream: EditedStream, first: int, time: EditTime) -> EditedStream:
    """The stream at its own pace from frame `first` to the next hold."""
    holds = stream.holds[1:]
    end = stream.rendition.frame_after(holds[0]) if holds else len(stream.moments)
    planned = stream.planned
    delay = _not_before(stream, first, max(time.at, planned[first] + stream.delay)) - planned[first]
    moments = array("d", stream.moments)
    # The first one to the last bit, and none before it.
    start = _not_before(stream, first, max(time.at, planned[first] + stream.delay))
    moments[first:end] = array("d", [max(start, moment + delay) for moment in planned[first:end]])
    return replace(stream.with_moments(moments), holds=holds, delay=delay)


def _with_end(stream: EditedStream) -> EditedStream:
    """The stream with its end as a frame of its own, without bytes, that can be held."""
    encoded = stream.rendition.schedule.encoded
    ended = EncodedFrames(encoded.data, array("Q", [*encoded.ends, len(encoded.data)]))
    last = stream.planned[-1] if stream.planned else 0.0
    moments = array("d", [*stream.moments, stream.moments[-1] if stream.moments else 0.0])
    return replace(stream.with_moments(moments, ended), planned=array("d", [*stream.planned, last]))


def _not_before(stream: EditedStream, frame: int, moment: float) -> float:
    """A moment that is not before that of the frame before `frame`."""
    return max(moment, stream.moments[frame - 1]) if frame else moment


def _frames(stream: EditedStream) -> list[bytes]:
    encoded = stream.rendition.schedule.encoded
    return [encoded.data[encoded.start_of(one) : end] for one, end in enumerate(encoded.ends)]


def _numbered(events: Sequence[Event]) -> bool:
    return bool(events) and events[0].sequence_number is not None


def _with_number(event: Event, number: int) -> Event:
    return Event(set_members(event.text, {"sequence_number": number}), event.type)


def _with_number_raised(event: Event) -> Event:
    number = event.sequence_number
    return event if number is None else _with_number(event, number + 1)


def _count(events: int) -> str:
    return f"{events} event{'' if events == 1 else 's'}"
