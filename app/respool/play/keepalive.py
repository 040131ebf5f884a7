"""Keepalives: what a stream sends while nothing else is due. Pure functions over events and moments.

Source: OpenAI's service sends an event ``keepalive`` after about 30 seconds of silence, which uses up a
sequence number (a post of its staff, and one recorded stream). Other producers send comments.
"""

from collections.abc import Iterator, Sequence

from respool.protocol.events import ENDING_TYPES, Event, compact
from respool.protocol.members import set_members

KEEPALIVE = "keepalive"
MOST = 10_000  # in one stream: a pause may be as long as it likes


def silences(
    moments: Sequence[float], seconds: float, first: int = 0, last: int | None = None
) -> Iterator[tuple[int, float]]:
    """Yield the moments at which a stream was silent for `seconds`, each with the place of the next frame.

    Only silences before the frames from place `first` to place `last` count; the one before the first frame
    starts with the request. At the moment of a frame no keepalive is due.
    """
    found = 0
    for place in range(first, len(moments) if last is None else last + 1):
        since = moments[place - 1] if place else 0.0
        count = 1
        while (at := since + count * seconds) < moments[place]:
            if found == MOST:
                return
            yield place, at
            found += 1
            count += 1


def with_events(
    events: Sequence[Event], moments: Sequence[float], seconds: float
) -> tuple[list[Event], list[float]]:
    """Return the stream with an event ``keepalive`` after each `seconds` of silence.

    Each takes the next sequence number, so that later numbers rise: only the digits in their texts change.
    There is none before the first event, since a client waits for ``response.created``, nor after the last
    one. In a stream without numbers it has no number.
    """
    ends = (place for place, event in enumerate(events) if event.type in ENDING_TYPES)
    sent: list[Event] = []
    times: list[float] = []
    pauses = silences(moments, seconds, 1, next(ends, len(events) - 1))
    pause = next(pauses, None)
    number: int | None = None  # of the event before, as it is sent
    shift = 0
    for place, (event, moment) in enumerate(zip(events, moments, strict=True)):
        while pause is not None and pause[0] == place:
            number = None if number is None else number + 1
            shift += 1
            sent.append(_keepalive(number))
            times.append(pause[1])
            pause = next(pauses, None)
        known = event.sequence_number
        if known is not None:
            number = known + shift
            if shift:
                event = Event(set_members(event.text, {"sequence_number": number}), event.type)
        sent.append(event)
        times.append(moment)
    return sent, times


def _keepalive(number: int | None) -> Event:
    fields = {} if number is None else {"sequence_number": number}
    return Event(compact({"type": KEEPALIVE, **fields}), KEEPALIVE)
