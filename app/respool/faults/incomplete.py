"""A response that is not brought to its end."""

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
from respool.protocol.snapshot import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete(Fault):
    """The response ends with `response.incomplete`, in place of what was to come.

    Its output is what has come until then, its usage that of the recording.

    after   where
    reason  of its incomplete_details: max_output_tokens, content_filter, ...
    """

    name: ClassVar[str] = "incomplete"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    after: PlaceLike = point("50%")
    reason: str = text("max_output_tokens")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return ended(frames, self.after, self._last)

    def _last(self, events: list[Event], rest: list[Event]) -> tuple[str, dict[str, Any]]:
        output = [_closed(item) for item in fold(events).get("output", [])]
        changed = {
            "status": "incomplete",
            "incomplete_details": {"reason": self.reason},
            "output": output,
            "usage": _usage(rest),
        }
        return "response.incomplete", {"response": {**response_of(events or rest), **changed}}


def _closed(item: Any) -> Any:
    running = isinstance(item, dict) and item.get("status") == "in_progress"
    return {**item, "status": "incomplete"} if running else item


def _usage(rest: list[Event]) -> Any:
    """What the recording's own end says was used: more than the truth, but of the right shape."""
    for event in reversed(rest):
        response = event.data.get("response") if event.type.startswith("response.") else None
        if isinstance(response, dict) and response.get("usage"):
            return response["usage"]
    return None
