"""Controller: controls live streams and clocks. Use it in the server's event loop; it
answers when released frames were handed to the connections."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from respool.errors import OptionError
from respool.http.walk import MOST_SENT, MOST_STEPS, LocalParty, Stand, Walk, WalkStep, settled
from respool.play.edits import NEVER
from respool.play.session_clock import SessionClock
from respool.protocol.events import Event
from respool.recordings.hold_points import HoldPoint
from respool.server import control
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer
from respool.server.sent_events import SentEvent, sent_events
from respool.server.session import Session
from respool.server.state.json_text import decode, encode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became of moving a clock on.

    now       the session's moment, in seconds
    sent      the events that were sent, in this order
    due_next  seconds until the next moment for which something waits; None: there is none
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
    """Controls the live streams and the clocks of a server."""

    def __init__(self, server: MockServer) -> None:
        self.server = server

    async def release(
        self, delivery: Delivery, events: int | None = None, until: HoldPoint | None = None
    ) -> list[SentEvent]:
        """Release as `control.release`; return what was sent by it, when it was handed to the connection."""
        edited = delivery.playback.edited
        first = edited.gate if edited and edited.gate is not None else 0
        count = control.release(delivery, events, until)
        paced = events is None and until is None
        await self._made(delivery)
        last = delivery.events_sent if paced else first + count
        return sent_events(delivery, first, max(first, min(last, delivery.events_sent)))

    async def inject(
        self, delivery: Delivery, event: Event, *, renumber: bool = True, before: int | None = None
    ) -> None:
        """Inject as `control.inject`; return when what is due was handed to the connection."""
        control.inject(delivery, event, renumber=renumber, before=before)
        await self._made(delivery)

    async def replace(self, delivery: Delivery, number: int, event: Event | None = None) -> None:
        """See `control.replace_event`."""
        control.replace_event(delivery, number, event)
        await self._made(delivery)

    async def hold(self, delivery: Delivery, point: HoldPoint | None = None) -> None:
        """See `control.hold_now`."""
        control.hold_now(delivery, point)
        await self._made(delivery)

    async def finish(
        self, delivery: Delivery, how: control.How = "terminal", error: Mapping[str, Any] | None = None
    ) -> None:
        """Finish as `control.finish`; return when the answer has ended."""
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
        server, name = self.server, session.name
        async with _advancing.setdefault(session.clock, asyncio.Lock()), server.state.exclusive(name):
            others = [_RemoteParty(server, node) for node in await server.state.others()]
            walk = Walk(name, [LocalParty(server, name, session.clock), *others])
            await walk.begin()
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
            deadline = walk.deadline
            return Advanced(
                walk.now,
                tuple(walk.sent[:MOST_SENT]),
                None if deadline is None else max(0.0, deadline - walk.now),
                walk.held,
                walk.behind,
            )

    async def wait(self, look: Callable[[], T | None], timeout: float, *, poll: bool = False) -> T | None:
        """Return the first result of `look` that is not None; None if there is none in `timeout` real
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
        """Publish an edit to the other servers, and wait until due frames were handed to the connection."""
        await self.server.state.keep(delivery.playback)
        await settled(lambda: [delivery])


class _RemoteParty:
    """The streams of a session that another server sends."""

    def __init__(self, server: MockServer, node: str) -> None:
        self._server = server
        self._node = node

    async def do(self, step: WalkStep) -> Stand:
        answer = await self._server.state.ask(self._node, encode(step))
        # One that has gone sends nothing.
        return Stand(step.moment) if answer is None else decode(answer, Stand)
