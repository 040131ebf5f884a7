"""An error in the stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from respool.faults.ending import ended
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import flag, point, text
from respool.faults.places import PlaceLike
from respool.protocol.events import Event
from respool.protocol.response import error_event

_MESSAGE = "The server had an error while processing your request."


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent(Fault):
    """The stream ends with an `error` event.

    after    where
    flat     code and message in the event itself, as the SDKs' types say, not nested as the service does
    code     of the error
    type     of the error, where it is nested
    message  of the error
    """

    name: ClassVar[str] = "error_event"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    after: PlaceLike = point("50%")
    flat: bool = flag(False)
    code: str = text("server_error")
    type: str = text("server_error")
    message: str = text(_MESSAGE)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return ended(frames, self.after, self._last)

    def _last(self, events: list[Event], rest: list[Event]) -> tuple[str, dict[str, Any]]:
        error = error_event({"code": self.code, "type": self.type, "message": self.message})
        if self.flat:
            return "error", {name: error[name] for name in ("code", "message", "param")}
        return "error", {"error": error}
