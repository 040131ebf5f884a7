"""Data over several lines."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import whole
from respool.faults.lines import line_end
from respool.faults.rewriting import rewrite

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|,')


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitData(Fault):
    """The data of each event is on several ``data:`` lines, cut after commas between members.

    lines  how many, if it has so many commas
    """

    name: ClassVar[str] = "split_data"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.TEXT

    lines: int = whole(2, 2, 1000)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, self._split)

    def _split(self, data: bytes, frame: Frame) -> bytes:
        end = line_end(data)
        return b"".join(
            self._split_line(line, end) if line.startswith(b"data:") else line
            for line in data.splitlines(keepends=True)
        )

    def _split_line(self, line: bytes, end: bytes) -> bytes:
        commas = [match.end() for match in _TOKEN.finditer(line) if match[0] == b","]
        cuts = commas if len(commas) < self.lines else self._spread(commas)
        label = b"data: " if line.startswith(b"data: ") else b"data:"
        starts = [0, *cuts]
        return (end + label).join(
            line[start:stop] for start, stop in zip(starts, [*cuts, len(line)], strict=True)
        )

    def _spread(self, commas: list[int]) -> list[int]:
        return [commas[number * len(commas) // self.lines] for number in range(1, self.lines)]
