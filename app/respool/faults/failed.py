"""A response that fails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from respool.faults.ending import ended, response_of
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import point, text
from respool.faults.places import PlaceLike
from respool.protocol.events import Event
from respool.protocol.response import failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Fault):
    """The response ends with `response.failed`, in place of what was to come.

    after    where
    code     of its error
    message  of its error
    """

    name: ClassVar[str] = "failed"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    after: PlaceLike = point("50%")
    code: str = text("server_error")
    message: str = text("The server had an error while processing your request.")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return ended(frames, self.after, self._last)

    def _last(self, events: list[Event], rest: list[Event]) -> tuple[str, dict[str, Any]]:
        error = failure({"code": self.code, "message": self.message})
        # As the service does it: neither its output nor its usage is told.
        changed: dict[str, Any] = {"status": "failed", "error": error, "output": [], "usage": None}
        return "response.failed", {"response": {**response_of(events or rest), **changed}}
