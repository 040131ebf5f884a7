"""SocketDriver: does what a `SocketConnection` asks for. No task and no timer but one of each per connection.

The task is the one in which the server has called us: it reads. The timer is set to the connection's next
moment, and what is due then leaves in one write. While the client takes nothing, no frame is made and none
is read, so that the only thing which waits for it is what was due at one moment.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import Receive

from respool.errors import RequestError
from respool.http.sending.open_streams import from_any_thread
from respool.http.sending.socket_line import SocketLine
from respool.play.clock import Timer
from respool.play.edits import NEVER
from respool.play.frames import MAX_CHUNK
from respool.play.lanes import Run
from respool.play.live_turn import LiveTurn
from respool.play.offload import LARGE
from respool.play.session_clock import SessionClock
from respool.play.socket_actions import Action, Cancel, Close, Cut, Send, StartTurn
from respool.play.socket_connection import SocketConnection
from respool.recordings.steer_rule import SteerRule
from respool.server.delivery import Delivery


@dataclass(slots=True, eq=False)
class SocketTurn:
    """A response on its way through a socket.

    rule  what becomes of steers of it
    run   what runs, of which some frames are sent without a word to the delivery
    """

    live: LiveTurn
    delivery: Delivery
    unsubscribe: Callable[[], None]
    rule: SteerRule | None = None
    run: Run | None = None

    def events_sent(self) -> int:
        """Return how many events were handed to the connection."""
        exchange, run = self.delivery.exchange, self.run
        if run is not None:
            exchange.events += run.taken
            run.taken = 0
        return exchange.events

    def idle(self, now: float) -> bool:
        """Return True if all that is due at the clock's moment `now` was handed to the connection."""
        place = self.events_sent()
        return place >= len(self.live.events) or self.live.due_at(place) > now

    @property
    def held(self) -> bool:
        """Whether what comes next is held."""
        if not self.delivery.playback.run.edits:
            return False
        place = self.events_sent()
        return place < len(self.live.events) and self.live.due_at(place) == NEVER


class SocketTurns(Protocol):
    """Starts the responses of one connection, and is told how they end."""

    def read(self, text: str, /) -> Awaitable[str]:
        """Return a large text frame for `SocketConnection.receive_text`, read ahead where that takes long."""
        ...

    def start(
        self, start: StartTurn, wake: Callable[[], None], *, behind: bool
    ) -> SocketTurn | Awaitable[SocketTurn]:
        """Start a response, or return what starts it later: where a shared state is asked, where it
        takes long, and where it comes `behind` others that start later. `wake` is called when its events have
        become others. Both raise RequestError."""
        ...

    def ended(self, turn: SocketTurn) -> None:
        """Note that all of it was sent, or that no more will be."""
        ...


def _wake_nobody() -> None:
    """Do nothing: the connection does not run."""


