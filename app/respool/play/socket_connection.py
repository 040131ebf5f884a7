"""SocketConnection: the Responses API over one WebSocket, without the socket.

Methods take events (a frame, the answer to a `StartTurn`, the passing of time) and return the actions to do,
in order. All moments are in the clock's seconds. No frame of a client raises.
`http.sending.socket.SocketDriver` drives a real socket: it does each action, and calls `wake` at the
`deadline`.
"""

from collections.abc import Callable
from random import Random

from respool.errors import RequestError
from respool.play.connection_memory import ConnectionMemory, EndedResponses, Remembered
from respool.play.lanes import Lane, Lanes, Run
from respool.play.live_turn import LiveTurn
from respool.play.socket_actions import Action, Cancel, Close, Send, StartTurn
from respool.play.socket_settings import SocketSettings
from respool.play.steer_answers import (
    NOT_FOUND,
    accepted_steer,
    after_steered,
    cut_actions,
    cuts_now,
    failed_steers,
    inject_answer,
    refused_steer,
    steer_refusal,
    with_waiting_steers,
)
from respool.play.steering import ITEM_DONE, AcceptedSteer
from respool.protocol.websocket import server_frames, socket_errors
from respool.protocol.websocket.client_frames import (
    Create,
    Ignored,
    Inject,
    Invalid,
    Steer,
    parse,
    size_of,
)
from respool.recordings.steer_rule import SteerRule

UNSUPPORTED_DATA, POLICY_VIOLATION, TOO_BIG, INTERNAL_ERROR = 1003, 1008, 1009, 1011

MOST_AT_ONCE = 500  # frames

_NO_RULE = SteerRule()
_STATUS = {"response.completed": "completed", "response.incomplete": "incomplete"}  # else failed


