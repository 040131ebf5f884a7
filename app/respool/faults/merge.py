"""Large chunks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame
from respool.faults.kinds import whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Fault):
    """Events are held back until they make a large chunk, as by a proxy that buffers.

    size  bytes after which a chunk leaves; the last one is smaller
    """

    name: ClassVar[str] = "merge"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.CHUNKS

    size: int = whole(65536)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        held: list[Frame] = []
        room = self.size
        for frame in frames:
            if frame.head or frame.action is not Action.SEND:
                yield from _together(held, frame.at)
                held, room = [], self.size
                yield frame
                continue
            held.append(frame)
            room -= len(frame.data)
            if room <= 0:
                yield from _together(held, frame.at)
                held, room = [], self.size


def _together(held: list[Frame], at: float) -> Iterator[Frame]:
    # What the others carry is in the last one; they stay, since each says which event it is.
    for frame in held[:-1]:
        yield replace(frame, at=at, data=b"")
    for frame in held[-1:]:
        yield replace(frame, at=at, data=b"".join(one.data for one in held), alone=True)
