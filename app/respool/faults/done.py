"""A sentinel at the end."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame
from respool.protocol.event_frames import SSE_DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Fault):
    """The stream ends with ``data: [DONE]``, as those of other producers do."""

    name: ClassVar[str] = "done"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.DAMAGE

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        stream = True
        for frame in frames:
            if frame.head:
                stream = frame.head.stream
            if frame.action is Action.CLOSE and stream:
                yield Frame(frame.at, SSE_DONE)
            yield frame
