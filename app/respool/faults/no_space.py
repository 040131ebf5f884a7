"""Fields without a space."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.lines import each_line
from respool.faults.rewriting import rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSpace(Fault):
    """There is no space after the colon: ``data:{...}``."""

    name: ClassVar[str] = "no_space"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.TEXT

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, each_line(lambda line: line.replace(b": ", b":", 1)))
