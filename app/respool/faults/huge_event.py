"""A very large event."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot, whole
from respool.faults.places import PlaceLike, spotted
from respool.faults.rewriting import carrying
from respool.protocol.events import Event
from respool.protocol.members import set_members

_MOST = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HugeEvent(Fault):
    """An event is very large, and otherwise sound: its `obfuscation`, padding of the service, is.

    at    which event
    size  bytes of padding
    """

    name: ClassVar[str] = "huge_event"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.EVENTS

    at: PlaceLike = spot("50%")
    size: int = whole(10 * 1024 * 1024, 1, _MOST)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame, here in spotted(frames, self.at):
            if here and frame.event:
                text = set_members(frame.event.text, {"obfuscation": "x" * self.size})
                yield carrying(frame, Event(text, frame.event.type))
            else:
                yield frame
