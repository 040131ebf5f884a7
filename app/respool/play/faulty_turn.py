"""FaultyTurn: a playback on a socket, with faults.

The faults' functions are those of HTTP: they get the frames of a stream, and their result is read as a client
would read it. Each message becomes a text frame, and the end of the stream one of the connection.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from respool.errors import RequestError
from respool.faults.applying import ActiveFault, apply
from respool.faults.fault import Stage
from respool.faults.frame import Action, Frame, Head
from respool.faults.socket import BROKEN, happens_on_sockets
from respool.play.live_turn import Ending
from respool.play.playback import Playback
from respool.play.socket_frames import SocketFrames, socket_text
from respool.protocol.events import TERMINAL_TYPES, Event, loads
from respool.protocol.sse import Decoder

_NORMAL = 1000
_ENDS = TERMINAL_TYPES | {"error"}


@dataclass(frozen=True, slots=True, eq=False)
class FaultyTurn:
    """A playback whose frames come from faults, with their moments in seconds since its start."""

    playback: Playback
    events: Sequence[Event]
    frames: SocketFrames
    moments: Sequence[float]
    ending: Ending | None = None
    edits: Sequence[object] = ()  # they change nothing

    @property
    def timeline(self) -> tuple[float, Sequence[float]]:
        """The start of the playback, and the moments since then."""
        return self.playback.started, self.moments

    @property
    def id(self) -> str:
        """The id of the response."""
        return self.playback.id

    @property
    def stored(self) -> bool:
        """True if the request allows storing it."""
        return self.playback.stored

    def due_at(self, place: int) -> float:
        """Return the moment at which a frame is due."""
        return self.playback.started + self.moments[place]


def faulty_turn(playback: Playback, active: Sequence[ActiveFault]) -> FaultyTurn:
    """Return a playback with these faults. Raise RequestError for a fault that no socket can have, and for an
    answer that is an error of HTTP."""
    for one in active:
        if not happens_on_sockets(one.fault):
            raise RequestError(
                f"The fault {one.fault.name} cannot happen on a WebSocket: it changes what only HTTP has.",
                code="invalid_fault",
            )
    events: list[Event] = []
    moments: list[float] = []
    ending: Ending | None = None
    at, decoder = 0.0, Decoder()
    refused: Head | None = None
    body = b""
    # Without chunks nothing is added to a stream while it is sent, so that it has an end.
    rates = [one for one in active if one.fault.stage == Stage.RATE]
    others = [one.without_chunks() for one in active if one.fault.stage != Stage.RATE]
    for frame in apply(_sound(playback), others):
        at = max(at, frame.at)
        if frame.head and not frame.head.stream:
            refused = frame.head
        if refused:
            body += frame.data
            continue
        messages = decoder.feed(frame.data)
        if frame.action is not Action.SEND:
            messages = [*messages, *decoder.finish()]
        for message in messages:
            events.append(_on_socket(message.data, message.event or _type_of(message.data)))
            moments.append(at)
        if frame.action is Action.CLOSE and any(event.type in _ENDS for event in events):
            break
        if frame.action is not Action.SEND:
            code = _NORMAL if frame.action is Action.CLOSE else frame.close_code or BROKEN
            ending = Ending(code, frame.close_reason)
            events.append(Event("", ""))
            moments.append(at)
            break
    if refused:
        raise _error(refused, body)
    for one in rates:
        moments = _slowed(events, moments, one)
    return FaultyTurn(playback, events, _frames(events, ending), moments, ending)


def _sound(playback: Playback) -> Iterator[Frame]:
    yield Frame(0.0, head=Head())
    at = 0.0
    for frame in playback.frames():
        if frame.event is not None:  # a socket has no comments and no [DONE]
            at = frame.at
            yield frame
    yield Frame(at, action=Action.CLOSE)


def _slowed(events: Sequence[Event], moments: Sequence[float], rate: ActiveFault) -> list[float]:
    """Return the moments at which all bytes of each text frame have arrived over a line with this rate."""
    frames = (
        Frame(at, event.text.encode("utf-8", "replace"), event=event)
        for event, at in zip(events, moments, strict=True)
    )
    return [frame.at for frame in rate.fault.apply(frames, rate.rng) if frame.event is not None]


def _frames(events: list[Event], ending: Ending | None) -> SocketFrames:
    """Return frames for all events, also for those after the end of the response."""
    texts = [event.text for event in events]
    end = None
    if ending is None:
        end = len(events) - 1
        last = next(event.type for event in reversed(events) if event.type in _ENDS)
        events[end] = Event(events[end].text, last)
    braces = array("Q", (max(0, len(text.rstrip()) - 1) for text in texts))
    kinds = [event.type for event in events]
    progress = "response.in_progress"
    in_progress = kinds.index(progress) if progress in kinds else min(1, len(events) - 1)
    return SocketFrames(texts, braces, end, in_progress)


def _on_socket(text: str, type: str) -> Event:
    try:
        if type in _ENDS:
            loads(text)
        return Event(socket_text(Event(text, type)), type)
    except ValueError:  # a fault has damaged it: then it ends nothing
        return Event(text, "")


def _type_of(text: str) -> str:
    try:
        return str(loads(text)["type"])
    except (ValueError, TypeError, KeyError):
        return ""


def _error(head: Head, body: bytes) -> RequestError:
    """Return an error of HTTP as an error frame."""
    try:
        error = loads(body)["error"]
        return RequestError(
            str(error["message"]),
            status=head.status,
            type=str(error.get("type")),
            code=error.get("code"),
            param=error.get("param"),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return RequestError(
            f"The server answered with the status {head.status}, and no error of the API.",
            status=head.status if head.status >= 400 else 500,
            type="server_error",
        )
