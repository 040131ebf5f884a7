"""A slow line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import whole
from respool.faults.pieces import pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth(Fault):
    """The body comes at no more than so many bytes a second, in up to ten pieces a second.

    rate  bytes a second
    """

    name: ClassVar[str] = "bandwidth"
    category: ClassVar[Category] = "time"
    stage: ClassVar[Stage] = Stage.RATE

    rate: int = whole(1024)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        size = max(1, self.rate // 10)
        free = 0.0  # when the line is free again
        for frame in frames:
            for piece in pieces(frame, iter(lambda: size, 0)):
                free = max(free, piece.at) + len(piece.data) / self.rate
                yield replace(piece, at=free)
