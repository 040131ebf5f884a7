"""A stream without its last event."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame
from respool.protocol.events import TERMINAL_TYPES

_ENDS = TERMINAL_TYPES | {"error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTerminal(Fault):
    """The stream ends properly, but no event says that the response has ended."""

    name: ClassVar[str] = "no_terminal"
    category: ClassVar[Category] = "end"
    stage: ClassVar[Stage] = Stage.EVENTS

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        ended = False
        for frame in frames:
            ended = ended or (frame.event is not None and frame.event.type in _ENDS)
            if not ended or frame.action is not Action.SEND:
                yield frame
