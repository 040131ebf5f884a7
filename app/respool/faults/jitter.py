"""Uneven gaps."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter(Fault):
    """Each gap becomes longer or shorter at random.

    seconds  by up to this much; no gap becomes negative
    """

    name: ClassVar[str] = "jitter"
    category: ClassVar[Category] = "time"
    stage: ClassVar[Stage] = Stage.TIME

    seconds: float = finite(0.2)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        was = now = 0.0
        for frame in frames:
            gap = frame.at - was if was < math.inf else 0.0  # after a pause without end
            if not frame.head and frame.event:
                gap = max(0.0, gap + rng.uniform(-self.seconds, self.seconds))
            was, now = frame.at, now + gap
            yield replace(frame, at=now)
