"""Deliveries: all streams that a server is sending, and the latest that have ended."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from respool.errors import EditError, RequestError, printable
from respool.play.clock import Clock, Timer
from respool.play.edits import Comment, Finish, Release
from respool.play.playback import Playback
from respool.recordings.hold_points import HoldPoint
from respool.server.delivery import Delivery
from respool.server.journal import Exchange

MOST_ENDED = 1000  # ended deliveries that are remembered
PREFIX = "pb_"  # of ids
RESET_WHILE_HELD = "its session was reset while it was held"


class Deliveries:
    """The deliveries of one server. Use it in the thread of the server's event loop only.

    A delivery that is held longer than its hold allows is ended, and a held one may get keepalives: both by
    the server's clock, not by the session's.
    """

    def __init__(
        self,
        clock: Clock,
        on_edit: Callable[[Playback], None] = lambda playback: None,
        node: str = "",
        on_left: Callable[[Playback, str], None] = lambda playback, session: None,
    ) -> None:
        """`on_edit` is called with each playback that a timer, or a socket's steer, has edited; `on_left`
        with the playback and the session of an attached delivery that ends early. `node` is the server's
        name among those that share its state."""
        self._prefix = f"{PREFIX}{short_name(node)}_" if node else PREFIX
        self._clock = clock
        self.on_edit = on_edit
        self.on_left = on_left
        self._live: dict[int, Delivery] = {}
        self._ended: deque[tuple[int, Exchange, bool]] = deque(maxlen=MOST_ENDED)
        self._timers: dict[int, tuple[int, list[Timer]]] = {}  # and how many events had been sent
        self._count = 0
        self._watchers: set[Callable[[], None]] = set()

    def __iter__(self) -> Iterator[Delivery]:
        """Iterate over the deliveries in progress, in the order of their start."""
        return iter(list(self._live.values()))

    def __len__(self) -> int:
        return len(self._live)

    @property
    def ended(self) -> Iterator[tuple[str, Exchange, bool]]:
        """The latest that have ended: their ids, their exchanges, and whether they were cancelled."""
        return ((self.name_of(number), one, cancelled) for number, one, cancelled in list(self._ended))

    def of(self, session: str) -> list[Delivery]:
        """Return the deliveries of one session."""
        return [delivery for delivery in self._live.values() if delivery.exchange.session == session]

    def get(self, id: str) -> Delivery:
        """Return the delivery with that id. Raise RequestError if it is not in progress."""
        number = id.removeprefix(self._prefix)
        if (
            number.isascii()
            and number.isdigit()
            and len(number) < 16
            and (found := self._live.get(int(number)))
        ):
            return found
        if any(self.name_of(one) == id for one, _, _ in self._ended):
            raise RequestError(f"The playback {printable(id)} has ended.", status=404, code="playback_ended")
        raise RequestError(f"There is no playback {printable(id)}.", status=404, code="not_found")

    def name_of(self, number: int) -> str:
        """Return the id of a delivery."""
        return f"{self._prefix}{number}"

    def add(self, delivery: Delivery) -> None:
        """Add a delivery that begins."""
        self._count += 1
        delivery.number = self._count
        self._live[self._count] = delivery
        if self._watchers:
            self._notify()

    def discard(self, delivery: Delivery) -> None:
        """Remove a delivery that has ended. Removing it twice has no effect."""
        number = delivery.number
        if self._live.pop(number, None) is None:
            return
        if self._timers:
            self._stop_timers(number)
        self._ended.append((number, delivery.exchange, delivery.playback.run.cancelled is not None))
        if self._watchers:
            self._notify()

    def add_ended(self, delivery: Delivery) -> None:
        """Add a delivery that has ended: as `add` and `discard`."""
        self._count += 1
        delivery.number = self._count
        self._ended.append((self._count, delivery.exchange, False))
        if self._watchers:
            self._notify()

    def is_held(self, delivery: Delivery) -> None:
        """Start the timers of a delivery that waits for a release."""
        sent = delivery.events_sent
        known = self._timers.get(delivery.number)
        if known is not None and known[0] == sent:  # a comment kept it alive: the time goes on
            return
        self._stop_timers(delivery.number)
        point = delivery.points[0] if delivery.points else HoldPoint("start")
        now = self._clock.now()
        timers = [self._clock.call_at(now + point.ttl, lambda: self._expire(delivery, point))]
        if point.keepalive is not None:
            seconds = point.keepalive
            timers.append(self._clock.call_at(now + seconds, lambda: self._keep_alive(delivery, seconds)))
        self._timers[delivery.number] = (sent, timers)
        if self._watchers:
            self._notify()

    @contextmanager
    def watched(self, watcher: Callable[[], None]) -> Iterator[None]:
        """Call `watcher`, within the block, when a delivery begins, is held, or ends."""
        self._watchers.add(watcher)
        try:
            yield
        finally:
            self._watchers.discard(watcher)

    def end_held(self, session: str, why: str) -> None:
        """Cut all held deliveries of a session."""
        for delivery in self.of(session):
            if delivery.held:
                self._cut(delivery, why)

    def _notify(self) -> None:
        for watcher in list(self._watchers):
            watcher()

    def _expire(self, delivery: Delivery, point: HoldPoint) -> None:
        if not self._waits(delivery):
            return
        if point.on_expiry == "continue":
            delivery.exchange.ended = f"held {point} for {point.ttl:g} s, then released"
            with suppress(EditError):
                delivery.playback.edit(Release(), delivery.clock.now())
                self.on_edit(delivery.playback)
        else:
            self._cut(delivery, f"hold expired: {point}, nobody released it in {point.ttl:g} s")

    def _cut(self, delivery: Delivery, why: str) -> None:
        delivery.ended_by = why
        with suppress(EditError):
            delivery.playback.edit(Finish("cut"), delivery.clock.now())
            self.on_edit(delivery.playback)

    def _keep_alive(self, delivery: Delivery, seconds: float) -> float | None:
        if not self._waits(delivery):
            return None
        if delivery.ping is not None:
            delivery.ping()
        else:
            delivery.playback.edit(Comment(), delivery.clock.now())
        return self._clock.now() + seconds

    def _waits(self, delivery: Delivery) -> bool:
        """Return True if a delivery is in progress, and held now or later."""
        edited = delivery.playback.edited
        return delivery.number in self._live and edited is not None and edited.gate is not None

    def _stop_timers(self, number: int) -> None:
        for timer in self._timers.pop(number, (0, []))[1]:
            timer.cancel()


def short_name(node: str) -> str:
    """Return a server's name as the ids of its deliveries have it."""
    return node[:6]


def server_in(id: str) -> str:
    """Return the short name of the server that sends a delivery, by its id; "" for an id without one."""
    return id.removeprefix(PREFIX).rpartition("_")[0]
