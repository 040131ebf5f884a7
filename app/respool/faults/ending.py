"""What faults share that end the answer early, or with an event of their own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from respool.faults.frame import Action, Frame
from respool.faults.places import Parting, PlaceLike
from respool.faults.rewriting import made
from respool.protocol.events import TERMINAL_TYPES, Event

Last = Callable[[list[Event], list[Event]], tuple[str, dict[str, Any]]]


def stopped(frames: Iterable[Frame], place: PlaceLike, action: Action) -> Iterator[Frame]:
    """An answer that goes up to a place and stops there, by `action`."""
    parting = Parting(frames, place)
    yield from parting.before()
    if parting.reached:
        yield Frame(parting.at, action=action)


def ended(frames: Iterable[Frame], place: PlaceLike, last: Last) -> Iterator[Frame]:
    """A stream that goes up to a place and ends there, properly, with the event that `last` gives.

    `last` gets the events which came and those which do not come any more; it gives type and fields.
    The sequence number is the next one, if the events have any. A response that has ended has ended.
    """
    parting = Parting(frames, place, whole=True)
    events: list[Event] = []
    for frame in parting.before():
        yield frame
        if frame.event:
            events.append(frame.event)
    rest = list(parting.rest())
    over = any(event.type in TERMINAL_TYPES for event in events)
    if not parting.reached or not parting.stream or over:
        yield from rest
        return
    number = next((event.sequence_number for event in reversed(events)), None)
    first = next((frame.event.sequence_number for frame in rest if frame.event), None)
    kind, fields = last(events, [frame.event for frame in rest if frame.event])
    yield made(parting.at, kind, first if number is None else number + 1, **fields)
    yield from (replace(frame, at=parting.at) for frame in rest if frame.action is Action.CLOSE)


def response_of(events: list[Event]) -> dict[str, Any]:
    """The Response object as it was when it began; a bare one where no event has it."""
    for event in events:
        if event.type.count(".") == 1 and isinstance(response := event.data.get("response"), dict):
            return response
    return {"id": "resp_0", "object": "response", "created_at": 0, "output": []}
