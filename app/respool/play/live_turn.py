"""LiveTurn: the interface of a playing response to a socket, and its two kinds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from respool.play.socket_frames import SocketFrames
from respool.protocol.events import Event

if TYPE_CHECKING:
    from respool.play.playback import Playback


class LiveTurn(Protocol):
    """A response that is playing. A cancel from outside may replace its events, except those that were due.
    Moments are in the clock's seconds."""

    @property
    def id(self) -> str:
        """The id of the response; empty if no event has one."""
        ...

    @property
    def stored(self) -> bool:
        """True if it can be retrieved from outside of this connection."""
        ...

    @property
    def events(self) -> Sequence[Event]:
        """Its events; those of the frames come first."""
        ...

    @property
    def frames(self) -> SocketFrames:
        """Its frames."""
        ...

    @property
    def ending(self) -> "Ending | None":
        """The close of the connection in place of the last frame, which then is not sent."""
        ...

    @property
    def edits(self) -> Sequence[object]:
        """Edits from outside. The list grows; while it is empty, frames and moments stay the same."""
        ...

    @property
    def timeline(self) -> tuple[float, Sequence[float]]:
        """Its start, and the moment of each frame since then. The moments never fall."""
        ...

    def due_at(self, place: int) -> float:
        """Return the moment at which a frame is due."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """The close of a connection. 1006: it breaks, without a close frame."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PlaybackTurn:
    """A playback on a socket, without comments and ``[DONE]``, which only SSE has."""

    playback: "Playback"

    @property
    def id(self) -> str:
        """The id of the response."""
        return self.playback.id

    @property
    def stored(self) -> bool:
        """True if the request allows storing it."""
        return self.playback.stored

    @property
    def events(self) -> Sequence[Event]:
        """The events of the current rendition."""
        return self.playback.events

    @property
    def ending(self) -> None:
        """None: a recording closes no connection."""
        return None

    @property
    def frames(self) -> SocketFrames:
        """The frames of the current rendition."""
        return self.playback.playing.socket_frames

    @property
    def edits(self) -> Sequence[object]:
        """The edits and the cancel of the playback."""
        return self.playback.run.edits

    @property
    def timeline(self) -> tuple[float, Sequence[float]]:
        """The start of the playback, and the moments of the current rendition."""
        return self.playback.started, self.playback.playing.moments

    def due_at(self, place: int) -> float:
        """Return the moment at which an event is due."""
        return self.playback.started + self.playback.playing.moments[place]


@dataclass(frozen=True, slots=True, eq=False)
class FixedTurn:
    """A turn of made events, not recorded ones; `moments` are in the clock's seconds."""

    id: str
    stored: bool
    events: Sequence[Event]
    frames: SocketFrames
    moments: Sequence[float]
    ending: Ending | None = None
    edits: Sequence[object] = ()

    @classmethod
    def of(cls, id: str, events: Sequence[Event], moments: Sequence[float], *, stored: bool) -> "FixedTurn":
        """Make a turn of these events, with a moment for each."""
        return cls(id, stored, events, SocketFrames.of(events), moments)

    @property
    def timeline(self) -> tuple[float, Sequence[float]]:
        """The moments; they count from 0."""
        return 0.0, self.moments

    def due_at(self, place: int) -> float:
        """Return the moment at which an event is due."""
        return self.moments[place]
