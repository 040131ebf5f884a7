"""Small chunks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import finite, whole
from respool.faults.pieces import pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer(Fault):
    """The body leaves in chunks of a few bytes, so that lines, line ends and characters are cut.

    size       bytes a chunk
    variation  each chunk is larger or smaller at random by up to this many bytes
    delay      seconds between two chunks
    """

    name: ClassVar[str] = "slicer"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.CHUNKS

    size: int = whole(1)
    variation: int = whole(0, 0)
    delay: float = finite(0.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        sizes = self._sizes(rng)
        free = 0.0
        for frame in frames:
            for piece in pieces(frame, sizes):
                at = max(piece.at, free)
                free = at + self.delay if piece.data else at
                yield replace(piece, at=at, alone=bool(piece.data))

    def _sizes(self, rng: Random) -> Iterator[int]:
        while True:
            yield max(1, self.size + rng.randint(-self.variation, self.variation))
