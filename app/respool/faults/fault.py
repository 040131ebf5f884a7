"""Fault: the base of all faults, and the order in which they are applied."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from random import Random
from typing import Any, ClassVar, Literal

from respool.errors import FaultError
from respool.faults.frame import Frame
from respool.faults.kinds import Kind, maybe_whole, share

Category = Literal["before", "time", "wire", "end", "events"]


class Stage(IntEnum):
    """When a fault is applied. Within a stage the order in which they are named counts.

    So events are changed while a frame is an event, a place counts what the client will see, and a body
    is sliced after it was compressed, whichever of a recording's, a server's and a request's faults comes
    first.
    """

    ANSWER = 1  # the answer as a whole, and its head
    EVENTS = 2  # which events there are, and what they say
    DAMAGE = 3  # the bytes of single events
    TEXT = 4  # how all events are written
    START = 5  # what comes first, and when
    END = 6  # where the answer ends; its places are those of the faults of time, too
    TIME = 7
    CODING = 8  # content-encoding
    CHUNKS = 9  # in which pieces it leaves
    RATE = 10  # how fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong with an answer.

    probability  share of the plays in which it does
    times        how many plays of a recording it does at most, on one server; none: all

    Options may be given as the syntax has them (``Abort(after="50%")``). Raises FaultError for a value that
    makes no sense.
    """

    name: ClassVar[str]
    category: ClassVar[Category]
    stage: ClassVar[Stage]
    answers: ClassVar[bool] = False  # it takes the place of the whole answer: only one such can
    coding: ClassVar[str | None] = None  # a content coding that the client must accept

    probability: float = share(1.0)
    times: int | None = maybe_whole()

    def __post_init__(self) -> None:
        for key, kind in kinds_of(type(self)).items():
            value = getattr(self, key)
            try:
                object.__setattr__(self, key, kind.read(value))
            except (ValueError, KeyError, TypeError, OverflowError):
                raise FaultError.of_value(self.name, key, value, kind.expected) from None

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        """The frames of an answer as they are with this fault. All chance comes from `rng`."""
        raise NotImplementedError

    def __str__(self) -> str:
        """The syntax that gives this fault: what `parse` reads."""
        defaults = {field.name: field.default for field in fields(self)}
        given = [
            f"{key}={kind.write(value)}"
            for key, kind in kinds_of(type(self)).items()
            if (value := getattr(self, key)) != defaults[key]
        ]
        return f"{self.name}({', '.join(given)})" if given else self.name


_COMMON = ("probability", "times")


def kinds_of(fault: type[Fault]) -> dict[str, Kind]:
    """The options of a fault, and what each may be: its own first, then those of all faults."""
    own: dict[str, Any] = {field.name: field.metadata["kind"] for field in fields(fault)}
    return own | {name: own.pop(name) for name in _COMMON}
