"""Lanes: the queues of one connection, and the response that runs on each.

Rule 1: requests on one lane are answered in their order, one after the other.
Rule 2: lanes are independent, except for the number of responses at one time.
Rule 3, the fork barrier: a create that continues the newest response of another lane, which is not stored,
needs it until its own response is in progress; until then the other lane starts nothing that came later.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from respool.play.connection_memory import ConnectionMemory
from respool.play.live_turn import LiveTurn
from respool.play.socket_actions import StartTurn
from respool.play.socket_frames import SocketFrames
from respool.play.socket_settings import SocketSettings
from respool.play.steering import AcceptedSteer, WaitingSteers
from respool.protocol.events import Event
from respool.protocol.members import set_members
from respool.protocol.websocket.client_frames import Create
from respool.protocol.websocket.steers import SteerAt
from respool.recordings.steer_rule import SteerRule

FEW = 8  # frames


@dataclass(slots=True, eq=False)
class Run:
    """A response that is being sent on a lane.

    sent       the number of its frames that were sent
    added      frames inserted between its own, which shift its sequence numbers
    next_at    the moment of its next frame, in the clock's seconds
    frames     the frames of the turn when `next_at` was computed
    plain      the places of frames that have no effect but to be sent; empty if the turn was edited
    started    the start of the turn
    moments    the moments of its frames since `started`, until the turn is edited
    edits      the edits of the turn, which may grow
    taken      how many frames `take_plain` has returned
    limit      the moment at which the connection ends
    steer_at   the place where a steer ends it
    rule       the other effects of a steer, from its recording or stub
    cut_after  the place of the frame after which a steer ends it; None: it goes on to its own end
    """

    start: StartTurn
    turn: LiveTurn
    steer_at: SteerAt
    rule: SteerRule
    sent: int = 0
    added: int = 0
    next_at: float = inf
    frames: SocketFrames | None = None
    plain: range = range(0)
    started: float = 0.0
    moments: Sequence[float] = ()
    edits: Sequence[object] = ()
    taken: int = 0
    limit: float = inf
    steers: list[AcceptedSteer] = field(default_factory=list)
    cut_after: int | None = None

    def refresh(self) -> None:
        """Find the next frame again, after a cancel from outside has replaced all later ones."""
        frames = self.turn.frames
        if frames is self.frames:
            return
        self.frames = frames
        count = len(frames)
        if not count:
            self.next_at = -inf
            return
        self.sent = min(self.sent, count - 1)
        self.next_at = self.turn.due_at(self.sent)
        self.started, self.moments = self.turn.timeline
        self.edits = self.turn.edits
        last = count - 1 if frames.end is None else min(frames.end, count - 1)
        self.plain = range(0) if self.edits else range(frames.in_progress + 1, last)

    def take_plain(self, now: float) -> Sequence[str]:
        """Return the texts of the due frames of the default lane, and step past them, if they have no effect
        but to be sent, and are few. Empty: call `SocketConnection.wake`.

        Most frames are such. This is the path of each event, so it makes no calls.
        """
        place, plain = self.sent, self.plain
        if place not in plain or self.next_at > now or self.edits or self.added or self.cut_after is not None:
            return ()
        started, moments, upto = self.started, self.moments, place + 1
        while (at := started + moments[upto]) <= now:
            upto += 1
            if upto not in plain or upto - place > FEW:
                return ()
        if at >= self.limit:  # it is held, which the delivery must note, or the connection ends before it
            return ()
        self.sent, self.next_at = upto, at
        self.taken += upto - place
        assert self.frames
        return self.frames.texts[place:upto]

    def go_on(self) -> None:
        """Wait for the next frame."""
        self.next_at = self.turn.due_at(self.sent)

    def next_text(self, stream_id: str | None) -> str:
        """Return the text of the next frame."""
        text = self.turn.frames.text(self.sent, stream_id)
        if self.added and (number := Event(text, "").sequence_number) is not None:
            text = set_members(text, {"sequence_number": number + self.added})
        return text

    @property
    def numbered(self) -> bool:
        """True if its events have sequence numbers."""
        return self.turn.events[0].sequence_number is not None

    @property
    def next_number(self) -> int:
        """The sequence number of a frame inserted now."""
        number = self.turn.events[self.sent - 1].sequence_number
        return (self.sent - 1 if number is None else number) + self.added + 1


@dataclass(slots=True, eq=False)
class Lane:
    """One lane, busy from taking a create out of its queue until the end of its response.

    arrival  the number of the current or last create, in the connection's order of arrival
    waiting  accepted steers for the input of the next create, if it continues their response
    carried  accepted steers in the input of the response that is starting
    """

    name: str | None
    queue: deque[tuple[int, Create]] = field(default_factory=deque)
    arrival: int = -1
    starting: StartTurn | None = None
    run: Run | None = None
    waiting: WaitingSteers | None = None
    carried: WaitingSteers | None = None

    @property
    def busy(self) -> bool:
        """Whether a response is starting or being sent."""
        return self.starting is not None or self.run is not None

    def awaits(self, response_id: str, before: int) -> bool:
        """Return True if a create that arrived before number `before` still needs that response."""
        if self.busy and self.arrival < before:
            start = self.starting or (self.run and self.run.start)
            begun = self.run is not None and self.run.sent > self.run.turn.frames.in_progress
            if start and not begun and start.body.get("previous_response_id") == response_id:
                return True
        return any(
            create.previous_response_id == response_id for arrival, create in self.queue if arrival < before
        )


class Lanes:
    """All lanes of a connection, and the limits on them."""

    __slots__ = ("_arrivals", "_lanes", "_queued", "_queued_bytes", "_settings", "only")

    def __init__(self, settings: SocketSettings) -> None:
        self._settings = settings
        self._lanes: dict[str | None, Lane] = {None: Lane(None)}
        self.only: Lane | None = self._lanes[None]  # the default lane, if there is no other
        self._arrivals = 0
        self._queued = 0
        self._queued_bytes = 0

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    @property
    def queued(self) -> int:
        """The number of waiting creates."""
        return self._queued

    @property
    def unanswered_bytes(self) -> int:
        """The size of the frames of creates that wait, start or run."""
        starts = (lane.starting or (lane.run and lane.run.start) for lane in self)
        return self._queued_bytes + sum(start.size for start in starts if start)

    def open(self, name: str | None) -> Lane | None:
        """Return the lane of this name; None if there are too many."""
        lane = self._lanes.get(name)
        if lane is None and len(self._lanes) <= self._settings.lanes:  # the default lane is not counted
            lane = self._lanes[name] = Lane(name)
            self.only = None
        return lane

    def put(self, lane: Lane, create: Create) -> bool:
        """Put a create into its lane's queue. Return False if too many wait."""
        size = self._queued_bytes + create.size
        if self._queued >= self._settings.queued or size > self._settings.queued_bytes:
            return False
        lane.queue.append((self._arrivals, create))
        self._arrivals += 1
        self._queued += 1
        self._queued_bytes = size
        return True

    def take(self, memory: ConnectionMemory) -> tuple[Lane, Create] | None:
        """Return the earliest create that can start now, and its lane."""
        if not self._queued:
            return None
        full = sum(lane.busy for lane in self) >= self._settings.active
        ready = [lane for lane in self if lane.queue and not lane.busy]
        for lane in sorted(ready, key=lambda one: one.queue[0][0]):
            arrival, create = lane.queue[0]
            if (full and create.error is None) or self._held(lane, arrival, memory):
                continue
            lane.queue.popleft()
            lane.arrival = arrival
            self._queued -= 1
            self._queued_bytes -= create.size
            return lane, create
        return None

    def running(self, response_id: str) -> Lane | None:
        """Return the lane of this response if it is in progress and some of it was sent."""
        lanes = (lane for lane in self if lane.run and lane.run.sent and lane.run.turn.id == response_id)
        return next(lanes, None) if response_id else None

    def runs(self, turn: LiveTurn, name: str | None) -> bool:
        """Return True if a lane sends this turn."""
        lane = self._lanes.get(name)
        return lane is not None and lane.run is not None and lane.run.turn is turn

    def starting(self, start: StartTurn) -> Lane | None:
        """Return the lane that waits for this start."""
        return next((lane for lane in self if lane.starting is start), None)

    def next_due(self, upto: float = inf) -> Lane | None:
        """Return the lane with the earliest next frame, if that is due at `upto`."""
        due, at = None, inf
        for lane in self._lanes.values():
            if lane.run is not None and (due is None or lane.run.next_at < at):
                due, at = lane, lane.run.next_at
        return due if at <= upto else None

    def clear(self) -> None:
        """Remove all lanes and their queues."""
        self.only = Lane(None)
        self._lanes = {None: self.only}
        self._queued = self._queued_bytes = 0

    def _held(self, lane: Lane, arrival: int, memory: ConnectionMemory) -> bool:
        newest = memory.newest(lane.name)
        if newest is None or newest.turn.stored:
            return False
        return any(other.awaits(newest.id, arrival) for other in self if other is not lane)
