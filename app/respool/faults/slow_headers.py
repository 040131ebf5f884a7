"""A head that comes late."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowHeaders(Fault):
    """The head leaves late, and with it all that is due by then.

    seconds  after the request
    """

    name: ClassVar[str] = "slow_headers"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.TIME

    seconds: float = seconds(5.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return (replace(frame, at=max(frame.at, self.seconds)) for frame in frames)
