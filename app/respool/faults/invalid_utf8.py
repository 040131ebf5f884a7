"""A byte that is not UTF-8."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import spot
from respool.faults.places import PlaceLike
from respool.faults.rewriting import damage
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidUtf8(Fault):
    """A string of an event (its last one) begins with the byte FF, which is not UTF-8.

    at  which event
    """

    name: ClassVar[str] = "invalid_utf8"
    category: ClassVar[Category] = "events"
    stage: ClassVar[Stage] = Stage.DAMAGE

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return damage(frames, self.at, _spoil)


def _spoil(event: Event) -> bytes:
    data = encode_sse(event)
    start = max(data.rfind(b':"'), data.rfind(b': "') + 1) + 2
    return data[:start] + b"\xff" + data[start:]