class SocketConnection:
    """One connection, since the moment `opened`. `rng` makes the ids of steers.

    `refusal` returns the reason to refuse a create of so many bytes; None: there is room for it.
    """

    __slots__ = ("_ended", "_ends", "_lanes", "_out", "_refusal", "_rng", "closed", "memory", "settings")

    def __init__(
        self,
        opened: float,
        settings: SocketSettings | None = None,
        *,
        rng: Random,
        refusal: Callable[[int], RequestError | None] | None = None,
    ) -> None:
        self.settings = settings or SocketSettings()
        self.closed = False
        self.memory = ConnectionMemory(
            self.settings.remembered, self.settings.remembered_bytes, keep_older=self.settings.keep_older
        )
        self._ends = opened + self.settings.lifetime
        self._rng = rng
        self._refusal = refusal
        self._lanes = Lanes(self.settings)
        self._ended = EndedResponses(self.settings.remembered)
        self._out: list[Action] = []

    @property
    def deadline(self) -> float | None:
        """The moment at which `wake` has something to do; None: never, since the connection is closed."""
        if self.closed:
            return None
        lane = self._lanes.only or self._lanes.next_due()
        at = self._ends if lane is None or lane.run is None else lane.run.next_at
        return min(self._ends, at)

    def is_live(self, turn: LiveTurn, stream_id: str | None) -> bool:
        """Return True if this turn still runs on its lane."""
        return self._lanes.runs(turn, stream_id)

    @property
    def queued(self) -> int:
        """How many creates wait for their turn."""
        return self._lanes.queued

    @property
    def unanswered_bytes(self) -> int:
        """The size of the frames of creates that wait, or whose responses are being sent."""
        return self._lanes.unanswered_bytes

    def receive_text(self, text: str, now: float) -> list[Action]:
        """Take in a text frame."""
        self._advance(now)
        if not self.closed:
            self._receive(text)
            self._pump()
        return self._taken()

    def receive_binary(self, now: float) -> list[Action]:
        """Take in a binary frame, which the API does not have: the connection is closed."""
        self._advance(now)
        self._close(UNSUPPORTED_DATA, "binary frames are not supported; send JSON in text frames")
        return self._taken()

    def receive_close(self, now: float) -> list[Action]:
        """Note that the client has closed the connection, or that it broke. Waiting creates get no answer."""
        self._end()
        return self._taken()

    def started(
        self, start: StartTurn, turn: LiveTurn, now: float, *, rule: SteerRule | None = None
    ) -> list[Action]:
        """Note that the last `start` is being played; `rule` is its recording's rule for steers.

        Raise ValueError if there was no `start`.
        """
        lane = self._starting_lane(start)
        if lane is None:
            return [] if turn.stored else [Cancel(turn)]
        lane.starting = lane.carried = None
        rule = rule or _NO_RULE
        lane.run = Run(start, turn, rule.at or self.settings.steer_at, rule, limit=self._ends)
        self._advance(now)
        return self._taken()

    def refused(self, start: StartTurn, error: RequestError, now: float) -> list[Action]:
        """Note that the last `start` is refused. Raise ValueError if there was none."""
        lane = self._starting_lane(start)
        if lane is None:
            return []
        self._advance(now)
        if not self.closed:
            lane.starting = None
            self._refuse(lane, start, error)
            self._pump()
        return self._taken()

    @property
    def only_run(self) -> Run | None:
        """What runs on the default lane, if there is no other: until the next call of this connection, frames
        may be taken by `Run.take_plain`."""
        lane = self._lanes.only
        return lane.run if lane else None

    def wake(self, now: float) -> list[Action]:
        """Do what is due. Call it at the deadline, and when a playback was cancelled from outside."""
        self._advance(now)
        return self._taken()

    # Time

    def _advance(self, now: float) -> None:
        if self.closed:
            return
        for each in self._lanes:
            if each.run is not None:
                each.run.refresh()
        upto = min(now, self._ends)
        left = MOST_AT_ONCE  # others wait meanwhile; the rest is due at the next wake
        while left and (lane := self._lanes.next_due(upto)) and lane.run:
            self._send_next(lane, lane.run)  # which may close: then no lane is left
            left -= 1
        if now >= self._ends and left:
            error = socket_errors.connection_limit_reached(self.settings.lifetime)
            if not self.closed:
                self._send(server_frames.error_frame(error))
            self._close(self.settings.lifetime_code, "connection limit reached")

    def _send_next(self, lane: Lane, run: Run) -> None:
        frames, place = run.frames or run.turn.frames, run.sent
        if not len(frames):
            self._close(INTERNAL_ERROR, "the recording has no events")
            return
        ending = run.turn.ending
        if ending is not None and place == len(frames) - 1:
            self._close(ending.code, ending.reason)
            return
        self._send(run.next_text(lane.name), lane)
        run.sent += 1
        type_ = run.turn.events[place].type
        if place == frames.end:
            self._finish(lane, run, _STATUS.get(type_, "failed"))
        elif run.sent == len(frames):
            self._close(INTERNAL_ERROR, "the recording ends before the response does")
        elif place == run.cut_after and type_ == ITEM_DONE:
            self._cut(lane, run)
        else:
            run.go_on()
            if place == frames.in_progress:
                self._pump()  # another lane may have waited for this

    # Creates

    def _receive(self, text: str) -> None:
        most = self.settings.frame_bytes
        if len(text) > most or size_of(text) > most:
            self._close(TOO_BIG, f"frame too big: more than {most} bytes")
            return
        frame = parse(text, multi_agent=self.settings.multi_agent)
        match frame:
            case Create():
                self._enqueue(frame)
            case Steer():
                self._steer(frame)
            case Inject():
                lane = self._lanes.running(frame.response_id)
                self._send(inject_answer(frame, lane, self._ended), lane)
            case Invalid(error, stream_id, closes):
                self._out.append(Send(server_frames.error_frame(error, stream_id), stream_id))
                if closes:
                    self._close(POLICY_VIOLATION, "invalid frame")
            case Ignored():
                pass

    def _enqueue(self, create: Create) -> None:
        lane = self._lanes.open(create.stream_id)
        error = None
        if lane is None:
            error = socket_errors.stream_limit_reached(self.settings.lanes)
        elif self._refusal and (refused := self._refusal(create.size)):
            error = refused
        elif not self._lanes.put(lane, create):
            error = socket_errors.queue_limit_reached(self.settings.queued)
        if error:
            self._out.append(Send(server_frames.error_frame(error, create.stream_id), create.stream_id))

    def _pump(self) -> None:
        while not self.closed and (taken := self._lanes.take(self.memory)):
            lane, create = taken
            start = self._start_of(lane, create)
            if create.error:
                self._refuse(lane, start, create.error)
            else:
                lane.starting = start
                self._out.append(start)

    def _start_of(self, lane: Lane, create: Create) -> StartTurn:
        previous = create.previous_response_id
        known = self.memory.find(previous, lane.name) if previous else None
        body, failed = with_waiting_steers(lane, create)
        self._out += failed
        return StartTurn(
            lane.name,
            body,
            create.size,
            not create.generate,
            self.memory.lineage(known) if known else (),
            lane.carried.ids if lane.carried else (),
        )

    def _refuse(self, lane: Lane, start: StartTurn, error: RequestError) -> None:
        carried, lane.carried = lane.carried, None
        if not start.successor:
            self._send(server_frames.error_frame(error, lane.name), lane)
            self._evict(lane, start)
        if carried:
            self._out += failed_steers(lane, carried, "successor_creation_failed", error.message)

    def _evict(self, lane: Lane, start: StartTurn) -> None:
        """Remove the response whose continuation on its own lane has failed: it cannot be continued now."""
        if start.lineage and start.lineage[0].lane == lane.name:
            self.memory.evict(start.lineage[0])

    def _finish(self, lane: Lane, run: Run, status: str) -> None:
        lane.run = None
        id_, start = run.turn.id, run.start
        if id_:
            self._ended.note(id_, status)
        if status == "failed":
            self._evict(lane, start)
        elif id_:
            previous = start.body.get("previous_response_id")
            known = previous if isinstance(previous, str) else None
            self.memory.add(Remembered(id_, lane.name, start.body, run.turn, known, start.size))
        if run.steers:
            self._out += after_steered(lane, run, status, self.memory)
        self._pump()

    # Steering

    def _steer(self, frame: Steer) -> None:
        lane = self._lanes.running(frame.previous_response_id)
        run = lane.run if lane else None
        refusal = steer_refusal(frame, run, self._ended, self.settings.steers)
        if lane is None or run is None or refusal:
            self._out.append(refused_steer(frame, lane, refusal or NOT_FOUND))
            return
        steer = AcceptedSteer(f"steer_{self._rng.getrandbits(128):032x}", frame.input)
        self._out.append(accepted_steer(steer, lane, run))
        if cuts_now(run):
            self._cut(lane, run)

    def _cut(self, lane: Lane, run: Run) -> None:
        self._out += cut_actions(lane, run)
        self._finish(lane, run, "incomplete")

    # The connection

    def _starting_lane(self, start: StartTurn) -> Lane | None:
        lane = self._lanes.starting(start)
        if lane is None and not self.closed:
            raise ValueError("this connection does not wait for that turn: it was answered before")
        return lane

    def _send(self, text: str, lane: Lane | None = None) -> None:
        self._out.append(Send(text, lane.name if lane else None))

    def _close(self, code: int, reason: str) -> None:
        if not self.closed:
            self._out.append(Close(code, reason))
            self._end()

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        runs = [lane.run for lane in self._lanes if lane.run]
        self._out += [Cancel(run.turn) for run in runs if not run.turn.stored]
        self._lanes.clear()
        self.memory.clear()

    def _taken(self) -> list[Action]:
        taken, self._out = self._out, []
        return taken
