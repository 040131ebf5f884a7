"""Controller: live streams under hand, and clocks that are moved on. It is used in the server's event loop,
and answers when what was let go was handed to the connections."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from respool.errors import EditError, OptionError
from respool.play.edits import NEVER, Postpone
from respool.play.hold_points import HoldPoint
from respool.play.session_clock import SessionClock
from respool.protocol.events import Event
from respool.server import control
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer
from respool.server.session import Session

PATIENCE = 5.0  # real seconds to wait for a client that does not read
MOST_SENT = 10_000  # events that an answer tells
MOST_STEPS = 1_000_000
APART = 2e-6  # seconds between events of one moment, when they are sent one by one

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event that was sent. `seq` is its sequence number, or its place in a stream without numbers; `t`,
    seconds since the playback began at which it was due."""

    playback: str
    seq: int
    type: str
    t: float
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became of moving a clock on.

    now       the session's moment, in seconds
    sent      the events that were sent, in this order
    due_next  seconds until somebody waits for something; None: nobody does
    held      ids of the playbacks that wait for a release
    behind    ids of those whose clients do not read: what is due has not been taken
    """

    now: float
    sent: tuple[SentEvent, ...]
    due_next: float | None
    held: tuple[str, ...]
    behind: tuple[str, ...]


# Of each clock, whoever moves it on: one at a time.
_advancing: WeakKeyDictionary[SessionClock, asyncio.Lock] = WeakKeyDictionary()


class Controller:
    """The live streams and the clocks of a server, under hand."""

    def __init__(self, server: MockServer) -> None:
        self.server = server

    async def release(
        self, delivery: Delivery, events: int | None = None, until: HoldPoint | None = None
    ) -> list[SentEvent]:
        """As `control.release`; return what was sent by it, when it was handed to the connection."""
        edited = delivery.playback.edited
        first = edited.gate if edited and edited.gate is not None else 0
        count = control.release(delivery, events, until)
        paced = events is None and until is None
        await self._made(delivery)
        last = delivery.events_sent if paced else first + count
        return _events(delivery, first, max(first, min(last, delivery.events_sent)))

    async def inject(
        self, delivery: Delivery, event: Event, *, renumber: bool = True, before: int | None = None
    ) -> None:
        """As `control.inject`; return when what is due was handed to the connection."""
        control.inject(delivery, event, renumber=renumber, before=before)
        await self._made(delivery)

    async def replace(self, delivery: Delivery, number: int, event: Event | None = None) -> None:
        """As `control.replace_event`."""
        control.replace_event(delivery, number, event)
        await self._made(delivery)

    async def hold(self, delivery: Delivery, point: HoldPoint | None = None) -> None:
        """As `control.hold_now`."""
        control.hold_now(delivery, point)
        await self._made(delivery)

    async def finish(
        self, delivery: Delivery, how: control.How = "terminal", error: Mapping[str, Any] | None = None
    ) -> None:
        """As `control.finish`; return when the answer has ended."""
        control.finish(delivery, how, error)
        await self._made(delivery)

    async def advance(
        self,
        session: Session,
        *,
        seconds: float | None = None,
        next: int | None = None,
        to: tuple[Delivery, HoldPoint] | None = None,
    ) -> Advanced:
        """Move a frozen clock on: by `seconds`, by so many `next` events, or until a playback has come `to` a
        point. All that is due on the way is sent in its order, one moment after the other.

        Raise OptionError if the clock is not frozen or not one of the three is given; EditError if the
        playback has no such point.
        """
        if sum(one is not None for one in (seconds, next, to)) != 1:
            raise OptionError("give one of seconds, next and to")
        if not session.clock.frozen:
            raise OptionError("the clock is not frozen: freeze it before it can be advanced")
        async with _advancing.setdefault(session.clock, asyncio.Lock()):
            walk = _Walk(self, session)
            await walk.settle()
            if seconds is not None:
                if not 0 <= seconds < NEVER:
                    raise OptionError(f"seconds is {seconds}, expected 0 or more")
                await walk.by(seconds)
            elif next is not None:
                if not 1 <= next <= MOST_STEPS:
                    raise OptionError(f"next is {next}, expected 1 to {MOST_STEPS}")
                await walk.events(next)
            elif to is not None:
                await walk.upto(*to)
            return walk.result()

    async def wait(self, look: Callable[[], T | None], timeout: float, *, poll: bool = False) -> T | None:
        """Return what `look` gives, as soon as it gives something; None if it has not in `timeout` real
        seconds. It is asked whenever a delivery begins, is held or ends; with `poll`, every few milliseconds
        as well."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        until = loop.time() + timeout
        with self.server.deliveries.watched(changed.set):
            while (found := look()) is None and (left := until - loop.time()) > 0:
                changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(left, 0.005) if poll else left)
        return found

    async def _made(self, delivery: Delivery) -> None:
        """An edit was made: have the other servers know, and what is due handed to the connection."""
        await self.server.state.keep(delivery.playback)
        await settled(lambda: [delivery])


