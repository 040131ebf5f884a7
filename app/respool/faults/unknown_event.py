"""An event that nobody knows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import line, point
from respool.faults.places import Parting, PlaceLike
from respool.faults.rewriting import made, shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Fault):
    """An event of an unknown type is put in; the sequence numbers allow for it.

    after  where
    type   its type
    """

    name: ClassVar[str] = "unknown_event"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    after: PlaceLike = point("50%")
    type: str = line("response.unheard_of.delta")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        parting = Parting(frames, self.after, whole=True)
        last: int | None = None
        for frame in parting.before():
            last = frame.event.sequence_number if frame.event else last
            yield frame
        if parting.reached and parting.stream:
            rest = list(parting.rest())
            following = (frame.event.sequence_number for frame in rest if frame.event)
            number = next(following, None if last is None else last + 1)
            yield made(parting.at, self.type, number, delta="?")
            for frame in rest:
                yield shifted(frame, 1)
        yield from parting.rest()
