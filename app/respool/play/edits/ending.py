"""Edits of the end: a stream that is finished by a test, cancelled, or steered."""

from array import array
from dataclasses import dataclass, replace

from respool.errors import EditError
from respool.play.edits.edited_stream import (
    EditedStream,
    EditTime,
    Ending,
    frames_of,
    is_numbered,
    not_before,
    rendition_of,
    with_number,
)
from respool.protocol.event_frames import SSE_DONE
from respool.protocol.events import Event, compact_recorded
from respool.protocol.members import set_members
from respool.protocol.rewrite import edit_response, has_response

CANCELLED = "cancelled"


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
            moment = not_before(stream, due, time.at)
            moments[due:] = array("d", [moment]) * (len(moments) - due)
            return replace(stream.with_moments(moments), holds=())
        if due == len(stream.moments):
            raise EditError("all of it was sent already")
        rendition = stream.rendition
        place = rendition.sse.events_in(due)
        frames, events = frames_of(stream)[:due], list(stream.events[:place])
        moments, planned = array("d", stream.moments[:due]), array("d", stream.planned[:due])
        if self.error is not None:
            event = self.error
            if is_numbered(stream.events):
                event = with_number(event, rendition.numbers[place - 1] + 1 if place else 0)
            frames.append(rendition.sse.encode(event))
            events.append(event)
            moments.append(not_before(stream, due, time.at))
            planned.append(moments[-1])
        comments = rendition.sse.comments[: due - place]
        made = rendition_of(events, frames, moments, comments, rendition.sse.encode)
        return replace(stream, rendition=made, planned=planned, holds=(), ending=self.how)


@dataclass(frozen=True, slots=True)
class Cancel:
    """End it with ``response.failed``, whose response has the status ``cancelled``."""

    def apply(self, stream: EditedStream, time: EditTime) -> EditedStream:
        rendition = stream.rendition
        frames_due = stream.due(time)
        due = rendition.sse.events_in(frames_due)
        frames_due = min(frames_due, len(rendition.events) + len(rendition.sse.comments))  # without [DONE]
        # A stream always names its response before the event of the cancel.
        place = max(due, rendition.progress)
        number = rendition.numbers[place - 1] + 1 if place else 0
        changes = {"status": CANCELLED, "output": [], "background": True}
        first = next((event for event in rendition.events if has_response(event)), None)
        text = edit_response(first.text, changes) if first else compact_recorded({"response": changes})
        event = Event(set_members(text, {"type": "response.failed"}), "response.failed")
        if first is None or first.sequence_number is not None:
            event = with_number(event, number)
        encoded, moments = rendition.sse.schedule.encoded, stream.moments
        kept = [*range(frames_due), *(rendition.sse.frame_after(one + 1) - 1 for one in range(due, place))]
        frames = [encoded.data[encoded.start_of(one) : encoded.ends[one]] for one in kept]
        frames += [rendition.sse.encode(event), *([SSE_DONE] if rendition.sse.done else [])]
        # Due at once, however it is computed: at the moment of what was due last.
        at = moments[frames_due - 1] if frames_due else 0.0
        times = [*moments[:frames_due], *[at] * (len(frames) - frames_due)]
        comments = rendition.sse.comments[: frames_due - due]
        events = (*rendition.events[:place], event)
        made = rendition_of(events, frames, times, comments, rendition.sse.encode)
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
        kept = [rendition.sse.frame_after(one + 1) - 1 for one in range(place)]
        frames = frames_of(stream)
        made = rendition_of(
            (*stream.events[:place], event),
            [*(frames[one] for one in kept), rendition.sse.encode(event)],
            [*(min(stream.moments[one], time.at) for one in kept), max(0.0, time.at)],
            (),
            rendition.sse.encode,
        )
        return EditedStream(
            made, made.sse.schedule.moments, final=compact_recorded(event.data.get("response"))
        )
