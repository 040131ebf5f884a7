"""RecordedSocketTurns: the turn of each frame of a WebSocket. No I/O.

A turn is what follows of one ``response.create``, up to its terminal event. It becomes the same recording as
over HTTP: the text of each frame is the text of an event, without the name of its lane.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from respool.protocol.events import TERMINAL_TYPES, Event, compact_recorded, dumps, loads
from respool.protocol.members import drop_member, member_text
from respool.protocol.sse import encode
from respool.record.exchange import CLIENT_LEFT, COMPLETE, CUT
from respool.record.turn import RawJSON

_CREATE = "response.create"
_EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"),)
_JSON = (("content-type", "application/json"),)
# What the service says beside a response's own events: of steers and injected items.
_BESIDE = ("response.steer.", "response.inject.")
_NOT_OF_THE_BODY = ("type", "stream_id", "event_id")


class TellsTape(Protocol):
    """The interface of a tape: see `recorder.Tape`."""

    def head(self, status: int, headers: Any, at: float) -> None: ...
    def chunk(self, data: bytes, at: float) -> None: ...
    def note(self, fields: Mapping[str, Any]) -> None: ...
    def end(self, how: str, at: float) -> None: ...


@dataclass(slots=True)
class _Turn:
    """One turn; without a tape, a warm-up, which is not recorded. `beside` are the frames that are none of
    its events: seconds since the create, who sent it, its text."""

    tape: TellsTape | None
    began: float
    lane: str | None
    headed: bool = False
    failed: bool = False
    beside: list[tuple[float, str, str]] = field(default_factory=list)


class RecordedSocketTurns:
    """The turns of one connection. Pass each frame, and the end of the connection.

    `begin` gets the body of a create, as that of a POST that asks for the same as a stream, and the moment;
    it returns the tape of that turn.
    """

    def __init__(self, begin: Callable[[bytes, float], TellsTape]) -> None:
        self._begin = begin
        self._lanes: dict[str | None, deque[_Turn]] = {}

    def sent(self, text: str, at: float) -> None:
        """Return a text frame of the client's."""
        frame = _object(text)
        lane = _lane(frame)
        if frame.get("type") == _CREATE:
            tape = None if frame.get("generate") is False else self._begin(_body(frame), at)
            self._lanes.setdefault(lane, deque()).append(_Turn(tape, at, lane))
        elif (turn := self._turn(lane)) is not None:
            turn.beside.append((at - turn.began, "client", text))

    def received(self, text: str, at: float) -> None:
        """Return a text frame of the server's."""
        frame = _object(text)
        lane, type_ = _lane(frame), str(frame.get("type", ""))
        turn = self._turn(lane)
        if turn is None:
            return
        if type_.startswith(_BESIDE):
            turn.beside.append((at - turn.began, "server", text))
            return
        if type_ == "error" and isinstance(frame.get("error"), dict) and "sequence_number" not in frame:
            self._refused(turn, frame, text, at)
            return
        if turn.failed and type_ == "response.created":  # the one before has ended with its error
            self._end(turn, COMPLETE, at)
            if (turn := self._turn(lane)) is None:
                return
        if not turn.headed and turn.tape is not None:
            turn.tape.head(200, _EVENT_STREAM, at)
        turn.headed = True
        if turn.tape is not None:
            turn.tape.chunk(_framed(drop_member(text, "stream_id") if lane else text), at)
        turn.failed = turn.failed or type_ == "error"
        if type_ in TERMINAL_TYPES:
            self._end(turn, COMPLETE, at)

    def closed(self, code: int, reason: str, by: str, at: float) -> None:
        """Return the connection has ended; `by` is ``client`` or ``server``."""
        for turn in [turn for lane in self._lanes.values() for turn in lane]:
            if turn.tape is not None:
                turn.tape.note({"close": {"code": code, "reason": reason, "by": by}})
            ended = COMPLETE if turn.failed else CLIENT_LEFT if by == "client" else CUT
            self._end(turn, ended, at)

    def _turn(self, lane: str | None) -> _Turn | None:
        """Return the turn of a lane that is under way. A frame without a lane is of the only turn there
        is."""
        if waiting := self._lanes.get(lane):
            return waiting[0]
        if lane is None and len(self._lanes) == 1:
            return next(iter(self._lanes.values()))[0]
        return None

    def _refused(self, turn: _Turn, frame: Mapping[str, Any], text: str, at: float) -> None:
        """Return the service refuses a create, or ends it with what would be an HTTP error."""
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
    except ValueError:  # no JSON: as it is
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
