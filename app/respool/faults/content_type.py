"""A wrong content type."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import header


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentType(Fault):
    """A wrong content type; the body is sound.

    value  the header content-type
    """

    name: ClassVar[str] = "content_type"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER

    value: str = header("text/html")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame in frames:
            head = frame.head
            yield replace(frame, head=head.with_headers(content_type=self.value)) if head else frame
