"""Fault: the base of all faults, and the decorator that makes a class one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform

from respool import options
from respool.errors import FaultError
from respool.faults.frame import Frame
from respool.options import Option, maybe_whole, share

Category = Literal["before", "time", "wire", "end", "events", "model", "socket"]
# What a client should do: survive: as without the fault; either: that, or fail; cope: finish; notice: fail.
Expectation = Literal["survive", "either", "cope", "notice"]

MAX_FAULTS = 32  # faults of one text, list or server: each one rewrites the whole answer
MAX_ADDED = 16 * 1024 * 1024  # bytes that all faults together may add to an answer


class Stage(IntEnum):
    """The stage at which a fault is applied. Within a stage, faults are applied in the order given.

    So events are changed while a frame is an event, a place counts what the client will receive, and a body
    is sliced after it was compressed, whether a fault comes from a recording, a server or a request.
    """

    ANSWER = 1  # the answer as a whole, and its head
    MODEL = 2  # the output of the model
    EVENTS = 3  # events: their presence and content
    DAMAGE = 4  # the bytes of single events
    TEXT = 5  # the text form of all events
    START = 6  # the first bytes, and their moment
    END = 7  # the end of the answer; from here on, percentages are of the answer before this stage
    TIME = 8
    CODING = 9  # content-encoding
    CHUNKS = 10  # the pieces in which it is sent
    RATE = 11  # the rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong with an answer.

    probability  share of the plays in which it does
    times        how many plays of a recording it does at most, on one server; none: all

    Options may be given in the syntax (``Abort(after="50%")``). An invalid value raises FaultError.
    """

    name: ClassVar[str]
    category: ClassVar[Category]
    stage: ClassVar[Stage]
    expect: ClassVar[Expectation]
    answers: ClassVar[bool]  # it replaces the whole answer: only one such fault can happen
    coding: ClassVar[str | None]  # a content coding that the client must accept
    of_streams: ClassVar[bool]  # it changes a stream, and no other answer

    probability: float = share(1.0)
    times: int | None = maybe_whole()

    def __post_init__(self) -> None:
        def wrong(key: str, value: Any, expected: str) -> FaultError:
            return FaultError.of_value(self.name, key, value, expected)

        options.read_options(self, wrong)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        """Return the frames of an answer with this fault. All randomness comes from `rng`."""
        raise NotImplementedError

    @property
    def added_bytes(self) -> int:
        """The number of bytes that the fault may add to an answer, if it can be large."""
        return 0

    def without_chunks(self) -> "Fault":
        """Return the fault for a client of HTTP/1.0, without additions to a body while it is sent."""
        return self

    def __str__(self) -> str:
        """Return the fault in the syntax that `parse` reads."""
        given = [
            f"{key}={option.type.write(value)}"
            for key, option in options_of(type(self)).items()
            if (value := getattr(self, key)) != option.default
        ]
        return f"{self.name}({', '.join(given)})" if given else self.name


def limit(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the faults. Raise FaultError if there are too many, or if they add too much to an answer."""
    limited: list[Fault] = []
    for fault in faults:
        limited.append(fault)
        if len(limited) > MAX_FAULTS:
            raise FaultError(f"more than {MAX_FAULTS} faults: an answer takes no more; leave some out")
    if (added := sum(fault.added_bytes for fault in limited)) > MAX_ADDED:
        raise FaultError(
            f"the faults add {added} bytes to an answer, expected no more than {MAX_ADDED} in all"
        )
    return tuple(limited)


_F = TypeVar("_F", bound=Fault)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def fault_class(
    name: str,
    category: Category,
    stage: Stage,
    *,
    expect: Expectation = "either",
    answers: bool = False,
    coding: str | None = None,
    of_streams: bool = False,
) -> Callable[[type[_F]], type[_F]]:
    """Make a class a fault: a frozen dataclass with its name in the syntax.

    expect   what a client should do, for `respool drill`
    answers  whether it replaces the whole answer: of several such faults, the first happens
    coding   a content coding that the client must accept
    of_streams  whether it only happens to streams, as faults of events do
    """

    def decorate(cls: type[_F]) -> type[_F]:
        made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        made.name, made.category, made.stage = name, category, stage
        made.expect, made.answers, made.coding = expect, answers, coding
        made.of_streams = of_streams or category == "events"
        return made

    return decorate


_COMMON = ("probability", "times")


def options_of(fault: type[Fault]) -> Mapping[str, Option]:
    """Return the options of a fault: its own first, then those of all faults."""
    own = dict(options.options_of(fault))
    return own | {name: own.pop(name) for name in _COMMON}
