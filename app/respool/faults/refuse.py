"""A connection that is reset before the answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Fault):
    """The connection is reset (RST) before any byte, much as if nobody listened."""

    name: ClassVar[str] = "refuse"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER
    answers: ClassVar[bool] = True

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        yield Frame(0.0, action=Action.RESET)
