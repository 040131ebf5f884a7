"""RecordedSocketTurns: assigns each frame of a WebSocket to a turn. No I/O.

A turn begins with a ``response.create`` and ends with the terminal event; in the multi-agent beta, where the
responses of several agents run at a time, with the last one. It becomes the same recording as over HTTP: the
text of each frame is the text of an event, without its ``stream_id``. After a steer, the service creates a
response by itself: that is a turn, too. Its request is that of the turn before, with the steer as input.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from respool.play.steering import input_list
from respool.protocol.events import CREATED, TERMINAL_TYPES, Event, compact_recorded, dumps, loads
from respool.protocol.members import drop_member, member_text
from respool.protocol.several_responses import id_of
from respool.protocol.sse import encode
from respool.record.exchange import CLIENT_LEFT, COMPLETE, CUT
from respool.record.turn import RawJSON

_CREATE = "response.create"
_STEER = "response.steer"
_PREVIOUS = "previous_response_id"
_EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"),)
_JSON = (("content-type", "application/json"),)
# Frames of the service about steers and injected items, which are no events of the response.
_BESIDE = ("response.steer.", "response.inject.")
_NOT_OF_THE_BODY = ("type", "stream_id", "event_id")


class SocketTape(Protocol):
    """The interface of a tape: see `recorder.Tape`."""

    def head(self, status: int, headers: Any, at: float) -> None: ...
    def chunk(self, data: bytes, at: float) -> None: ...
    def note(self, fields: Mapping[str, Any]) -> None: ...
    def end(self, how: str, at: float) -> None: ...


@dataclass(slots=True)
class _Turn:
    """One turn; without a tape, a warm-up, which is not recorded. `beside` are its frames that are no events:
    seconds since the create, sender, text."""

    tape: SocketTape | None
    began: float
    lane: str | None
    create: Mapping[str, Any]
    ids: set[str] = field(default_factory=set)  # of its responses: several in the multi-agent beta
    open: set[str] = field(default_factory=set)  # ids of responses that have not ended
    steers: list[Mapping[str, Any]] = field(default_factory=list)
    headed: bool = False
    failed: bool = False
    beside: list[tuple[float, str, str]] = field(default_factory=list)


class RecordedSocketTurns:
    """The turns of one connection. Pass each frame, and the end of the connection.

    `begin` gets the body of a create, as of a POST with ``stream``, and the moment; it returns the tape of
    that turn.
    """

    def __init__(self, begin: Callable[[bytes, float], SocketTape]) -> None:
        self._begin = begin
        self._lanes: dict[str | None, deque[_Turn]] = {}
        self._before: dict[str | None, _Turn] = {}  # the last turn of each lane that has ended

    def sent(self, text: str, at: float) -> None:
        """Take a text frame of the client."""
        frame = _object(text)
        lane = _lane(frame)
        if frame.get("type") == _CREATE:
            self._create(frame, lane, at)
        elif (turn := self._about(frame) or self._turn(lane)) is not None:
            turn.beside.append((at - turn.began, "client", text))
            if frame.get("type") == _STEER:
                turn.steers.append(frame)

    def _create(self, frame: Mapping[str, Any], lane: str | None, at: float) -> None:
        tape = None if frame.get("generate") is False else self._begin(_body(frame), at)
        self._lanes.setdefault(lane, deque()).append(_Turn(tape, at, lane, frame))

    def received(self, text: str, at: float) -> None:
        """Take a text frame of the server."""
        frame = _object(text)
        lane, type_ = _lane(frame), str(frame.get("type", ""))
        turn = self._successor(frame, lane, at) if type_ == CREATED else None
        turn = turn or self._turn(lane)
        if turn is None:
            return
        if type_.startswith(_BESIDE):
            turn.beside.append((at - turn.began, "server", text))
            return
        if type_ == "error" and isinstance(frame.get("error"), dict) and "sequence_number" not in frame:
            self._refused(turn, frame, text, at)
            return
        if turn.failed and type_ == CREATED:  # the turn before has ended with its error
            self._end(turn, COMPLETE, at)
            if (turn := self._turn(lane)) is None:
                return
        if not turn.headed and turn.tape is not None:
            turn.tape.head(200, _EVENT_STREAM, at)
        turn.headed = True
        if turn.tape is not None:
            turn.tape.chunk(_framed(drop_member(text, "stream_id") if lane else text), at)
        turn.failed = turn.failed or type_ == "error"
        id_ = id_of(frame.get("response")) or ""
        if type_ == CREATED:
            turn.ids.add(id_)
            turn.open.add(id_)
        elif type_ in TERMINAL_TYPES:
            turn.open.discard(id_)
            if not turn.open or len(turn.ids) == 1:
                self._end(turn, COMPLETE, at)

    def closed(self, code: int, reason: str, by: str, at: float) -> None:
        """End all turns: the connection was closed by ``client`` or ``server``."""
        for turn in [turn for lane in self._lanes.values() for turn in lane]:
            if turn.tape is not None:
                turn.tape.note({"close": {"code": code, "reason": reason, "by": by}})
            ended = COMPLETE if turn.failed else CLIENT_LEFT if by == "client" else CUT
            self._end(turn, ended, at)

    def _turn(self, lane: str | None) -> _Turn | None:
        """Return the current turn of a lane. A frame without a lane belongs to the only lane there is."""
        if waiting := self._lanes.get(lane):
            return waiting[0]
        if lane is None and len(self._lanes) == 1:
            return next(iter(self._lanes.values()))[0]
        return None

    def _about(self, frame: Mapping[str, Any]) -> _Turn | None:
        """Return the turn with the response that a steer or an injected item names instead of a lane."""
        named = frame.get(_PREVIOUS, frame.get("response_id"))
        turns = (turn for lane in self._lanes.values() for turn in lane)
        return next((turn for turn in turns if named in turn.ids), None) if isinstance(named, str) else None

    def _successor(self, frame: Mapping[str, Any], lane: str | None, at: float) -> _Turn | None:
        """Begin the turn of a response that was created for a steer, or without any known request.

        Its create is that of the turn before, with the steers as input.
        """
        before, waiting = self._before.get(lane), self._lanes.get(lane)
        if before is None or (waiting and waiting[0].headed):
            return None
        response = frame.get("response")
        previous = response.get(_PREVIOUS) if isinstance(response, dict) else None
        if waiting and (
            previous not in before.ids or waiting[0].create.get("previous_response_id") == previous
        ):
            return None
        items = [item for steer in before.steers for item in input_list(steer.get("input"))]
        continued = {_PREVIOUS: previous} if isinstance(previous, str) else {}
        self._create({**before.create, "input": items, **continued}, lane, at)
        self._lanes[lane].rotate(1)
        return self._lanes[lane][0]

    def _refused(self, turn: _Turn, frame: Mapping[str, Any], text: str, at: float) -> None:
        """Record an error frame: the service refuses a create, or ends its response with an HTTP error."""
        status = frame.get("status")
        if turn.tape is not None and not turn.headed:
            turn.tape.head(status if isinstance(status, int) and 400 <= status < 600 else 500, _JSON, at)
            turn.tape.chunk(f'{{"error":{member_text(text, "error")}}}'.encode(errors="replace"), at)
        elif turn.tape is not None:
            turn.tape.chunk(_framed(drop_member(text, "stream_id") if turn.lane else text), at)
        self._end(turn, COMPLETE, at)

    def _end(self, turn: _Turn, how: str, at: float) -> None:
        lane = self._lanes[turn.lane]
        lane.remove(turn)
        if not lane:
            del self._lanes[turn.lane]
        self._before[turn.lane] = turn
        if turn.tape is None:
            return
        notes: dict[str, Any] = {"transport": "websocket"}
        if turn.beside:
            shown = ", ".join(
                f"[{round(seconds, 6)!r}, {dumps(who)}, {text if _object(text) else dumps(text)}]"
                for seconds, who, text in turn.beside
            )
            notes["frames_beside"] = RawJSON(f"[{shown}]")
        turn.tape.note(notes)
        turn.tape.end(how, at)


def _body(frame: Mapping[str, Any]) -> bytes:
    body = {name: value for name, value in frame.items() if name not in _NOT_OF_THE_BODY}
    return compact_recorded({**body, "stream": True}).encode(errors="replace")


def _framed(text: str) -> bytes:
    """Return a frame's text as a server-sent event; line ends in JSON stand between tokens only."""
    line = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    try:
        return encode(line, Event.parse(line).type)
    except ValueError:  # no JSON: unchanged
        return f"data: {line}\n\n".encode(errors="surrogateescape")


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _lane(frame: Mapping[str, Any]) -> str | None:
    lane = frame.get("stream_id")
    return lane if isinstance(lane, str) else None
