"""SessionHolds: holds for the streams of a session that have not begun."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from respool.errors import OptionError, RequestError, printable
from respool.play.edits import NEVER, Hold
from respool.recordings.hold_points import HoldPoint
from respool.server.delivery import Delivery

MOST = 1000  # in a session


@dataclass(frozen=True, slots=True)
class SessionHold:
    """A hold for streams that will begin.

    recording  the name of the recording, with or without its turn; ``*`` stands for any characters. None: any
    stub       the name of the stub that chose it, likewise
    nth        only the nth stream of those, from 1; None: each
    times      how many streams it holds at most; None: any number
    on_caught  called with each stream that it holds, before the stream begins
    """

    id: str
    point: HoldPoint
    recording: str | None = None
    nth: int | None = None
    times: int | None = None
    on_caught: Callable[[Delivery], None] | None = field(default=None, compare=False, repr=False)
    stub: str | None = None

    def is_for(self, name: str, stub: str = "") -> bool:
        """Return True if it applies to a stream of this recording, chosen by this stub ("": by none)."""
        if self.stub is not None and not (stub and fnmatchcase(stub, self.stub)):
            return False
        if self.recording is None:
            return True
        return any(fnmatchcase(one, self.recording) for one in (name, name.partition("#")[0]))


class SessionHolds:
    """The holds of one session, by id."""

    def __init__(self) -> None:
        self._holds: dict[str, SessionHold] = {}
        self._seen: dict[str, int] = {}  # streams that each was for
        self._held: dict[str, int] = {}
        self.made = 0  # ids

    def __iter__(self) -> Iterator[SessionHold]:
        return iter(list(self._holds.values()))

    def __bool__(self) -> bool:
        return bool(self._holds)

    def new_id(self) -> str:
        """Return an unused id."""
        self.made += 1
        while f"h{self.made}" in self._holds:
            self.made += 1
        return f"h{self.made}"

    def put(self, hold: SessionHold) -> None:
        """Add a hold, or replace the one with its id. Raise OptionError if there are too many."""
        if hold.id not in self._holds and len(self._holds) >= MOST:
            raise OptionError(f"the session has {MOST} holds already; remove some")
        self._holds[hold.id] = hold
        self._seen[hold.id] = self._held[hold.id] = 0

    def counts(self, id: str) -> tuple[int, int]:
        """Return how many streams a hold applied to, and how many it has held."""
        return self._seen[id], self._held[id]

    def restore(self, hold: SessionHold, seen: int, held: int) -> None:
        """Add a hold with its stored counts."""
        self._holds[hold.id] = hold
        self._seen[hold.id], self._held[hold.id] = seen, held

    def remove(self, id: str) -> bool:
        """Remove a hold. Return False if there was none. Streams that it holds stay held."""
        return self._holds.pop(id, None) is not None

    def clear(self) -> None:
        """Remove all holds."""
        self._holds.clear()

    def take(self, name: str, stub: str = "") -> list[SessionHold]:
        """Return the holds for the stream that begins now, of this recording, chosen by this stub."""
        return [hold for hold in self._holds.values() if self._takes(hold, name, stub)]

    def _takes(self, hold: SessionHold, name: str, stub: str) -> bool:
        if not hold.is_for(name, stub):
            return False
        self._seen[hold.id] += 1
        if hold.nth not in (None, self._seen[hold.id]) or self._held[hold.id] == hold.times:
            return False
        self._held[hold.id] += 1
        return True


def hold(
    delivery: Delivery, requested: Sequence[HoldPoint], holds: SessionHolds, stubs: Sequence[HoldPoint] = ()
) -> None:
    """Hold a delivery that has yet to begin, at the points of its request, its recording, the stub that chose
    it, and its session.

    Raise RequestError if it has no event that the request or the recording names. A hold of a stub or of a
    session may be for many recordings: one without such an event is not held.
    """
    playback = delivery.playback
    of_recording = playback.recording.header.hold
    if not (requested or of_recording or stubs or holds) or playback.recording.plain:
        return
    found: list[tuple[HoldPoint, SessionHold | None, bool]] = [
        (point, None, True) for point in (*requested, *of_recording)
    ]
    found += [(point, None, False) for point in stubs]
    if holds:
        stub = playback.origin.stub if playback.origin else ""
        found += [(one.point, one, False) for one in holds.take(playback.recording.name, stub)]
    for point, by, needed in found:
        place = point.place(playback.events)
        if place is None:
            if not needed:
                continue
            raise RequestError(
                f"The recording {printable(playback.recording.name)} cannot be held {point}: it has no such "
                "event.",
                code="invalid_hold",
            )
        playback.edit(Hold(place), -NEVER)  # before anything of it is due
        delivery.points += (point,)
        if by is not None:
            delivery.hold_ids += (by.id,)
            if by.on_caught:
                by.on_caught(delivery)
