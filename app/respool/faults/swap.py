"""Events in the wrong order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot
from respool.faults.places import PlaceLike, spotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap(Fault):
    """An event and the one after it come in the wrong order.

    at  the first of the two
    """

    name: ClassVar[str] = "swap"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        held: Frame | None = None
        for frame, here in spotted(frames, self.at):
            if here:
                held = frame
            elif held and frame.event:
                yield replace(frame, at=held.at)
                yield replace(held, at=frame.at)
                held = None
            else:
                if held:  # it was the last event
                    yield held
                    held = None
                yield frame
