"""Frame: the bytes written at one moment, as faults see an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from respool.protocol.events import Event


class Action(Enum):
    """What a frame does after its bytes."""

    SEND = "send"
    CLOSE = "close"  # end the answer here, properly
    CUT = "cut"  # close the connection: the last chunk of the body is missing
    ABORT = "abort"  # as CUT, but within a chunk
    RESET = "reset"  # reset the connection: RST instead of FIN

    def __repr__(self) -> str:
        return f"Action.{self.name}"


@dataclass(frozen=True, slots=True)
class Head:
    """The start of an answer. Names of `headers` are in lower case."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = True  # whether server-sent events follow, and no other body

    def with_headers(self, **headers: str) -> "Head":
        """Return the head with these headers added; ``content_type`` stands for ``content-type``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes written at a moment, in seconds since the request.

    A sound answer is the frame with its `head`, one frame for each event, and a closing one.
    """

    at: float
    data: bytes = b""
    action: Action = Action.SEND  # after the data
    head: Head | None = None
    event: Event | None = None  # the event that this frame completes
    alone: bool = False  # sent in a write of its own
    close_code: int | None = None  # of a WebSocket that is closed here, and does not break
    close_reason: str = ""
