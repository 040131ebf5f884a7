"""Helpers of faults that write events differently."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from respool.faults.frame import Action, Frame
from respool.faults.places import PlaceLike, spotted
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event, compact_recorded
from respool.protocol.members import set_members

NUMBER = "sequence_number"


def rewrite(frames: Iterable[Frame], change: Callable[[bytes, Frame], bytes]) -> Iterator[Frame]:
    """Yield a stream with `change` applied to each frame with data. Another body is not changed."""
    stream = True
    for frame in frames:
        if frame.head:
            stream = frame.head.stream
        yield replace(frame, data=change(frame.data, frame)) if stream and frame.data else frame


def damage(frames: Iterable[Frame], place: PlaceLike, change: Callable[[Event], bytes]) -> Iterator[Frame]:
    """Yield a stream with the bytes of one event changed."""
    for frame, here in spotted(frames, place):
        yield replace(frame, data=change(frame.event)) if here and frame.event else frame


def carrying(frame: Frame, event: Event) -> Frame:
    """Return the frame with another event."""
    return replace(frame, data=encode_sse(event), event=event)


def numbered(frame: Frame, number: int) -> Frame:
    """Return the frame with its event's sequence number set."""
    assert frame.event
    return carrying(frame, Event(set_members(frame.event.text, {NUMBER: number}), frame.event.type))


def shifted(frame: Frame, by: int) -> Frame:
    """Return the frame with `by` added to its event's sequence number, if it has one."""
    number = frame.event.sequence_number if frame.event else None
    return frame if number is None or not by else numbered(frame, number + by)


def made(at: float, type: str, number: int | None, **fields: Any) -> Frame:
    """Return a frame with a made event, as the service writes it."""
    body = {"type": type, **fields} | ({} if number is None else {NUMBER: number})
    event = Event(compact_recorded(body), type)
    return Frame(at, encode_sse(event), event=event)


def pieces(frame: Frame, sizes: Iterable[int]) -> Iterator[Frame]:
    """Yield the frame in pieces of these sizes. The last one has the frame's action."""
    sizes = iter(sizes)
    data = memoryview(frame.data)
    at = 0
    while len(data) - at > (size := next(sizes)):
        yield replace(frame, data=bytes(data[at : at + size]), event=None, action=Action.SEND)
        at += size
    yield replace(frame, data=bytes(data[at:]))
