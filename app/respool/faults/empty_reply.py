"""A connection that is closed before the answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyReply(Fault):
    """The connection is closed (FIN) before any byte, as by a server that closes an idle connection."""

    name: ClassVar[str] = "empty_reply"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER
    answers: ClassVar[bool] = True

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        yield Frame(0.0, action=Action.CUT)
