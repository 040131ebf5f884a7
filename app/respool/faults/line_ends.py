"""Other line ends."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import choice
from respool.faults.rewriting import rewrite

_END = re.compile(rb"\r\n|\r|\n")
_ENDS = {"crlf": b"\r\n", "cr": b"\r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEnds(Fault):
    """Lines end with CRLF or CR.

    kind  crlf, cr
    """

    name: ClassVar[str] = "line_ends"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.TEXT

    kind: str = choice("crlf", tuple(_ENDS))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, lambda data, _: _END.sub(_ENDS[self.kind], data))
