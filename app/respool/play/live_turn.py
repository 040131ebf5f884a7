"""LiveTurn: what a socket needs of a response that is being played; and the two kinds of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from respool.play.socket_frames import SocketFrames
from respool.protocol.events import Event

if TYPE_CHECKING:
    from respool.play.playback import Playback


class LiveTurn(Protocol):
    """A response that is being played. A cancel from outside may replace its events: those that were due
    stay the same. Moments are in the clock's seconds."""

    @property
    def id(self) -> str:
        """The id of the response; empty if no event tells one."""
        ...

    @property
    def stored(self) -> bool:
        """Whether it can be asked for from outside of this connection."""
        ...

    @property
    def events(self) -> Sequence[Event]:
        """Its events, the first ones of which are those of the frames."""
        ...

    @property
    def frames(self) -> SocketFrames:
        """Its frames."""
        ...

    @property
    def ending(self) -> "Ending | None":
        """How the connection ends in place of the last frame, which then is not sent."""
        ...

    def due_at(self, place: int) -> float:
        """Return the moment at which a frame is due. Moments never fall."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection is closed; 1006: it breaks, without a close frame."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PlaybackTurn:
    """A playback on a socket. Comments and ``[DONE]``, which only SSE has, are left out."""

    playback: "Playback"

    @property
    def id(self) -> str:
        """The id of the response."""
        return self.playback.id

    @property
    def stored(self) -> bool:
        """Whether the request let it be stored."""
        return self.playback.stored

    @property
    def events(self) -> Sequence[Event]:
        """The events of what is playing."""
        return self.playback.events

    @property
    def ending(self) -> None:
        """A recording closes no connection."""
        return None

    @property
    def frames(self) -> SocketFrames:
        """The frames of what is playing."""
        return self.playback.playing.socket_frames

    def due_at(self, place: int) -> float:
        """Return the moment of an event."""
        playback = self.playback
        playing = playback.playing
        if playing.comments:
            place = playing.frame_after(place + 1) - 1
        return playback.started + playing.schedule.moments[place]


@dataclass(frozen=True, slots=True, eq=False)
class FixedTurn:
    """Events that were made, not recorded; `moments` are in the clock's seconds."""

    id: str
    stored: bool
    events: Sequence[Event]
    frames: SocketFrames
    moments: Sequence[float]
    ending: Ending | None = None

    @classmethod
    def of(cls, id: str, events: Sequence[Event], moments: Sequence[float], *, stored: bool) -> "FixedTurn":
        """Make a turn of these events; there is a moment for each."""
        return cls(id, stored, events, SocketFrames.of(events), moments)

    def due_at(self, place: int) -> float:
        """Return the moment of an event."""
        return self.moments[place]
