"""A body that is no JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.answers import answer
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import text, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJson(Fault):
    """A body that is no JSON, though its content type says so.

    body  what is sent
    code  the status, 200 to 599
    """

    name: ClassVar[str] = "not_json"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER
    answers: ClassVar[bool] = True

    body: str = text("<!DOCTYPE html><title>Sign in</title>")
    code: int = whole(200, 200, 599)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return answer(frames, self.code, "application/json", self.body.encode("utf-8", "replace"))
