"""What the admin API says of live streams, and what it is told to do to them."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field

from respool.http.admin.base_models import AdminModel, example
from respool.recordings.hold_points import TTL, OnExpiry
from respool.server.control import PlaybackView
from respool.server.delivery import Delivery
from respool.server.journal import Exchange
from respool.server.sent_events import SentEvent

State = Literal["running", "held", "done", "aborted", "cancelled"]


class NextEvent(AdminModel):
    """The next event of a stream."""

    seq: int
    type: str
    due: Annotated[float | None, Field(description="Seconds until it is due; null: it is held.")]


class Playback(AdminModel):
    """One playback on its way to one client."""

    model_config = example(
        id="pb_1",
        session="checkout",
        recording="text/hello",
        transport="sse",
        state="held",
        events=22,
        sent=1,
        seq_sent=0,
        next={"seq": 1, "type": "response.in_progress", "due": None},
        held_at="after=response.created",
        holds=["h1"],
        response_id="resp_1",
        started=1767225600.0,
        request_id="req_1",
        ended="",
    )
    id: str
    session: str
    recording: str
    transport: str
    state: State
    events: int
    sent: int
    seq_sent: int | None
    next: NextEvent | None
    held_at: str | None
    holds: list[str]
    response_id: str
    started: float  # by the session's clock
    request_id: str
    ended: Annotated[str, Field(description="How, if there is something to say.")]


class PlaybackList(AdminModel):
    """Playbacks, in the order in which they began."""

    playbacks: list[Playback]


class Sent(AdminModel):
    """An event that was sent: its sequence number, and its moment in seconds since the playback began."""

    playback: str
    seq: int
    type: str
    t: float


At = str | dict[str, Any]


class Release(AdminModel):
    """How much to let go: so many events, or all up to a point; without either, all, at the stream's own pace
    until the next hold."""

    model_config = example(events=1)
    events: Annotated[int | None, Field(ge=1)] = None
    until: Annotated[
        At | None, Field(description='An event type, or `{"event": ..., "nth": 2}`, `{"seq": 5}`, ...')
    ] = None


class HoldNow(AdminModel):
    """Where to hold a live stream; without `at`, before all that is not due yet."""

    model_config = example(at={"event": "response.output_item.done"}, when="before", ttl=60)
    at: At | None = None
    when: Literal["before", "after"] | None = None
    ttl: float = TTL
    on_expiry: OnExpiry = "abort"
    keepalive: float | None = None


class Inject(AdminModel):
    """An event to be sent, now or before another one: an object, or its JSON text, which is sent as it is."""

    model_config = example(event={"type": "response.unknown"}, renumber=True)
    event: dict[str, Any] | str
    renumber: bool = True
    before: Annotated[int | None, Field(description="A sequence number.")] = None


class Drop(AdminModel):
    """The sequence number of an event to drop."""

    model_config = example(seq=8)
    seq: int


class Replace(AdminModel):
    """The sequence number of an event, and what is sent instead of it."""

    model_config = example(seq=8, event={"type": "response.unknown", "sequence_number": 8})
    seq: int
    event: dict[str, Any] | str


class Finish(AdminModel):
    """How to end it: send all that is left, cut or reset the connection, say an error event, or end the
    answer without what is left."""

    model_config = example(how="error_event", error={"code": "server_error"})
    how: Annotated[
        str, Field(description="terminal, cut, reset, error_event or close; close:1011 on a socket")
    ] = "terminal"
    error: dict[str, Any] | None = None


class Changed(AdminModel):
    """What was sent by it, and the playback's progress."""

    sent: list[Sent]
    playback: Playback


def view(delivery: Delivery) -> Playback:
    """Return how a delivery is getting on."""
    seen = asdict(PlaybackView.of(delivery))
    seq, kind, due = seen.pop("next_seq"), seen.pop("next_type"), seen.pop("next_due")
    following = None if seq is None else NextEvent(seq=seq, type=kind, due=due)
    return Playback(**{**seen, "holds": list(seen["holds"])}, next=following)


def ended_view(id: str, exchange: Exchange, cancelled: bool) -> Playback:
    """Return what is still known of a delivery that has ended."""
    return Playback(
        id=id,
        session=exchange.session,
        recording=exchange.recording or "",
        transport="",
        state="cancelled" if cancelled else "aborted" if exchange.ended else "done",
        events=exchange.events,
        sent=exchange.events,
        seq_sent=None,
        next=None,
        held_at=None,
        holds=[],
        response_id=exchange.response_id,
        started=exchange.received,
        request_id=exchange.request_id,
        ended=exchange.ended,
    )


def sent_view(event: SentEvent) -> Sent:
    """Return an event that was sent."""
    return Sent(playback=event.playback, seq=event.seq, type=event.type, t=event.t)
