"""Events with an id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.lines import line_end
from respool.faults.rewriting import rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class IdLines(Fault):
    """Each event has an ``id:`` line, with its sequence number (or its place, where it has none)."""

    name: ClassVar[str] = "id_lines"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.TEXT

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        events = 0

        def add(data: bytes, frame: Frame) -> bytes:
            nonlocal events
            if frame.event is None:
                return data
            number = frame.event.sequence_number
            events += 1
            return f"id: {events - 1 if number is None else number}".encode() + line_end(data) + data

        return rewrite(frames, add)
