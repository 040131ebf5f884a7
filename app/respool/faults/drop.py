"""Lost events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot, whole
from respool.faults.places import PlaceLike, spotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Fault):
    """Events are lost; the sequence numbers of the others stay.

    at     the first of them
    count  how many
    """

    name: ClassVar[str] = "drop"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    at: PlaceLike = spot("50%")
    count: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        left = 0
        for frame, here in spotted(frames, self.at):
            left = self.count if here else left
            if left and frame.event:
                left -= 1
            else:
                yield frame
