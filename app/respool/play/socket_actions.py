"""Actions: requests of a connection to its driver. Values, which a test compares and a fault may change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respool.play.connection_memory import Remembered
from respool.play.live_turn import LiveTurn
from respool.recordings.steer_rule import SteerRule


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text frame on the lane `stream_id`."""

    text: str
    stream_id: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StartTurn:
    """Start the response to a request, then call the connection's `started` or `refused` with this value.

    stream_id  the lane
    body       the body of an equal POST
    size       of the client's frame, in bytes
    warm_up    check the request and the response that it continues, but play and use up nothing:
               `warm_up_turn` makes the answer
    lineage    the response that it continues and those before it, the newest first, if this connection
               remembers them. Empty: look `previous_response_id` up among the stored responses
    steers     the ids of the steers in its input
    successor  there was no create: it follows a steered response
    rule       the rule for the successor, from the recording of that response
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
    """Cancel a response that no client can see: its connection is gone and it is not stored."""

    turn: LiveTurn


@dataclass(frozen=True, slots=True)
class Cut:
    """Record that a steer has ended a response before its own end. `text` is the ``response.incomplete`` that
    was sent after the first `sent` events; later answers about the response must agree with it."""

    turn: LiveTurn
    text: str
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection. Only `Cancel` may follow. The code 1006, which cannot be sent, breaks it without
    a close frame."""

    code: int
    reason: str = ""


Action = Send | StartTurn | Cancel | Cut | Close
