"""Half an event at the end."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame
from respool.faults.kinds import spot
from respool.faults.places import PlaceLike, spotted


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfFrame(Fault):
    """The answer ends properly, in the middle of an event.

    at  which event
    """

    name: ClassVar[str] = "half_frame"
    category: ClassVar[Category] = "end"
    stage: ClassVar[Stage] = Stage.END

    at: PlaceLike = spot("100%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame, here in spotted(frames, self.at):
            if here:
                yield replace(frame, data=frame.data[: len(frame.data) // 2], event=None)
                yield Frame(frame.at, action=Action.CLOSE)
                return
            yield frame
