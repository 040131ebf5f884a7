"""Events that come twice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot
from respool.faults.places import PlaceLike, spotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(Fault):
    """An event comes twice, with the same sequence number.

    at  which
    """

    name: ClassVar[str] = "duplicate"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame, here in spotted(frames, self.at):
            yield frame
            if here:
                yield frame
