"""A broken chunked body."""

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
class Abort(Fault):
    """The connection is closed (FIN) within a chunk of the body.

    after  where
    """

    name: ClassVar[str] = "abort"
    category: ClassVar[Category] = "end"
    stage: ClassVar[Stage] = Stage.END

    after: PlaceLike = point("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return stopped(frames, self.after, Action.ABORT)
