"""Faults of WebSockets: unexpected closes, and frames that are not the API's.

Most other faults happen on sockets, too: see `happens_on_sockets`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from respool.errors import RequestError
from respool.faults.end import stopped
from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Action, Frame
from respool.faults.places import PlaceLike, point
from respool.options import line, seconds, whole
from respool.protocol import api_errors
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event
from respool.protocol.websocket.server_frames import error_frame

BROKEN = 1006  # no close frame: the connection breaks

_PING = '{"type":"ping"}'


@fault_class("socket_close", "socket", Stage.END, expect="notice")
class SocketClose(Fault):
    """The connection is closed while the response is under way.

    code    the close code, 1000 to 4999; 1006: it breaks without a close frame
    after   where
    reason  what the close frame says
    """

    code: int = whole(1011, 1000, 4999)
    after: PlaceLike = point("50%")
    reason: str = line("-")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame in stopped(frames, self.after, Action.CUT):
            if frame.action is Action.CUT:
                reason = "" if self.reason == "-" else self.reason
                yield replace(frame, close_code=self.code, close_reason=reason)
            else:
                yield frame


@fault_class("socket_mute", "socket", Stage.ANSWER, expect="notice", answers=True)
class SocketMute(Fault):
    """An error frame, then no more frames, and after a while the connection breaks.

    status   of the error
    seconds  after which it breaks
    """

    status: int = whole(400, 400, 599)
    seconds: float = seconds(2.7)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        text = error_frame(api_errors.of_status(self.status))
        yield Frame(0.0, encode_sse(Event(text, "error")))
        yield Frame(self.seconds, action=Action.CUT)


@fault_class("socket_ping", "socket", Stage.DAMAGE, expect="survive")
class SocketPing(Fault):
    """Between the events are frames ``{"type":"ping"}``, which are none of the API's.

    every  after how many events there is one
    """

    every: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        events = 0
        for frame in frames:
            yield frame
            events += frame.event is not None
            if frame.event is not None and events % self.every == 0:
                yield Frame(frame.at, encode_sse(Event(_PING, "ping")))


@fault_class("socket_refused", "socket", Stage.ANSWER, expect="notice")
class SocketRefused(Fault):
    """The upgrade is refused, with an answer of HTTP; what is on a connection stays as it is.

    code  the status: after 426 clients use HTTP
    """

    code: int = whole(426, 400, 599)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return iter(frames)

    def error(self) -> RequestError:
        """Return the answer to the upgrade."""
        if self.code == 426:
            return RequestError(
                "This connection is not upgraded to WebSocket.", status=426, code="websocket_not_supported"
            )
        return api_errors.of_status(self.code)


_CATEGORIES = frozenset({"events", "model", "time", "end", "socket"})
_ALSO = frozenset({"status", "rate_limit", "quota", "refuse", "empty_reply", "slow_headers", "done"})
# A socket has only whole text frames: no other bytes, no event names beside the data, and no separate end of
# the answer.
_EXCEPT = frozenset({"invalid_utf8", "wrong_event_name", "slow_close"})


def happens_on_sockets(fault: Fault) -> bool:
    """Return True if a fault can happen on a WebSocket."""
    return (fault.category in _CATEGORIES and fault.name not in _EXCEPT) or fault.name in _ALSO
