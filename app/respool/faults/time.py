"""Faults of time: the bytes stay the same, their moments change."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from random import Random

from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Frame
from respool.faults.places import PlaceLike, Split, point
from respool.faults.rewriting import pieces
from respool.options import finite, interval, seconds, whole

KEEPALIVE = b": keepalive\n\n"


@fault_class("latency", "time", Stage.TIME, expect="survive")
class Latency(Fault):
    """The whole answer comes later, its head included.

    seconds  how much later
    """

    seconds: float = seconds(1.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return (replace(frame, at=frame.at + self.seconds) for frame in frames)


@fault_class("ttft", "time", Stage.START, expect="survive", of_streams=True)
class Ttft(Fault):
    """The first delta comes at a moment of its own, and what follows keeps its distance to it.

    The head still leaves at once. Without a delta, the first event counts.

    seconds  after the request
    """

    seconds: float = finite(10.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        frames = list(frames)
        events = [frame for frame in frames if frame.event]
        deltas = [frame for frame in events if frame.event and frame.event.type.endswith(".delta")]
        first = next(iter(deltas or events), None)
        shift = self.seconds - first.at if first else 0.0
        for frame in frames:
            yield frame if frame.head else replace(frame, at=max(0.0, frame.at + shift))


@fault_class("jitter", "time", Stage.TIME, expect="survive", of_streams=True)
class Jitter(Fault):
    """Each gap becomes longer or shorter at random.

    seconds  by up to this much; no gap becomes negative
    """

    seconds: float = finite(0.2)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        was = now = 0.0
        for frame in frames:
            gap = frame.at - was if was < math.inf else 0.0  # after a pause without end
            if not frame.head and frame.event:
                gap = max(0.0, gap + rng.uniform(-self.seconds, self.seconds))
            was, now = frame.at, now + gap
            yield replace(frame, at=now)


@fault_class("stall", "time", Stage.TIME)
class Stall(Fault):
    """The answer pauses, for some time or for ever; the connection stays open.

    after      where
    seconds    how long
    keepalive  a comment each so many seconds while it lasts, in a stream; 0: none
    """

    after: PlaceLike = point("50%")
    seconds: float = seconds(float("inf"))
    keepalive: float = interval(0.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        split = Split(frames, self.after)
        yield from split.before()
        if split.reached and split.stream and self.keepalive > 0:
            for number in count(1):
                if number * self.keepalive >= self.seconds:
                    break
                yield Frame(split.at + number * self.keepalive, KEEPALIVE)
        for frame in split.rest():
            yield replace(frame, at=frame.at + self.seconds)

    def without_chunks(self) -> "Stall":
        return replace(self, keepalive=0.0)


@fault_class("burst", "time", Stage.START, expect="survive")
class Burst(Fault):
    """After a pause, everything comes at once.

    after    where
    seconds  how long the pause is
    """

    after: PlaceLike = point("0")
    seconds: float = finite(2.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        split = Split(frames, self.after)
        yield from split.before()
        for frame in split.rest():
            yield replace(frame, at=split.at + self.seconds)


@fault_class("bandwidth", "time", Stage.RATE, expect="survive")
class Bandwidth(Fault):
    """The body comes at no more than so many bytes a second, in up to ten pieces a second.

    rate  bytes a second
    """

    rate: int = whole(1024)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        size = max(1, self.rate // 10)
        free = 0.0  # the moment when the line is free again
        for frame in frames:
            for piece in pieces(frame, iter(lambda: size, 0)):
                free = max(free, piece.at) + len(piece.data) / self.rate
                yield replace(piece, at=free)
