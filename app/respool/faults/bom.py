"""A byte order mark."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.rewriting import rewrite

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bom(Fault):
    """The stream begins with a byte order mark, which the standard allows."""

    name: ClassVar[str] = "bom"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.START  # before the lines that others put in

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        marks = iter([_BOM])
        return rewrite(frames, lambda data, _: next(marks, b"") + data)
