"""A pause."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import interval, point, seconds
from respool.faults.places import Parting, PlaceLike

KEEPALIVE = b": keepalive\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall(Fault):
    """The answer pauses, for some time or for ever; the connection stays open.

    after      where
    seconds    how long
    keepalive  a comment each so many seconds while it lasts, in a stream; 0: none
    """

    name: ClassVar[str] = "stall"
    category: ClassVar[Category] = "time"
    stage: ClassVar[Stage] = Stage.TIME

    after: PlaceLike = point("50%")
    seconds: float = seconds(float("inf"))
    keepalive: float = interval(0.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        parting = Parting(frames, self.after)
        yield from parting.before()
        if parting.reached and parting.stream and self.keepalive > 0:
            for number in count(1):
                if number * self.keepalive >= self.seconds:
                    break
                yield Frame(parting.at + number * self.keepalive, KEEPALIVE)
        for frame in parting.rest():
            yield replace(frame, at=frame.at + self.seconds)
