"""Actions: what a connection asks its driver to do. Values, which a test compares and a fault may change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respool.play.connection_memory import Remembered
from respool.play.live_turn import LiveTurn
from respool.recordings.steer_rule import SteerRule


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text frame. `stream_id` is the lane that it is of."""

    text: str
    stream_id: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StartTurn:
    """Start the response to a request, then call `started` or `refused` of the connection with this.

    stream_id  the lane
    body       the body of a POST that asks for the same
    size       of the client's frame, in bytes
    warm_up    check the request and the response that it continues, but play and consume nothing:
               `warm_up_turn` makes the answer
    lineage    the response that it continues and those before it, the newest first, if this connection
               remembers them. Empty: look `previous_response_id` up among the stored responses
    steers     the ids of the steers that are in its input
    successor  it was not asked for by a create: it follows a response that was steered
    rule       what the recording of that response says of what follows
    """

    stream_id: str | None
    body: Mapping[str, Any]
    size: int = 0
    warm_up: bool = False
    lineage: tuple[Remembered, ...] = ()
    steers: tuple[str, ...] = ()
    successor: bool = False
    rule: SteerRule | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a response, which nobody can see any more: its connection is gone and it is not stored."""

    turn: LiveTurn


@dataclass(frozen=True, slots=True)
class Cut:
    """A steer has ended a response before its own end; `text` is the ``response.incomplete`` that was sent
    after the first `sent` events. What is asked of the response later should say the same."""

    turn: LiveTurn
    text: str
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection. Nothing comes after this but `Cancel`. The code 1006, which cannot be sent, says
    to break it without a close frame."""

    code: int
    reason: str = ""


Action = Send | StartTurn | Cancel | Cut | Close
