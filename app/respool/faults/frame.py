"""Frame: what is written at one moment, as the faults see an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from respool.protocol.events import Event


class Action(Enum):
    """What a frame does besides carrying bytes."""

    SEND = "send"
    CLOSE = "close"  # end the answer here, properly
    CUT = "cut"  # close the connection: the last chunk of the body is missing
    ABORT = "abort"  # the same, within a chunk
    RESET = "reset"  # reset the connection: RST instead of FIN

    def __repr__(self) -> str:
        return f"Action.{self.name}"


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer. Names of `headers` are in lower case."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = True  # whether server-sent events follow, and not a body of another kind

    def with_headers(self, **headers: str) -> "Head":
        """The same with other headers; ``content_type`` stands for ``content-type``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


@dataclass(frozen=True, slots=True)
class Frame:
    """What is written at a moment, in seconds since the request.

    A sound answer is the frame with its `head`, one frame for each event, and one that closes it.
    """

    at: float
    data: bytes = b""
    action: Action = Action.SEND  # after the data
    head: Head | None = None
    event: Event | None = None  # the event that is sent whole when this frame is
    alone: bool = False  # it leaves in a write of its own, whatever else is due
    close_code: int | None = None  # of a WebSocket, if it is closed here and not broken
    close_reason: str = ""
