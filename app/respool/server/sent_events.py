"""SentEvent: an event that was sent, for a controller."""

from dataclasses import dataclass, field

from respool.server.delivery import Delivery


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event that was sent. `seq` is its sequence number, or its place in a stream without numbers; `t` is
    when it was due, in seconds since the playback began."""

    playback: str
    seq: int
    type: str
    t: float
    text: str = field(repr=False)


def sent_events(delivery: Delivery, first: int, last: int) -> list[SentEvent]:
    """Return the events of a delivery from one place to another."""
    playing = delivery.playback.playing
    found = []
    for place in range(first, min(last, len(playing.events))):
        event = playing.events[place]
        number = event.sequence_number
        at = playing.moments[place]
        found.append(SentEvent(delivery.id, place if number is None else number, event.type, at, event.text))
    return found
