"""A time to reconnect."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import flag, whole
from respool.faults.lines import line_end
from respool.faults.rewriting import rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLine(Fault):
    """The stream begins with a ``retry:`` line, which tells a reader when to connect again.

    milliseconds  the line's value
    alone         whether it is a block of its own, without data, or part of the first event
    """

    name: ClassVar[str] = "retry_line"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.TEXT

    milliseconds: int = whole(3000, 0)
    alone: bool = flag(True)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        lines = iter([f"retry: {self.milliseconds}".encode()])

        def add(data: bytes, frame: Frame) -> bytes:
            line = next(lines, b"")
            return line + line_end(data) * (2 if self.alone else 1) + data if line else data

        return rewrite(frames, add)
