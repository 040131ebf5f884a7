"""Faults of the end: an answer that stops too early, or not at all."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Action, Frame
from respool.faults.places import PlaceLike, Split, point, spot, spotted
from respool.options import seconds
from respool.protocol.events import ENDING_TYPES


@fault_class("close", "end", Stage.END, expect="notice")
class Close(Fault):
    """The answer ends properly, but too early.

    after  where
    """

    after: PlaceLike = point("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return stopped(frames, self.after, Action.CLOSE)


@fault_class("cut", "end", Stage.END, expect="notice")
class Cut(Fault):
    """The connection is closed (FIN) and the last chunk of the body is missing.

    after  where
    """

    after: PlaceLike = point("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return stopped(frames, self.after, Action.CUT)


@fault_class("abort", "end", Stage.END, expect="notice")
class Abort(Fault):
    """The connection is closed (FIN) within a chunk of the body.

    after  where
    """

    after: PlaceLike = point("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return stopped(frames, self.after, Action.ABORT)


@fault_class("reset_peer", "end", Stage.END, expect="notice")
class ResetPeer(Fault):
    """The connection is reset (RST).

    after  where
    """

    after: PlaceLike = point("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return stopped(frames, self.after, Action.RESET)


@fault_class("half_frame", "end", Stage.END, expect="notice", of_streams=True)
class HalfFrame(Fault):
    """The answer ends properly, in the middle of an event.

    at  which event
    """

    at: PlaceLike = spot("100%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame, here in spotted(frames, self.at):
            if here:
                yield replace(frame, data=frame.data[: len(frame.data) // 2], event=None)
                yield Frame(frame.at, action=Action.CLOSE)
                return
            yield frame


@fault_class("no_terminal", "end", Stage.EVENTS, expect="notice", of_streams=True)
class NoTerminal(Fault):
    """The stream ends properly, but no event says that the response has ended."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        ended = False
        for frame in frames:
            ended = ended or (frame.event is not None and frame.event.type in ENDING_TYPES)
            if not ended or frame.action is not Action.SEND:
                yield frame


@fault_class("slow_close", "end", Stage.TIME)
class SlowClose(Fault):
    """All is sent, the terminal event as well, but the answer does not end.

    seconds  how long the connection stays open
    """

    seconds: float = seconds(float("inf"))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame in frames:
            yield frame if frame.action is Action.SEND else replace(frame, at=frame.at + self.seconds)


def stopped(frames: Iterable[Frame], place: PlaceLike, action: Action) -> Iterator[Frame]:
    """Yield an answer up to a place, and end it there by `action`."""
    split = Split(frames, place)
    yield from split.before()
    if split.reached:
        yield Frame(split.at, action=action)
