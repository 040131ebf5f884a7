"""Walk: one advance of a session's frozen clock, through all moments for which something waits.

The streams of a session may be sent by several servers that share their state. Each of them is a `Party`,
which moves its clock on and says what was sent; the walk goes to no moment before all parties have sent what
was due before it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import msgspec

from respool.errors import EditError
from respool.play.edits import NEVER, Postpone
from respool.play.session_clock import SessionClock
from respool.recordings.hold_points import HoldPoint
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer
from respool.server.sent_events import SentEvent, sent_events

PATIENCE = 5.0  # real seconds to wait for a client that does not read
MOST_SENT = 10_000  # events that an answer tells
MOST_STEPS = 1_000_000
APART = 2e-6  # seconds between events of one moment, when they are sent one by one


class Stand(msgspec.Struct, frozen=True):
    """Where a party is: its moment, what it has sent since it was asked last, the moment for which somebody
    waits next, that of the next event which is sent as SSE, and the ids of the playbacks that are held, and
    of those whose clients do not read."""

    now: float
    sent: list[SentEvent] = []
    deadline: float | None = None
    due: float | None = None
    held: list[str] = []
    behind: list[str] = []


class WalkStep(msgspec.Struct, frozen=True, tag="step"):
    """An instruction to a party: look, move its clock to a moment, or send one event of that moment
    (`first`), or none, and have all others of this moment wait `until` a later one."""

    session: str
    verb: Literal["look", "move", "let_go"]
    moment: float = 0.0
    until: float = 0.0
    first: bool = False


class Party(Protocol):
    """The streams of a session that one server sends."""

    async def do(self, step: WalkStep) -> Stand:
        """Make a step, and return when all that is due was handed to the connections."""


class LocalParty:
    """The streams of a session that this server sends."""

    def __init__(self, server: MockServer, session: str, clock: SessionClock) -> None:
        self._server = server
        self._session = session
        self._clock = clock
        self._known: dict[int, tuple[Delivery, int]] = {}
        self._look()

    async def do(self, step: WalkStep) -> Stand:
        if step.verb == "move":
            self._clock.advance_to(step.moment)
        elif step.verb == "let_go":
            await self._let_go(step.moment, step.until, step.first)
        behind = await settled(self._live)
        sent = self._look()
        streams = self._streams()
        due = min((one.next_due() for one in streams), default=NEVER)
        return Stand(
            self._clock.now(),
            sent,
            self._clock.next_deadline,
            None if due == NEVER else due,
            [one.id for one in self._live() if one.held],
            [one.id for one in behind],
        )

    async def _let_go(self, moment: float, until: float, let_first: bool) -> None:
        streams = self._streams()
        first = (
            min(streams, key=lambda one: (one.next_due(), one.number), default=None) if let_first else None
        )
        for one in streams:
            playing = one.playback.playing
            following = playing.sse.frame_after(one.events_sent + (one is first))
            moments = playing.sse.schedule.moments
            if following < len(moments) and one.playback.started + moments[following] < until:
                edit = Postpone(until - one.playback.started, keep=one is first)
                one.playback.edit(edit, self._clock.now())
                await self._server.state.keep(one.playback)
        self._clock.advance_to(moment)

    def _streams(self) -> list[Delivery]:
        return [one for one in self._live() if one.transport == "sse" and not one.exchange.faults]

    def _live(self) -> list[Delivery]:
        return self._server.deliveries.of(self._session)

    def _look(self) -> list[SentEvent]:
        """Return what has been sent since the last look."""
        for one in self._live():
            self._known.setdefault(one.number, (one, one.playback.playing.sse.events_in(one.first)))
        news = []
        for number, (one, before) in self._known.items():
            if (sent := one.events_sent) > before:
                news += sent_events(one, before, sent)
                self._known[number] = (one, sent)
        return news


class Walk:
    """One advance of a session's clock, by all parties together; the first is that of this server."""

    def __init__(self, session: str, parties: Sequence[Party]) -> None:
        self._session = session
        self._parties = parties
        self._stands: Sequence[Stand] = ()
        self.sent: list[SentEvent] = []

    async def begin(self) -> None:
        """Have all parties at the same moment, with nothing due."""
        await self._all(WalkStep(self._session, "look"))
        if len(self._parties) > 1:
            await self._move(self.now)

    async def by(self, seconds: float) -> None:
        """Move on by so many seconds."""
        target = self.now + seconds
        for _ in range(MOST_STEPS):
            if (deadline := self.deadline) is None or deadline > target:
                break
            await self._move(deadline)
        await self._move(target)

    async def events(self, count: int) -> None:
        """Move on by so many events."""
        wanted = len(self.sent) + count
        while len(self.sent) < wanted and await self._one():
            pass

    async def upto(self, delivery: Delivery, point: HoldPoint) -> None:
        """Move on until a playback of this server has come to a point. Raise EditError if it has no such."""
        place = point.place(delivery.playback.events)
        if place is None:
            raise EditError(f"{delivery.id} has no event {point}")
        while delivery.events_sent < place and delivery.sender is not None and await self._one():
            pass

    @property
    def now(self) -> float:
        """The session's moment."""
        return max(stand.now for stand in self._stands)

    @property
    def deadline(self) -> float | None:
        """The next moment for which something waits; None: there is none."""
        return min((stand.deadline for stand in self._stands if stand.deadline is not None), default=None)

    @property
    def held(self) -> tuple[str, ...]:
        """The ids of the playbacks that wait for a release."""
        return tuple(id_ for stand in self._stands for id_ in stand.held)

    @property
    def behind(self) -> tuple[str, ...]:
        """The ids of those whose clients do not read."""
        return tuple(id_ for stand in self._stands for id_ in stand.behind)

    async def _one(self) -> bool:
        """Move on to the next moment for which somebody waits, and let one event of it go; whether there is
        such a moment."""
        due = [NEVER if stand.due is None else stand.due for stand in self._stands]
        moment, deadline = min(due), self.deadline
        if deadline is not None and deadline < moment:
            await self._move(deadline)
            return True
        if moment == NEVER:
            return False
        chosen, stands = due.index(moment), []
        for number, party in enumerate(self._parties):
            step = WalkStep(self._session, "let_go", moment, moment + APART, number == chosen)
            stands.append(await party.do(step))
        self._took(stands)
        return True

    async def _move(self, moment: float) -> None:
        await self._all(WalkStep(self._session, "move", moment))

    async def _all(self, step: WalkStep) -> None:
        if len(self._parties) == 1:
            self._took([await self._parties[0].do(step)])
        else:
            self._took(await asyncio.gather(*(party.do(step) for party in self._parties)))

    def _took(self, stands: Sequence[Stand]) -> None:
        self._stands = stands
        for stand in stands:
            self.sent += stand.sent


async def settled(deliveries: Callable[[], Iterable[Delivery]]) -> list[Delivery]:
    """Wait until the deliveries have handed all that is due to their connections. Return those that have not
    in PATIENCE seconds, since their clients do not read."""
    loop = asyncio.get_running_loop()
    turns, until = 0, loop.time() + PATIENCE
    while True:
        # Some turns of the loop at least: callbacks woken by the clock have yet to run.
        await asyncio.sleep(0 if turns < 100 else 0.001)
        turns += 1
        behind = [delivery for delivery in deliveries() if not delivery.idle]
        if turns > 2 and (not behind or loop.time() > until):
            return behind
