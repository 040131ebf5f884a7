"""Half of an event's JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot
from respool.faults.places import PlaceLike
from respool.faults.rewriting import damage
from respool.protocol import sse


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedJson(Fault):
    """The data of an event is the first half of its JSON; the event itself ends as it should.

    at  which event
    """

    name: ClassVar[str] = "truncated_json"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.DAMAGE

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return damage(
            frames, self.at, lambda event: sse.encode(event.text[: len(event.text) // 2], event.type)
        )
