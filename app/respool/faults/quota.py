"""A quota that is used up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.answers import answer
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.protocol.events import dumps
from respool.protocol.response import http_error

_ERROR = {
    "type": "insufficient_quota",
    "code": "insufficient_quota",
    "message": "You exceeded your current quota, please check your plan and billing details.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(Fault):
    """429, the quota is used up: it helps nobody to try again, and the SDKs do."""

    name: ClassVar[str] = "quota"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER
    answers: ClassVar[bool] = True

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return answer(frames, 429, "application/json", dumps(http_error(429, _ERROR)).encode())
