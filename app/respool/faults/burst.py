"""All at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import finite, point
from respool.faults.places import Parting, PlaceLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst(Fault):
    """After a pause, everything comes at once.

    after    where
    seconds  how long the pause is
    """

    name: ClassVar[str] = "burst"
    category: ClassVar[Category] = "time"
    stage: ClassVar[Stage] = Stage.START

    after: PlaceLike = point("0")
    seconds: float = finite(2.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        parting = Parting(frames, self.after)
        yield from parting.before()
        for frame in parting.rest():
            yield replace(frame, at=parting.at + self.seconds)