class SocketDriver:
    """Runs one connection, on the clock of its session."""

    __slots__ = (
        "_clock", "_closing", "_connection", "_deadline", "_error", "_flushing", "_late", "_line", "_outbox",
        "_run", "_running", "_starting", "_task", "_timer", "_turns", "_wake_soon",
    )  # fmt: skip

    def __init__(
        self, line: SocketLine, connection: SocketConnection, turns: SocketTurns, clock: SessionClock
    ) -> None:
        self._line = line
        self._connection = connection
        self._turns = turns
        self._clock = clock
        self._outbox: deque[str] = deque()
        self._running: dict[str | None, SocketTurn] = {}
        self._run: Run | None = None  # of `_running`, if nothing else can be due
        self._closing: Close | None = None
        self._timer: Timer | asyncio.Handle | None = None
        self._deadline: float | None = None  # for which the timer waits
        self._late = 0.0  # the most that the responses under way know of
        self._flushing: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._task: asyncio.Task[Any] | None = None
        self._wake_soon: Callable[[], None] = _wake_nobody
        self._starting: set[asyncio.Task[None]] = set()

    async def run(self, receive: Receive) -> None:
        """Serve the connection until it is closed. Raise what a defect of ours raises."""
        self._task = asyncio.current_task()
        wake = self._wake_soon = from_any_thread(self._wake)
        self._clock.listen(wake)
        try:
            self._set_timer()
            await self._read(receive)
        except asyncio.CancelledError:
            if self._error is None or (self._task and self._task.uncancel()):
                raise
        finally:
            self._task = None
            self._clock.unlisten(wake)
            self._wake_soon = _wake_nobody  # it has us: a cycle that only garbage collection would find
            if self._timer:
                self._timer.cancel()
            self._do(self._connection.receive_close(self._clock.now()))
            for turn in list(self._running.values()):
                self._leave(turn)
            if self._flushing:
                self._flushing.cancel()
        if self._error:
            raise self._error

    async def _read(self, receive: Receive) -> None:
        connection = self._connection
        while (message := await receive())["type"] != "websocket.disconnect":
            if connection.closed:
                continue  # until the client answers our close
            text = message.get("text")
            if text is not None and len(text) > LARGE:
                text = await self._turns.read(text)
            now = self._clock.now()
            self._do(
                connection.receive_text(text, now) if text is not None else connection.receive_binary(now)
            )
            self._set_timer()
            while self._flushing:
                await self._flushing

    def _wake(self) -> None:
        """Send what is due, since the clock or a response has changed, or there is room again."""
        if self._task is not None:
            for turn in self._running.values():
                turn.delivery.go_on()
            self._go_on()

    def _set_timer(self) -> None:
        """Wait for the connection's next moment."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._deadline = deadline = self._connection.deadline
        if deadline is not None and not self._flushing:
            self._timer = self._clock.call_at(deadline, self._due)

    def _due(self) -> float | None:
        """Send what is due. Return the next moment."""
        try:
            connection, now = self._connection, self._clock.now()
            if self._flushing or self._task is None:
                return None
            deadline = self._deadline
            if deadline is not None and now - deadline > self._late:
                self._late = now - deadline
                for turn in self._running.values():
                    turn.delivery.late(self._late)
            run = self._run
            if run is not None and (texts := run.take_plain(now)):
                self._deadline = run.next_at
                if self._line.write_soon(texts, self._clock, self):
                    return run.next_at
                self._outbox += texts
                self._flush()
                return None
            self._do(connection.wake(now))
            self._deadline = deadline = connection.deadline
            if self._flushing:
                return None
            if deadline is not None and deadline <= now:  # more is due, after the others' turn
                self._timer = asyncio.get_running_loop().call_soon(self._go_on)
                return None
            return deadline
        except BaseException as error:
            self.failed(error)
            return None

    def _go_on(self) -> None:
        """Send what is due, and wait for the next moment."""
        if self._task is not None:
            self._due()
            self._set_timer()

    def failed(self, error: BaseException) -> None:
        self._error = error
        if self._task:
            self._task.cancel()

    def _do(self, actions: list[Action]) -> None:
        running, outbox = self._running, self._outbox
        for action in actions:
            match action:
                case Send():
                    outbox.append(action.text)
                    if turn := running.get(action.stream_id):
                        turn.delivery.exchange.events += 1
                case StartTurn():
                    actions += self._start(action)  # the loop comes to these as well
                case Cut():
                    if turn := self._turn_of(action.turn):
                        turn.delivery.steer(action.sent, action.text)
                case Cancel():
                    if turn := self._turn_of(action.turn):
                        self._leave(turn)
                case Close():
                    self._closing = action
        self._end_turns()
        self._run = self._connection.only_run
        self._flush()

    def _start(self, start: StartTurn) -> list[Action]:
        self._end_turns()  # that which was on this lane
        try:
            turn = self._turns.start(start, self._wake_soon, behind=bool(self._starting))
        except RequestError as error:
            return self._connection.refused(start, error, self._clock.now())
        if isinstance(turn, SocketTurn):
            return self._started(start, turn)
        task = asyncio.get_running_loop().create_task(self._start_later(start, turn))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return []

    def _started(self, start: StartTurn, turn: SocketTurn) -> list[Action]:
        turn.delivery.ping = self._line.ping  # a socket has no comments
        self._running[start.stream_id] = turn
        self._late = 0.0
        actions = self._connection.started(start, turn.live, self._clock.now(), rule=turn.rule)
        turn.run = self._connection.only_run if start.stream_id is None else None
        return actions

    async def _start_later(self, start: StartTurn, starting: Awaitable[SocketTurn]) -> None:
        try:
            try:
                turn = await starting
            except RequestError as error:
                actions = self._connection.refused(start, error, self._clock.now())
            else:
                if self._task is None:  # the client has left meanwhile
                    self._leave(turn)
                    return
                self._end_turns()  # that which was on this lane
                actions = self._started(start, turn)
            self._do(actions)
            self._set_timer()
        except Exception as error:
            self.failed(error)

    def _turn_of(self, live: LiveTurn) -> SocketTurn | None:
        return next((turn for turn in self._running.values() if turn.live is live), None)

    def _end_turns(self) -> None:
        """End the turns whose last frame was sent."""
        connection = self._connection
        if connection.closed:
            return
        for stream_id, turn in list(self._running.items()):
            if not connection.is_live(turn.live, stream_id):
                del self._running[stream_id]
                turn.events_sent()
                turn.delivery.complete()
                self._end(turn)
            elif turn.held:
                turn.delivery.wait_for_release()

    def _leave(self, turn: SocketTurn) -> None:
        """Note that the connection is gone before the end of its responses."""
        for stream_id, running in list(self._running.items()):
            if running is turn:
                del self._running[stream_id]
        turn.events_sent()
        if self._closing is None:
            turn.delivery.client_left()
        elif not turn.live.stored:
            turn.delivery.on_left()  # it stays as one that the server has cut
        self._end(turn)

    def _end(self, turn: SocketTurn) -> None:
        turn.unsubscribe()
        self._turns.ended(turn)

    def _flush(self) -> None:
        """Send what waits; the rest when there is room, and then the close, if that was asked for."""
        if self._flushing:
            return
        self._write()
        if self._outbox or self._closing:
            self._flushing = asyncio.get_running_loop().create_task(self._flush_when_there_is_room())

    def _write(self) -> None:
        outbox, line = self._outbox, self._line
        while outbox and line.writable:
            if len(outbox) == 1:
                line.write((outbox.popleft(),))
                return
            texts, room = [], MAX_CHUNK
            while outbox and room > 0:
                texts.append(outbox.popleft())
                room -= len(texts[-1])
            line.write(texts)

    async def _flush_when_there_is_room(self) -> None:
        try:
            while self._outbox:
                await self._line.wait_for_room()
                self._write()
            if self._closing:
                await self._line.close(self._closing.code, self._closing.reason)
        finally:
            self._flushing = None
        if not self._closing:
            self._wake()
