"""Missing sequence numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot, whole
from respool.faults.places import PlaceLike, spotted
from respool.faults.rewriting import shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Fault):
    """Sequence numbers are left out, though no event is missing.

    at    the first event whose number is too high
    size  how many numbers are left out
    """

    name: ClassVar[str] = "gap"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    at: PlaceLike = spot("50%")
    size: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        by = 0
        for frame, here in spotted(frames, self.at):
            by = self.size if here else by
            yield shifted(frame, by)
