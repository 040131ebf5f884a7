"""Delivery: the sending of one playback to one client, and how it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from respool.play.edits import NEVER
from respool.play.playback import Playback
from respool.play.session_clock import SessionClock
from respool.recordings.hold_points import HoldPoint
from respool.server.journal import CLIENT_LEFT, CUT, Exchange

if TYPE_CHECKING:
    from respool.server.deliveries import Deliveries

State = Literal["running", "held", "done", "aborted", "cancelled"]


class Sender(Protocol):
    """The sender of a delivery."""

    def events_sent(self) -> int:
        """Return how many events of the playback were handed to the connection, those before its first
        included."""

    def idle(self, now: float) -> bool:
        """Return True if all that is due at the clock's moment `now` was handed to the connection."""


@dataclass(slots=True, eq=False)
class AnswerDelivery:
    """The sending of one answer to one client. Its sender reports here how it ends.

    clock     the session's
    ended_by  why it was ended, if not by itself
    """

    clock: SessionClock
    exchange: Exchange
    ended_by: str = field(default="", kw_only=True)

    def begin(self, sender: Sender) -> None:
        """Note that it has begun: without another report, the server has cut it."""
        self.exchange.ended = CUT

    def complete(self) -> None:
        """Note that it has ended properly."""
        self.exchange.ended = self.ended_by
        self.over()

    def client_left(self) -> None:
        """Note that the client has left before the end."""
        self.exchange.ended = self.ended_by or CLIENT_LEFT
        self.over()
        self.on_left()

    def on_left(self) -> None:
        """Do what follows an early end: nothing, if the answer has no playback."""

    def cut(self) -> None:
        """Note that it was ended by an edit, incomplete."""
        self.exchange.ended = self.ended_by or CUT
        self.over()
        self.on_left()

    def over(self) -> None:
        """Note that nothing more is sent."""

    def wait_for_release(self) -> None:
        """Note that the next event is held, without a known end."""

    def go_on(self) -> None:
        """Note that the schedule has changed."""

    def late(self, seconds: float) -> None:
        """Note how late something was sent."""
        if seconds > self.exchange.lateness:
            self.exchange.lateness = seconds


@dataclass(slots=True, eq=False, init=False)
class Delivery(AnswerDelivery):
    """The sending of one playback to one client, from its frame number `first` on.

    attached   the playback ends as well if the delivery ends early, as for the request that began it
    known_in   the server's deliveries, which are notified of its progress
    transport  the transport that sends it
    points     the points at which to hold it
    hold_ids   the ids of the session's holds that hold it
    number     in the order of their start, from 1; 0: it has not begun
    held       its sender waits for a release
    ping       keeps a silent connection alive; None: only a comment in the stream does
    """

    playback: Playback
    first: int
    attached: bool
    known_in: "Deliveries | None"
    transport: str
    points: tuple[HoldPoint, ...]
    hold_ids: tuple[str, ...]
    number: int
    held: bool
    ping: Callable[[], None] | None
    sender: Sender | None
    _sent: int

    def __init__(
        self,
        playback: Playback,
        clock: SessionClock,
        exchange: Exchange,
        first: int = 0,
        known_in: "Deliveries | None" = None,
        *,
        attached: bool = False,
    ) -> None:
        self.playback = playback
        self.clock = clock
        self.exchange = exchange
        self.first = first
        self.attached = attached
        self.known_in = known_in
        self.ended_by = ""
        self.transport = "sse"
        self.points = ()
        self.hold_ids = ()
        self.number = 0
        self.held = False
        self.ping = None
        self.sender = None
        self._sent = 0

    @property
    def id(self) -> str:
        """Its id in the admin API."""
        return f"pb_{self.number}" if self.known_in is None else self.known_in.name_of(self.number)

    def begin(self, sender: Sender) -> None:
        """Note that it has begun: without another report, the server has cut it."""
        self.exchange.ended = CUT
        self.sender = sender
        if self.known_in is not None:
            self.known_in.add(self)

    def on_left(self) -> None:
        """End the playback, if it is attached."""
        if self.attached and self.known_in is not None:
            self.known_in.on_left(self.playback, self.exchange.session)

    def over(self) -> None:
        """Note that nothing more is sent."""
        if self.sender is None:  # it has not begun, or is over
            return
        self._sent = self.sender.events_sent()
        self.sender = None
        if self.known_in is not None:
            self.known_in.discard(self)

    def wait_for_release(self) -> None:
        """Note that the next event is held, without a known end."""
        if not self.held:
            self.held = True
            if self.known_in is not None:
                self.known_in.is_held(self)

    def go_on(self) -> None:
        """Note that the schedule has changed."""
        self.held = False

    def steer(self, sent: int, text: str) -> None:
        """End the playback after so many events, as its socket has: see `Playback.steer`."""
        self.playback.steer(sent, text, self.clock.now())
        if self.known_in is not None:
            self.known_in.on_edit(self.playback)

    @property
    def has_ended(self) -> bool:
        """True if nothing more is sent."""
        return self.number > 0 and self.sender is None

    @property
    def events_sent(self) -> int:
        """The number of events sent, those before `first` included."""
        return self.sender.events_sent() if self.sender else self._sent

    @property
    def idle(self) -> bool:
        """True if all that is due now was handed to the connection."""
        return self.sender is None or self.sender.idle(self.clock.now())

    @property
    def state(self) -> State:
        """Its state."""
        if self.playback.run.cancelled is not None:
            return "cancelled"
        if self.has_ended:
            return "aborted" if self.exchange.ended else "done"
        return "held" if self.held else "running"

    def next_due(self) -> float:
        """Return the clock's moment at which the next event is due; NEVER if it is held, or there is none."""
        playing, sent = self.playback.playing, self.events_sent
        if sent >= len(playing.events):
            return NEVER
        return self.playback.started + playing.moments[sent]

    def sent_whole(self, events: int, late: float) -> None:
        """Note that all its `events` were sent at once, `late` seconds after the first moment: as `begin`,
        `stopped` and `complete`."""
        exchange = self.exchange
        exchange.events = self._sent = events
        exchange.ended = self.ended_by
        if late > exchange.lateness:
            exchange.lateness = late
        if self.known_in is not None:
            self.known_in.add_ended(self)

    def stopped(self, frames: int, late: float) -> None:
        """Note that nothing more is sent: as `sent`, `late` and `over`."""
        self.sent(frames)
        if late > self.exchange.lateness:
            self.exchange.lateness = late
        if self.sender is not None:
            self.sender = None
            if self.known_in is not None:
                self.known_in.discard(self)

    def sent(self, frames: int) -> None:
        """Note how many frames of the playback were sent, those before `first` included."""
        playing = self.playback.playing
        self._sent = playing.sse.events_in(frames)
        before = playing.sse.events_in(self.first) if self.first else 0
        self.exchange.events = self._sent - before
