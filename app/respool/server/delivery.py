"""Delivery: one playback on its way to one client, and how that ends."""

from collections.abc import Callable
from dataclasses import dataclass, field

from respool.play.playback import Playback
from respool.play.session_clock import SessionClock
from respool.server.journal import CLIENT_LEFT, CUT, Exchange


def _nothing() -> None:
    pass


@dataclass(slots=True)
class AnswerDelivery:
    """One answer on its way to one client. Whatever sends it says here how it ends.

    clock    the session's
    on_left  called if the client leaves before the end
    """

    clock: SessionClock
    exchange: Exchange
    on_left: Callable[[], None] = field(default=_nothing, kw_only=True)

    def begin(self) -> None:
        """Note that it is under way: until another end is told, the server has cut it."""
        self.exchange.ended = CUT

    def complete(self) -> None:
        """Note that it has come to its proper end."""
        self.exchange.ended = ""

    def client_left(self) -> None:
        """Note that the client has left before the end."""
        self.exchange.ended = CLIENT_LEFT
        self.on_left()

    def late(self, seconds: float) -> None:
        """Note how late something was sent."""
        if seconds > self.exchange.lateness:
            self.exchange.lateness = seconds


@dataclass(slots=True, init=False)
class Delivery(AnswerDelivery):
    """One playback on its way to one client, from its frame number `first` on."""

    playback: Playback
    first: int

    def __init__(
        self,
        playback: Playback,
        clock: SessionClock,
        exchange: Exchange,
        first: int = 0,
        on_left: Callable[[], None] = _nothing,
    ) -> None:
        self.playback = playback
        self.clock = clock
        self.exchange = exchange
        self.first = first
        self.on_left = on_left

    def sent(self, frames: int) -> None:
        """Note how many frames of the playback were sent, with those before `first`."""
        playing = self.playback.playing
        self.exchange.events = playing.events_in(frames) - playing.events_in(self.first)
