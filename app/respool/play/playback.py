"""Playback: one live response. All that a client may ask of it is a function of the time since it began."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from respool.errors import RequestError
from respool.faults.frame import Frame
from respool.play.frames import EncodedFrames, Schedule
from respool.play.rendition import UNCHANGED, Changes, Rendition, Renditions
from respool.protocol.event_frames import SSE_DONE
from respool.protocol.events import Event, compact
from respool.protocol.members import set_members
from respool.protocol.profiles import Profile
from respool.protocol.rewrite import LIFECYCLE_TYPES, edit_response
from respool.protocol.snapshot import Snapshot
from respool.recordings.recording import Recording

# How the service answers over HTTP what it would say in-band once a stream has begun.
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "insufficient_quota": 429}

# The status of the response after each event that ends it.
_ENDED = {
    "response.completed": "completed",
    "response.failed": "failed",
    "response.incomplete": "incomplete",
    "error": "failed",
}
IN_FLIGHT = frozenset({"queued", "in_progress"})
CANCELLED = "cancelled"


class Origin(NamedTuple):
    """Of what a playback is a turn, so that a request which continues it can be followed.

    series  the recording, or the stub that has turns of its own
    turn    which of its turns, from 1
    stub    the name of the stub that chose it; "" if none did
    depth   how many responses there are in its conversation, with this one
    """

    series: str
    turn: int = 1
    stub: str = ""
    depth: int = 1


@dataclass(slots=True, eq=False, weakref_slot=True)
class PlaybackRun:
    """What happens to a playback from outside, whoever looks at it."""

    cancelled: float | None = None  # the moment at which it was
    subscribers: list[Callable[[], None]] = field(default_factory=list)
    token: str = ""  # what a shared state calls it


@dataclass(slots=True, eq=False)
class Playback:
    """A recording that is being played since the moment `started`, in the clock's seconds.

    background   it goes on when its client leaves, and can be looked at, resumed and cancelled meanwhile
    streamed     it was asked for as a stream
    stored       it can be retrieved when it has ended
    body         the request's body
    stands_in    it was never played: it answers for a response that is not known
    origin       what it is a turn of; None: the only turn of the recording that was asked for
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
    _unchanged: Rendition | None = field(default=None, init=False, repr=False)
    _made_cut: "_Cut | None" = field(default=None, init=False)
    _fold: "_Fold | None" = field(default=None, init=False)

    @property
    def rendition(self) -> Rendition:
        """The events that it plays, as if it were never cancelled, and their schedule."""
        if self._unchanged:
            return self._unchanged
        rendition = self.renditions.get(self.recording, self.changes)
        if self.changes is UNCHANGED:  # it lives as long as its recording, so that to keep it costs nothing
            self._unchanged = rendition
        return rendition

    @property
    def profile(self) -> Profile:
        """Whose way of speaking it has, if it is of a Script."""
        return self.renditions.profile

    @property
    def id(self) -> str:
        """The id of the response; empty if no event tells one."""
        id_ = self.rendition.begun.get("id")
        return id_ if isinstance(id_, str) else ""

    @property
    def playing(self) -> Rendition:
        """What it plays: its rendition, or, when it was cancelled, what became of that."""
        cut = self._cut
        return cut.rendition if cut else self.rendition

    @property
    def schedule(self) -> Schedule:
        """What is sent and when. A cancel replaces it by one that ends sooner: all that was due before
        is the same."""
        return self.playing.schedule

    @property
    def events(self) -> Sequence[Event]:
        """The events of its schedule."""
        return self.playing.events

    @property
    def ends(self) -> float:
        """The moment of the last event, in the clock's seconds."""
        return self.started + self.schedule.end

    def due(self, now: float) -> int:
        """How many frames are due at the clock's moment `now`."""
        return self.schedule.due(self.started, now)

    def frames(self, starting_after: int | None = None) -> Iterator[Frame]:
        """What is sent and when, event by event: each frame's moment is in seconds since `started`."""
        first, playing = self.first(starting_after), self.playing
        for number, frame in enumerate(playing.schedule.frames()):
            if number >= first:
                place = playing.events_in(number)
                whole = playing.events_in(number + 1) > place  # else it is a comment, or [DONE]
                yield replace(frame, event=playing.events[place]) if whole else frame

    def first(self, starting_after: int | None) -> int:
        """The place of the first frame after the event with this ``sequence_number``."""
        if starting_after is None:
            return 0
        known = bisect_right(self.rendition.numbers, starting_after)
        cut = self._cut
        if cut and known >= cut.place:
            last = len(cut.rendition.events) - (starting_after < cut.number)
            return cut.rendition.frame_after(last)
        return self.rendition.frame_after(known)

    def status(self, now: float) -> str:
        """The response's status: queued, in_progress, completed, failed, incomplete or cancelled."""
        if self.run.cancelled is not None:
            return CANCELLED
        rendition = self.rendition
        due = rendition.events_in(self.due(now))
        if rendition.end is not None and due > rendition.end:
            return _ENDED[rendition.events[rendition.end].type]
        return "in_progress" if due > rendition.progress or not self.background else "queued"

    def ended(self, now: float) -> bool:
        """Whether the response has its final status. One that was cut never has."""
        return self.status(now) not in IN_FLIGHT

    def snapshot(self, now: float) -> str:
        """The Response object at that moment, as JSON text, as ``GET /v1/responses/{id}`` tells it."""
        status = self.status(now)
        final = None
        if cut := self._cut:
            final = cut.response
        elif status in ("completed", "failed", "incomplete"):
            final = self.rendition.final_response
        if final:
            self._fold = None
        text = final or self._folded(now, status)
        # The recorded response may have been none of the background.
        return set_members(text, {"background": True}) if self.background else text

    def final_response(self) -> str:
        """The Response object with which it ends, as JSON text: the answer to a create without stream.

        Raises RequestError where there is none: it ends with an `error` event, or was cut.
        Source: the ``response`` field of the terminal events.
        """
        rendition = self.rendition
        if text := rendition.final_response:
            return text
        if rendition.end is not None and (event := rendition.events[rendition.end]).type == "error":
            raise _in_band_error(event.data)
        raise RequestError(
            f"The recording {self.recording.name} ends without a final response (it was cut): "
            "it can be streamed, but it has no answer to a request without stream.",
            status=500,
            type="server_error",
            code="recording_without_end",
        )

    def cancel(self, now: float) -> None:
        """End it now: what is not due is never sent, and the stream ends with ``response.failed``, whose
        response has the status ``cancelled``. Those who subscribed are told."""
        if self.run.cancelled is None:
            self.run.cancelled = now
            for tell in list(self.run.subscribers):
                tell()

    def subscribe(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have `tell` called when the schedule is replaced, by the thread which does that. Gives the
        function that ends the subscription."""
        self.run.subscribers.append(tell)
        return lambda: self.run.subscribers.remove(tell)

    def with_obfuscation(self, obfuscation: bool) -> "Playback":
        """The same run, with its padding or without."""
        if obfuscation == self.changes.obfuscation:
            return self
        return replace(self, changes=replace(self.changes, obfuscation=obfuscation))

    @property
    def _cut(self) -> "_Cut | None":
        if self.run.cancelled is not None and self._made_cut is None:
            self._made_cut = _cut(self, self.run.cancelled)
        return self._made_cut

    def _folded(self, now: float, status: str) -> str:
        if self._fold is None:
            self._fold = _Fold()
        response = (
            self._fold.upto(self.rendition.events, self.rendition.events_in(self.due(now)))
            or self.rendition.begun
        )
        begun = {"object": "response", "output": [], **response}
        return compact({**begun, "status": status} if status in IN_FLIGHT else begun)


@dataclass(frozen=True, slots=True)
class _Cut:
    """How a cancelled playback ends."""

    place: int  # of its last event
    number: int  # the sequence_number of it
    response: str  # JSON text
    rendition: Rendition


class _Fold:
    """The fold of the events that were due when it was last asked for: polls look at each event once."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._count = 0

    def upto(self, events: Sequence[Event], due: int) -> Mapping[str, Any]:
        if due < self._count:
            self._snapshot, self._count = Snapshot(), 0
        for event in events[self._count : due]:
            self._snapshot.receive(event)
        self._count = min(due, len(events))
        return self._snapshot.response


def _cut(playback: Playback, now: float) -> _Cut:
    rendition = playback.rendition
    frames_due = rendition.schedule.due(playback.started, now)
    due = rendition.events_in(frames_due)
    frames_due = min(frames_due, len(rendition.events) + len(rendition.comments))  # without [DONE]
    # A stream always tells which response it is of, before it tells that this was cancelled.
    place = max(due, rendition.progress)
    number = rendition.numbers[place - 1] + 1 if place else 0
    changes = {"status": CANCELLED, "output": [], "background": True}
    told = next((event for event in rendition.events if event.type in LIFECYCLE_TYPES), None)
    text = edit_response(told.text, changes) if told else compact({"response": changes})
    fields: dict[str, Any] = {"type": "response.failed"}
    if told is None or told.sequence_number is not None:
        fields["sequence_number"] = number
    event = Event(set_members(text, fields), "response.failed")
    encoded, moments = rendition.schedule.encoded, rendition.schedule.moments
    kept = [*range(frames_due), *(rendition.frame_after(one + 1) - 1 for one in range(due, place))]
    frames = [encoded.data[encoded.start_of(one) : encoded.ends[one]] for one in kept]
    frames += [rendition.encode(event), *([SSE_DONE] if rendition.done else [])]
    # Due at once, however it is computed: at the moment of what was due last.
    at = moments[frames_due - 1] if frames_due else 0.0
    times = [*moments[:frames_due], *[at] * (len(frames) - frames_due)]
    comments = rendition.comments[: frames_due - due]
    events = (*rendition.events[:place], event)
    response = compact(event.data["response"])
    cut = Rendition(events, Schedule(EncodedFrames.join(frames), times), comments, rendition.encode)
    return _Cut(place, number, response, cut)


def _in_band_error(data: Mapping[str, object]) -> RequestError:
    # The service nests the details under "error"; the SDKs' types have them flat.
    nested = data.get("error")
    details = nested if isinstance(nested, dict) else data
    code, param = details.get("code"), details.get("param")
    kind = details.get("type") if nested is details else None
    return RequestError(
        str(details.get("message") or "The server had an error processing your request."),
        status=_STATUS_OF_CODE.get(str(code), 500),
        type=kind if isinstance(kind, str) else "server_error",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
    )
