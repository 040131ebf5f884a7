"""What faults share that cut frames into pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from respool.faults.frame import Action, Frame


def pieces(frame: Frame, sizes: Iterable[int]) -> Iterator[Frame]:
    """The frame in pieces of these sizes. The last one has what the frame does besides."""
    sizes = iter(sizes)
    data = memoryview(frame.data)
    at = 0
    while len(data) - at > (size := next(sizes)):
        yield replace(frame, data=bytes(data[at : at + size]), event=None, action=Action.SEND)
        at += size
    yield replace(frame, data=bytes(data[at:]))
