"""Playback: one live response. All that a client can see of it is a function of the time since its start."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from respool.errors import EditError, RequestError
from respool.faults.frame import Frame
from respool.play.edits import CANCELLED, Cancel, Edit, EditedStream, EditTime, Ending, MadeEdit, Steer
from respool.play.frames import Schedule
from respool.play.rendition import UNCHANGED, Changes, Rendition, Renditions
from respool.protocol import api_errors
from respool.protocol.events import Event, compact_recorded
from respool.protocol.members import set_members
from respool.protocol.profiles import Profile
from respool.protocol.snapshot import GrowingSnapshot
from respool.recordings.recording import Recording

# The status of the response after each event that ends it.
_ENDED = {
    "response.completed": "completed",
    "response.failed": "failed",
    "response.incomplete": "incomplete",
    "error": "failed",
}
IN_FLIGHT = frozenset({"queued", "in_progress"})


class Origin(NamedTuple):
    """The place of a playback in its series of turns, by which a continuing request finds the next one.

    series  the recording, or the stub that has turns of its own
    turn    which of its turns, from 1
    stub    the name of the stub that chose it; "" if none did
    depth   the number of responses in its conversation, up to this one
    """

    series: str
    turn: int = 1
    stub: str = ""
    depth: int = 1


@dataclass(slots=True, eq=False, weakref_slot=True)
class PlaybackRun:
    """The changes to a playback from outside, shared by all views of it."""

    cancelled: float | None = None  # the moment of the cancel
    edits: list[MadeEdit] = field(default_factory=list)
    subscribers: list[Callable[[], None]] = field(default_factory=list)
    token: str = ""  # its id in a shared state


@dataclass(slots=True, eq=False)
class Playback:
    """A recording that has been playing since the moment `started`, in the clock's seconds.

    background   it goes on when its client leaves, and can be retrieved, resumed and cancelled meanwhile
    streamed     the request had ``stream=true``
    stored       it can be retrieved after its end
    body         the request's body
    stands_in    it was never played: it answers for an unknown response
    origin       its place in a series of turns; None: the only turn of the named recording
    """

    recording: Recording
    renditions: Renditions
    started: float
    changes: Changes = UNCHANGED
    background: bool = False
    streamed: bool = True
    stored: bool = True
    body: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0  # of the request's body, in bytes
    stands_in: bool = False
    origin: Origin | None = None
    run: PlaybackRun = field(default_factory=PlaybackRun)
    after: tuple[str | None, str | None] | None = field(default=None, repr=False)  # `continues`, if known
    _unchanged: Rendition | None = field(default=None, init=False, repr=False)
    _edited: EditedStream | None = field(default=None, init=False, repr=False)
    _edits: int = field(default=0, init=False, repr=False)  # how many of them `_edited` has
    _fold: GrowingSnapshot | None = field(default=None, init=False)
    _id: str | None = field(default=None, init=False, repr=False)

    @property
    def rendition(self) -> Rendition:
        """The events that it plays if it is never cancelled, and their schedule."""
        if self._unchanged:
            return self._unchanged
        rendition = self.renditions.get(self.recording, self.changes)
        if self.changes is UNCHANGED:  # it lives as long as its recording, so that to keep it costs nothing
            self._unchanged = rendition
        return rendition

    @property
    def continues(self) -> tuple[str | None, str | None]:
        """The ids of the response and of the conversation that its request continues."""
        if self.after is None:
            body = self.body
            previous, conversation = body.get("previous_response_id"), body.get("conversation")
            id_ = conversation.get("id") if isinstance(conversation, dict) else conversation
            self.after = (
                previous if isinstance(previous, str) else None,
                id_ if isinstance(id_, str) else None,
            )
        return self.after

    def prepare(self) -> None:
        """Make its rendition. Raise WorkNeeded if that must first be done elsewhere."""
        if self.changes is not UNCHANGED and self._unchanged is None:
            self.renditions.get(self.recording, self.changes)

    @property
    def profile(self) -> Profile:
        """The profile of a Script's playback."""
        return self.renditions.profile

    @property
    def id(self) -> str:
        """The id of the response; empty if no event has one."""
        if self._id is None:
            id_ = self.rendition.begun.get("id")
            self._id = id_ if isinstance(id_, str) else ""
        return self._id

    @property
    def edited(self) -> EditedStream | None:
        """Its rendition after edits; None without edits."""
        edits = self.run.edits
        if not edits:
            return None
        stream = self._edited or EditedStream.of(self.rendition)
        for made in edits[self._edits :]:
            stream = made.edit.apply(stream, EditTime(self.started, made.now))
        self._edited, self._edits = stream, len(edits)
        return stream

    @property
    def playing(self) -> Rendition:
        """The current rendition, edits included."""
        if not self.run.edits:  # no function calls: this is read often
            return self._unchanged or self.rendition
        edited = self.edited
        return edited.rendition if edited else self.rendition

    @property
    def schedule(self) -> Schedule:
        """The frames and their moments. An edit replaces the schedule; frames that were due stay the same."""
        return self.playing.sse.schedule

    @property
    def ending(self) -> Ending:
        """The end of its stream, after all frames."""
        edited = self.edited if self.run.edits else None
        return edited.ending if edited else "terminal"

    @property
    def events(self) -> Sequence[Event]:
        """The events of its schedule."""
        return self.playing.events

    @property
    def ends(self) -> float:
        """The moment of the last event, in the clock's seconds."""
        return self.started + self.schedule.end

    def due(self, now: float) -> int:
        """Return the number of frames due at the clock's moment `now`."""
        return self.schedule.due(self.started, now)

    def frames(self, starting_after: int | None = None) -> Iterator[Frame]:
        """Yield the frames event by event, with moments in seconds since `started`."""
        first, playing = self.first(starting_after), self.playing
        for number, frame in enumerate(playing.sse.schedule.frames()):
            if number >= first:
                place = playing.sse.events_in(number)
                whole = playing.sse.events_in(number + 1) > place  # else it is a comment, or [DONE]
                yield replace(frame, event=playing.events[place]) if whole else frame

    def first(self, starting_after: int | None) -> int:
        """Return the place of the first frame after the event with this ``sequence_number``."""
        if starting_after is None:
            return 0
        playing = self.playing
        return playing.sse.frame_after(bisect_right(playing.numbers, starting_after))

    def status(self, now: float) -> str:
        """Return the response's status: queued, in_progress, completed, failed, incomplete or cancelled."""
        if self.run.cancelled is not None:
            return CANCELLED
        playing = self.playing
        due = playing.due(self.started, now)
        if playing.end is not None and due > playing.end:
            return _ENDED[playing.events[playing.end].type]
        return "in_progress" if due > playing.progress or not self.background else "queued"

    def ended(self, now: float) -> bool:
        """Return True if the response has its final status. A response that was cut never has."""
        return self.status(now) not in IN_FLIGHT

    def snapshot(self, now: float) -> str:
        """Return the Response object at that moment, as JSON text, as ``GET /v1/responses/{id}`` returns
        it."""
        status = self.status(now)
        final = None
        if (edited := self.edited) and edited.final:
            final = edited.final
        elif status in ("completed", "failed", "incomplete"):
            final = self.playing.final_response
        if final:
            self._fold = None
        text = final or self._folded(now, status)
        # The recorded response may not have been a background one.
        return set_members(text, {"background": True}) if self.background else text

    def final_response(self) -> str:
        """Return the final Response object, as JSON text: the answer to a create without stream.

        Raise RequestError if there is none: it ends with an `error` event, or was cut. Source: the
        ``response`` field of the terminal events.
        """
        rendition = self.playing
        if text := rendition.final_response:
            return text
        if rendition.end is not None and (event := rendition.events[rendition.end]).type == "error":
            raise api_errors.of_event(event.data)
        raise RequestError(
            f"The recording {self.recording.name} ends without a final response (it was cut): "
            "it can be streamed, but it has no answer to a request without stream.",
            status=500,
            type="server_error",
            code="recording_without_end",
        )

    def cancel(self, now: float) -> None:
        """End it now: later events are never sent, and the stream ends with ``response.failed``, whose
        response has the status ``cancelled``. Calls the subscribers."""
        if self.run.cancelled is None:
            self.edit(Cancel(), now)
            self.run.cancelled = now

    def edit(self, edit: Edit, now: float) -> EditedStream:
        """Change what is not yet due at the clock's moment `now`, and return the edited stream. Calls the
        subscribers. Call it from one thread only, so that each edit sees those before it.

        Raise EditError if it cannot be made, or the response was cancelled.
        """
        if self.run.cancelled is not None:
            raise EditError("the response was cancelled")
        stream = edit.apply(self.edited or EditedStream.of(self.rendition), EditTime(self.started, now))
        self.run.edits.append(MadeEdit(now, edit))
        self._edited, self._edits = stream, len(self.run.edits)
        for callback in list(self.run.subscribers):
            callback()
        return stream

    def follow(self, edits: Sequence[MadeEdit], cancelled: float | None, now: float) -> None:
        """Apply the `edits` of another process, which begin with the known ones, and its cancel at the moment
        `cancelled`, if there was one.

        While it is being sent here, it is cancelled `now` instead: later events were not sent.
        """
        run = self.run
        known = sum(type(made.edit) is not Cancel for made in run.edits)
        if run.cancelled is None and len(edits) > known:
            for made in edits[known:]:
                with suppress(EditError):  # an edit made here at the same time came first
                    self.edit(made.edit, made.now)
        if cancelled is None or cancelled == run.cancelled:
            return
        if run.cancelled is None:
            self.cancel(max(cancelled, now) if run.subscribers else cancelled)
        elif cancelled > run.cancelled:
            if not run.subscribers:
                run.edits[:] = [made for made in run.edits if type(made.edit) is not Cancel]
                self._edited, self._edits, run.cancelled = None, 0, None
                self.cancel(cancelled)
            run.cancelled = cancelled

    def steer(self, sent: int, text: str, now: float) -> None:
        """End it after its first `sent` events, with the event `text`, a ``response.incomplete``."""
        if self.run.cancelled is None:
            # Subscribers are not called: the sender has sent this event already.
            self.run.edits.append(MadeEdit(now, Steer(sent, text)))

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the schedule is replaced, in the thread that replaces it. Return a function
        that ends the subscription: `unsubscribe`."""
        self.run.subscribers.append(callback)
        return partial(self.unsubscribe, callback)

    def unsubscribe(self, callback: Callable[[], None]) -> None:
        """Stop calling `callback`."""
        self.run.subscribers.remove(callback)

    def with_obfuscation(self, obfuscation: bool) -> "Playback":
        """Return the same run with or without its padding."""
        if obfuscation == self.changes.obfuscation:
            return self
        return replace(self, changes=replace(self.changes, obfuscation=obfuscation))

    def _folded(self, now: float, status: str) -> str:
        if self._fold is None:
            self._fold = GrowingSnapshot()
        playing = self.playing
        due = playing.due(self.started, now)
        response = self._fold.upto(playing.events, due, playing.of_others) or playing.begun
        begun = {"object": "response", "output": [], **response}
        return compact_recorded({**begun, "status": status} if status in IN_FLIGHT else begun)
