"""Choosing the faults of a play, and applying them to its frames."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from random import Random
from typing import Any

from respool.faults.fault import Fault, Stage, options_of
from respool.faults.frame import Action, Frame
from respool.faults.places import SPOT, Place

MOST_COUNTED = 10_000  # faults with `times`, and names with counted plays


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault that happens in this play, and its generator of random numbers."""

    fault: Fault
    rng: Random

    @classmethod
    def of(cls, fault: Fault, seed: int = 0) -> "ActiveFault":
        """Return a fault that is sure to happen."""
        return cls(fault, Random(seed))

    def without_chunks(self) -> "ActiveFault":
        """Return the fault for a client of HTTP/1.0; see `Fault.without_chunks`."""
        return replace(self, fault=self.fault.without_chunks())


class BoundedCounter(dict[str, int]):
    """Counts by key. Beyond `MOST_COUNTED` keys, the one counted least recently is dropped."""

    def __missing__(self, key: str) -> int:
        return 0

    def count(self, key: str) -> int:
        """Add one to a key's count, and return it."""
        number = self.pop(key, 0) + 1
        self[key] = number  # the latest is last
        if len(self) > MOST_COUNTED:
            del self[next(iter(self))]
        return number


def _key(name: str, fault: Fault) -> str:
    """Return a key for a fault of a recording. It is a hash, since the text of a fault may be long."""
    return blake2b(f"{name}\0{fault}".encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


class FaultSampler:
    """Decides by chance and by count which faults happen, and counts them.

    Chance depends on `seed`, the recording's name and the number of this play among its plays with faults. So
    it differs from play to play, and a repeated run is the same.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.plays = BoundedCounter()
        self.happened = BoundedCounter()

    def sample(
        self, name: str, faults: Iterable[Fault], codings: Collection[str] = ()
    ) -> tuple[ActiveFault, ...]:
        """Return the faults that happen in the next play of the recording `name`.

        `codings` are the content codings that the client accepts. Of several faults that replace the whole
        answer, the first one happens; the others are not counted.
        """
        faults = tuple(faults)
        if not faults:
            return ()
        play = self.plays.count(name)
        active: list[ActiveFault] = []
        for number, fault in enumerate(faults):
            rng = Random(f"{self.seed}:{name}:{play}:{number}")
            if rng.random() >= fault.probability or (fault.coding and fault.coding not in codings):
                continue
            if fault.answers and any(one.fault.answers for one in active):
                continue
            if fault.times is not None and self.happened[_key(name, fault)] >= fault.times:
                continue
            active.append(ActiveFault(fault, rng))
        for key in {_key(name, one.fault) for one in active if one.fault.times}:
            self.happened.count(key)
        return tuple(active)

    def clear(self) -> None:
        """Forget all plays."""
        self.plays.clear()
        self.happened.clear()


def apply(frames: Iterable[Frame], active: Iterable[ActiveFault]) -> Iterator[Frame]:
    """Yield the frames of an answer with these faults, stage by stage.

    Up to the stage END an answer is a list of whole events. From then on it is generated while it is sent, so
    that an endless stream or a million pieces take no memory.
    """
    ordered = sorted(active, key=lambda one: one.fault.stage)  # a sort keeps the order of equals
    placed = False
    measured = False
    for stage, ones in groupby(ordered, key=lambda one: one.fault.stage):
        if stage > Stage.CODING and not measured:
            frames, measured = _measured(frames), True
        if stage >= Stage.END and not placed:
            frames, placed = list(frames), True
            whole: Sequence[Frame] = frames
        for one in ones:
            fault = _placed(one.fault, whole) if placed else one.fault
            frames = fault.apply(frames, one.rng)
    return iter(frames) if measured else _measured(frames)


def _placed(fault: Fault, frames: Sequence[Frame]) -> Fault:
    """Return the fault with its percentages turned into counts of the whole answer."""
    places: dict[str, Any] = {
        key: value.among(frames, 1 if option.type is SPOT else 0)
        for key, option in options_of(type(fault)).items()
        if isinstance(value := getattr(fault, key), Place)
    }
    return replace(fault, **places) if places else fault


def _measured(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield the frames of an answer with the right content-length, unless it is cut off."""
    frames = iter(frames)
    for frame in frames:
        if frame.head is None or "content-length" not in frame.head.headers:
            yield frame
            continue
        rest = list(frames)  # a body, not a stream
        size = sum(len(one.data) for one in rest)
        if rest and rest[-1].action is not Action.CLOSE:
            size = max(size + 1, int(frame.head.headers["content-length"]))
        yield replace(frame, head=frame.head.with_headers(content_length=str(size)))
        yield from rest
