"""A delay of everything."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Fault):
    """The whole answer comes later, its head included.

    seconds  how much later
    """

    name: ClassVar[str] = "latency"
    category: ClassVar[Category] = "time"
    stage: ClassVar[Stage] = Stage.TIME

    seconds: float = seconds(1.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return (replace(frame, at=frame.at + self.seconds) for frame in frames)
