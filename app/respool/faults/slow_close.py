"""A connection that stays open."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame
from respool.faults.kinds import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose(Fault):
    """All is sent, the terminal event as well, but the answer does not end.

    seconds  how long the connection stays open
    """

    name: ClassVar[str] = "slow_close"
    category: ClassVar[Category] = "end"
    stage: ClassVar[Stage] = Stage.TIME

    seconds: float = seconds(float("inf"))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame in frames:
            yield frame if frame.action is Action.SEND else replace(frame, at=frame.at + self.seconds)
