"""Other sequence numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import whole
from respool.faults.rewriting import numbered


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumber(Fault):
    """All events are numbered anew, one after the other; those too that had no sequence number.

    first  the number of the first event
    """

    name: ClassVar[str] = "renumber"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    first: int = whole(1, 0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        number = self.first
        for frame in frames:
            if frame.event:
                yield numbered(frame, number)
                number += 1
            else:
                yield frame
