"""A connection that is reset."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.ending import stopped
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame
from respool.faults.kinds import point
from respool.faults.places import PlaceLike


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer(Fault):
    """The connection is reset (RST).

    after  where
    """

    name: ClassVar[str] = "reset_peer"
    category: ClassVar[Category] = "end"
    stage: ClassVar[Stage] = Stage.END

    after: PlaceLike = point("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return stopped(frames, self.after, Action.RESET)
