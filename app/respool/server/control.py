"""Controls of one delivery: each function edits its playback, at its session's moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from respool.errors import EditError, OptionError
from respool.play.edits import Edit, Finish, Hold, Insert, Release, Replace
from respool.protocol.events import Event, compact
from respool.protocol.response import error_event
from respool.recordings.hold_points import HoldPoint
from respool.server.delivery import Delivery

How = Literal["terminal", "cut", "reset", "error_event", "close"]
MOST_EVENT = 16 * 1024 * 1024  # characters, of one that is inserted


@dataclass(frozen=True, slots=True)
class PlaybackView:
    """The progress of a delivery.

    events      all events of its stream, edits included
    sent        how many of them were sent
    seq_sent    the sequence number of the last one sent; its place in a stream without numbers
    next_seq, next_type, next_due   the next event, and seconds until it is due; None: it is held
    held_at     the point at which it waits, or waited
    ended       how it ended, if not normally
    """

    id: str
    session: str
    recording: str
    transport: str
    state: str
    events: int
    sent: int
    seq_sent: int | None
    next_seq: int | None
    next_type: str | None
    next_due: float | None
    held_at: str | None
    holds: tuple[str, ...]
    response_id: str
    started: float
    request_id: str
    ended: str

    @classmethod
    def of(cls, delivery: Delivery) -> "PlaybackView":
        """Return the progress of a delivery."""
        playing, sent = delivery.playback.playing, delivery.events_sent
        more = sent < len(playing.events)
        due = delivery.next_due() - delivery.clock.now() if more else None
        state = delivery.state
        return cls(
            id=delivery.id,
            session=delivery.exchange.session,
            recording=delivery.playback.recording.name,
            transport=delivery.transport,
            state=state,
            events=len(playing.events),
            sent=sent,
            seq_sent=_number(playing.events[sent - 1], sent - 1) if sent else None,
            next_seq=_number(playing.events[sent], sent) if more else None,
            next_type=playing.events[sent].type if more else None,
            next_due=None if due is None or due == float("inf") else max(0.0, due),
            held_at=str(delivery.points[0]) if delivery.held and delivery.points else None,
            holds=delivery.hold_ids,
            response_id=delivery.exchange.response_id,
            started=delivery.playback.started,
            request_id=delivery.exchange.request_id,
            ended=delivery.exchange.ended if state in ("done", "aborted", "cancelled") else "",
        )


def release(delivery: Delivery, events: int | None = None, until: HoldPoint | None = None) -> int:
    """Release held events: `events` of them, or all up to a point, at once; or all, at the stream's own pace.
    Return how many may be sent now.

    Raise EditError if nothing is held, or the held events have no such point.
    """
    edited = delivery.playback.edited
    if edited is None or edited.gate is None:
        raise EditError(f"{delivery.id} is not held")
    gate = edited.gate
    if until is not None:
        place = until.place(edited.events)
        if place is None:
            raise EditError(f"{delivery.id} has no event {until}")
        if place <= gate:
            raise EditError(f"{delivery.id} is past {until}: {gate} of its events were released")
        events = place - gate
    _edit(delivery, Release(events))
    return len(edited.events) - gate if events is None else min(events, len(edited.events) - gate)


def hold_now(delivery: Delivery, point: HoldPoint | None = None) -> None:
    """Hold a stream in progress: at a point, or before all that is not due yet. Raise EditError if the point
    was sent already, or the stream has none."""
    events = delivery.playback.events
    if point is None:
        point = HoldPoint("count", delivery.events_sent, after=True)
        _edit(delivery, Hold())
    else:
        place = point.place(events)
        if place is None:
            raise EditError(f"{delivery.id} has no event {point}")
        _edit(delivery, Hold(place))
    delivery.points = (point, *delivery.points)


def inject(delivery: Delivery, event: Event, *, renumber: bool = True, before: int | None = None) -> None:
    """Send another event now, or before the one with the sequence number `before`. Raise EditError."""
    place = None if before is None else _place(delivery, before)
    _edit(delivery, Insert(event, place, renumber))


def replace_event(delivery: Delivery, number: int, event: Event | None = None) -> None:
    """Send another event, or nothing, instead of the one with this sequence number. Raise EditError."""
    _edit(delivery, Replace(_place(delivery, number), event))


def finish(delivery: Delivery, how: How = "terminal", error: Mapping[str, Any] | None = None) -> None:
    """End the stream now; see `edits.Finish`. error_event: with an `error` event of these fields (`code`,
    `message`, ...), and the proper end of the answer. Raise EditError."""
    if how == "error_event":
        text = compact({"type": "error", "error": error_event(error or {})})
        _edit(delivery, Finish("close", Event(text, "error")))
    else:
        _edit(delivery, Finish(how))


def read_event(value: Any) -> Event:
    """Return the event in JSON from a user: an object, or its text, which is sent as it is.

    Raise OptionError.
    """
    try:
        text = value if isinstance(value, str) else compact(value)
    except ValueError as error:
        raise OptionError(f"the event cannot be sent: {error}") from None
    if len(text) > MOST_EVENT:
        raise OptionError(f"the event has {len(text)} characters, expected at most {MOST_EVENT}")
    try:
        return Event.parse(text)
    except ValueError as error:
        raise OptionError(f"the event cannot be sent: {error}") from None


def _edit(delivery: Delivery, edit: Edit) -> None:
    if delivery.has_ended:
        raise EditError(f"{delivery.id} has ended")
    delivery.playback.edit(edit, delivery.clock.now())


def _place(delivery: Delivery, number: int) -> int:
    """Return the place of the unsent event with this sequence number; in a stream without numbers, `number`
    is the place."""
    events, sent = delivery.playback.events, delivery.events_sent
    for place in range(sent, len(events)):
        if _number(events[place], place) == number:
            return place
    raise EditError(f"{delivery.id} has no event with the number {number} among those that were not sent")


def _number(event: Event, place: int) -> int:
    number = event.sequence_number
    return place if number is None else number
