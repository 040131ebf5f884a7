"""The time to the first token."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttft(Fault):
    """The first delta comes at a moment of its own, and what follows keeps its distance to it.

    The head still leaves at once. Without a delta, the first event counts.

    seconds  after the request
    """

    name: ClassVar[str] = "ttft"
    category: ClassVar[Category] = "time"
    stage: ClassVar[Stage] = Stage.START

    seconds: float = finite(10.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        frames = list(frames)
        events = [frame for frame in frames if frame.event]
        deltas = [frame for frame in events if frame.event and frame.event.type.endswith(".delta")]
        first = next(iter(deltas or events), None)
        shift = self.seconds - first.at if first else 0.0
        for frame in frames:
            yield frame if frame.head else replace(frame, at=max(0.0, frame.at + shift))
