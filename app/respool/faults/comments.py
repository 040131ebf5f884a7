"""Comments between events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import line, whole
from respool.faults.lines import line_end
from respool.faults.rewriting import rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments(Fault):
    """There are comments between events, as some servers send them to keep connections alive.

    text   of the comment
    every  after how many events there is one
    """

    name: ClassVar[str] = "comments"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.TEXT

    text: str = line("keepalive")
    every: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        comment = b": " + self.text.encode("utf-8", "replace")
        events = 0

        def add(data: bytes, frame: Frame) -> bytes:
            nonlocal events
            events += frame.event is not None
            if frame.event is None or events % self.every:
                return data
            return data + comment + 2 * line_end(data)

        return rewrite(frames, add)
