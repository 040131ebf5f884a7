"""An event by another name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import line, spot
from respool.faults.places import PlaceLike
from respool.faults.rewriting import damage
from respool.protocol import sse


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongEventName(Fault):
    """The ``event:`` line of an event says another type than its data.

    at     which event
    value  what the line says
    """

    name: ClassVar[str] = "wrong_event_name"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.DAMAGE

    at: PlaceLike = spot("50%")
    value: str = line("response.in_progress")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return damage(frames, self.at, lambda event: sse.encode(event.text, self.value))
