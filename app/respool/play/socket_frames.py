"""SocketFrames: the events of a response as the texts of a socket's frames. Made once per rendition."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respool.protocol.events import Event
from respool.protocol.members import drop_member, member_text, set_members
from respool.protocol.several_responses import end_of

IN_PROGRESS = "response.in_progress"
_WHITESPACE = " \t\n\r"

# The status of in-band errors without one.
_STATUS_OF_ERROR = {"rate_limit_exceeded": 429, "insufficient_quota": 429, "invalid_request_error": 400}


@dataclass(frozen=True, slots=True)
class SocketFrames:
    """The texts of all frames, for the default lane; those of a named lane are made on demand.

    The texts are the events' own strings, so that they take no memory of their own.

    end          the place of the event that ends the response; None: it was cut
    in_progress  the place after which the response has left its first states
    """

    texts: Sequence[str]
    braces: Sequence[int]  # of each text, where its closing brace is
    end: int | None
    in_progress: int

    @classmethod
    def of(cls, events: Iterable[Event]) -> "SocketFrames":
        """Make the frames of some events. Events after the end of the response are left out."""
        played = list(events)
        end = end_of(played)
        if end is not None:
            del played[end + 1 :]
        texts = [socket_text(event) for event in played]
        in_progress = next((at for at, event in enumerate(played) if event.type == IN_PROGRESS), None)
        braces = array("Q", (len(text.rstrip(_WHITESPACE)) - 1 for text in texts))
        # Others leave response.in_progress out: the event after response.created is as good.
        first = min(1, len(texts) - 1) if in_progress is None else in_progress
        return cls(texts, braces, end, first)

    def __len__(self) -> int:
        return len(self.texts)

    def text(self, place: int, stream_id: str | None = None) -> str:
        """Return the text of one frame. `stream_id` must be a valid name, which needs no escapes."""
        text = self.texts[place]
        if stream_id is None:
            return text
        brace = self.braces[place]
        return f'{text[:brace]},"stream_id":"{stream_id}"{text[brace:]}'


def socket_text(event: Event) -> str:
    """Return the text of an event for a frame without an ``event:`` line and without a lane."""
    text = event.text
    if '"stream_id"' in text:
        text = drop_member(text, "stream_id")
    if not text.startswith('{"type":') and member_text(text, "type") is None:
        text = set_members(text, {"type": event.type})
    return _error(text) if event.type == "error" else text


def _error(text: str) -> str:
    """Return an error in a socket's form: with a status, and its fields nested under ``error``.

    Codex ignores errors without status, other clients those without the nested code.
    """
    data = Event(text, "error").data
    nested = data.get("error")
    added: dict[str, Any] = {}
    if not isinstance(nested, Mapping):
        nested = {name: data.get(name) for name in ("code", "message", "param")}
        nested = {"type": _STATUS_TYPES.get(_status(nested), "server_error"), **nested}
        added["error"] = nested
    if type(data.get("status")) is not int:
        added["status"] = _status(nested)
    return set_members(text, added)


_STATUS_TYPES = {429: "rate_limit_error", 400: "invalid_request_error"}


def _status(details: Mapping[str, Any]) -> int:
    known = (name for name in (details.get("code"), details.get("type")) if isinstance(name, str))
    return next((_STATUS_OF_ERROR[name] for name in known if name in _STATUS_OF_ERROR), 500)
