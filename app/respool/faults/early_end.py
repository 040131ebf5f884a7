"""Helpers of faults that end the answer early, or with an event of their own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from respool.faults.frame import Action, Frame
from respool.faults.places import PlaceLike, Split
from respool.faults.rewriting import made
from respool.protocol.events import TERMINAL_TYPES, Event

Last = Callable[[list[Event], list[Event]], tuple[str, dict[str, Any]]]


def ended(frames: Iterable[Frame], place: PlaceLike, last: Last) -> Iterator[Frame]:
    """Yield a stream up to a place, and end it there, properly, with the event that `last` returns.

    `last` gets the events so far and those that are left out; it returns type and fields. The sequence number
    is the next one, if the events have any. A response that has ended is not changed.
    """
    split = Split(frames, place, whole=True)
    events: list[Event] = []
    for frame in split.before():
        yield frame
        if frame.event:
            events.append(frame.event)
    rest = list(split.rest())
    over = any(event.type in TERMINAL_TYPES for event in events)
    if not split.reached or not split.stream or over:
        yield from rest
        return
    number = next((event.sequence_number for event in reversed(events)), None)
    first = next((frame.event.sequence_number for frame in rest if frame.event), None)
    kind, fields = last(events, [frame.event for frame in rest if frame.event])
    yield made(split.at, kind, first if number is None else number + 1, **fields)
    yield from (replace(frame, at=split.at) for frame in rest if frame.action is Action.CLOSE)


def response_of(events: list[Event]) -> dict[str, Any]:
    """Return the Response object of the first event that has one; else a minimal one."""
    for event in events:
        if event.type.count(".") == 1 and isinstance(response := event.data.get("response"), dict):
            return response
    return {"id": "resp_0", "object": "response", "created_at": 0, "output": []}