async def settled(deliveries: Callable[[], Iterable[Delivery]]) -> list[Delivery]:
    """Wait until the deliveries have handed all that is due to their connections. Return those that have not
    in PATIENCE seconds, since their clients do not read."""
    loop = asyncio.get_running_loop()
    turns, until = 0, loop.time() + PATIENCE
    while True:
        # Some turns of the loop at least: who was woken by the clock has yet to run.
        await asyncio.sleep(0 if turns < 100 else 0.001)
        turns += 1
        behind = [delivery for delivery in deliveries() if not delivery.idle]
        if turns > 2 and (not behind or loop.time() > until):
            return behind


class _Walk:
    """One advance of a session's clock."""

    def __init__(self, controller: Controller, session: Session) -> None:
        self._server = controller.server
        self._session = session
        self._clock = session.clock
        self._sent: list[SentEvent] = []
        self._known: dict[int, tuple[Delivery, int]] = {}
        self._behind: list[Delivery] = []
        self._look()
        self._sent.clear()

    async def settle(self) -> None:
        self._behind = await settled(self._live)
        self._look()

    async def by(self, seconds: float) -> None:
        target = self._clock.now() + seconds
        for _ in range(MOST_STEPS):
            deadline = self._clock.next_deadline
            if deadline is None or deadline > target:
                break
            self._clock.advance_to(deadline)
            await self.settle()
        self._clock.advance_to(target)
        await self.settle()

    async def events(self, count: int) -> None:
        wanted = len(self._sent) + count
        while len(self._sent) < wanted and await self._one():
            pass

    async def upto(self, delivery: Delivery, point: HoldPoint) -> None:
        place = point.place(delivery.playback.events)
        if place is None:
            raise EditError(f"{delivery.id} has no event {point}")
        while delivery.events_sent < place and delivery.sender is not None and await self._one():
            pass

    async def _one(self) -> bool:
        """Move on to the next moment for which somebody waits, and let one event of it go; whether there is
        such a moment."""
        streams = [one for one in self._live() if one.transport == "sse" and not one.exchange.faults]
        first = min(streams, key=lambda one: (one.next_due(), one.number), default=None)
        moment = first.next_due() if first else NEVER
        deadline = self._clock.next_deadline
        if deadline is not None and deadline < moment:
            self._clock.advance_to(deadline)
        elif moment == NEVER:
            return False
        else:
            until = moment + APART
            for one in streams:
                playing = one.playback.playing
                following = playing.frame_after(one.events_sent + (one is first))
                moments = playing.schedule.moments
                if following < len(moments) and one.playback.started + moments[following] < until:
                    edit = Postpone(until - one.playback.started, keep=one is first)
                    one.playback.edit(edit, self._clock.now())
            self._clock.advance_to(moment)
        await self.settle()
        return True

    def result(self) -> Advanced:
        now, deadline = self._clock.now(), self._clock.next_deadline
        return Advanced(
            now,
            tuple(self._sent[:MOST_SENT]),
            None if deadline is None else max(0.0, deadline - now),
            tuple(one.id for one in self._live() if one.held),
            tuple(one.id for one in self._behind),
        )

    def _live(self) -> list[Delivery]:
        return self._server.deliveries.of(self._session.name)

    def _look(self) -> None:
        """Note what has been sent since the last look."""
        for one in self._live():
            self._known.setdefault(one.number, (one, one.playback.playing.events_in(one.first)))
        news = []
        for number, (one, before) in self._known.items():
            if (sent := one.events_sent) > before:
                news += _events(one, before, sent)
                self._known[number] = (one, sent)
        self._sent += news


def _events(delivery: Delivery, first: int, last: int) -> list[SentEvent]:
    playing = delivery.playback.playing
    found = []
    for place in range(first, min(last, len(playing.events))):
        event = playing.events[place]
        number = event.sequence_number
        at = playing.schedule.moments[playing.frame_after(place + 1) - 1]
        found.append(SentEvent(delivery.id, place if number is None else number, event.type, at, event.text))
    return found
