"""Faults of the events: their presence, order and content."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from respool.faults.early_end import ended, response_of
from respool.faults.fault import MAX_ADDED, Fault, Stage, fault_class
from respool.faults.frame import Frame
from respool.faults.places import PlaceLike, Split, point, spot, spotted
from respool.faults.rewriting import carrying, damage, made, numbered, shifted
from respool.options import flag, line, text, whole
from respool.protocol import sse
from respool.protocol.api_errors import FAILURE
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event
from respool.protocol.members import set_members
from respool.protocol.response import error_event, failure
from respool.protocol.snapshot import fold


@fault_class("drop", "events", Stage.EVENTS)
class Drop(Fault):
    """Events are lost; the sequence numbers of the others stay.

    at     the first of them
    count  how many
    """

    at: PlaceLike = spot("50%")
    count: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        left = 0
        for frame, here in spotted(frames, self.at):
            left = self.count if here else left
            if left and frame.event:
                left -= 1
            else:
                yield frame


@fault_class("duplicate", "events", Stage.EVENTS)
class Duplicate(Fault):
    """An event comes twice, with the same sequence number.

    at  which
    """

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame, here in spotted(frames, self.at):
            yield frame
            if here:
                yield frame


@fault_class("swap", "events", Stage.EVENTS)
class Swap(Fault):
    """An event and the one after it come in the wrong order.

    at  the first of the two
    """

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        held: Frame | None = None
        for frame, here in spotted(frames, self.at):
            if here:
                held = frame
            elif held and frame.event:
                yield replace(frame, at=held.at)
                yield replace(held, at=frame.at)
                held = None
            else:
                if held:  # it is the last event
                    yield held
                    held = None
                yield frame


@fault_class("gap", "events", Stage.EVENTS)
class Gap(Fault):
    """Sequence numbers are left out, though no event is missing.

    at    the first event whose number is too high
    size  how many numbers are left out
    """

    at: PlaceLike = spot("50%")
    size: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        by = 0
        for frame, here in spotted(frames, self.at):
            by = self.size if here else by
            yield shifted(frame, by)


@fault_class("renumber", "events", Stage.EVENTS)
class Renumber(Fault):
    """All events are numbered anew, one after the other; those too that had no sequence number.

    first  the number of the first event
    """

    first: int = whole(1, 0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        number = self.first
        for frame in frames:
            if frame.event:
                yield numbered(frame, number)
                number += 1
            else:
                yield frame


@fault_class("unknown_event", "events", Stage.EVENTS, expect="survive")
class UnknownEvent(Fault):
    """An event of an unknown type is put in; the sequence numbers allow for it.

    after  where
    type   its type
    """

    after: PlaceLike = point("50%")
    type: str = line("response.unheard_of.delta")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        split = Split(frames, self.after, whole=True)
        last: int | None = None
        for frame in split.before():
            last = frame.event.sequence_number if frame.event else last
            yield frame
        if split.reached and split.stream:
            rest = list(split.rest())
            following = (frame.event.sequence_number for frame in rest if frame.event)
            number = next(following, None if last is None else last + 1)
            yield made(split.at, self.type, number, delta="?")
            for frame in rest:
                yield shifted(frame, 1)
        yield from split.rest()


@fault_class("truncated_json", "events", Stage.DAMAGE)
class TruncatedJson(Fault):
    """The data of an event is the first half of its JSON; the event itself ends as it should.

    at  which event
    """

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return damage(
            frames, self.at, lambda event: sse.encode(event.text[: len(event.text) // 2], event.type)
        )


@fault_class("invalid_utf8", "events", Stage.DAMAGE)
class InvalidUtf8(Fault):
    """A string of an event (its last one) begins with the byte FF, which is not UTF-8.

    at  which event
    """

    at: PlaceLike = spot("50%")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return damage(frames, self.at, _spoil)


@fault_class("wrong_event_name", "events", Stage.DAMAGE)
class WrongEventName(Fault):
    """The ``event:`` line of an event says another type than its data.

    at     which event
    value  what the line says
    """

    at: PlaceLike = spot("50%")
    value: str = line("response.in_progress")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return damage(frames, self.at, lambda event: sse.encode(event.text, self.value))


_PADDING = "(padding of huge_event)"


@fault_class("huge_event", "events", Stage.EVENTS, expect="survive")
class HugeEvent(Fault):
    """An event is very large, and otherwise sound: its `obfuscation`, padding of the service, is.

    at    which event
    size  bytes of padding, at most 16M
    """

    at: PlaceLike = spot("50%")
    size: int = whole(10 * 1024 * 1024, 1, MAX_ADDED, unit="bytes")

    @property
    def added_bytes(self) -> int:
        return self.size

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame, here in spotted(frames, self.at):
            if here and frame.event:
                # Encoding the padding as JSON would take most of the time.
                text = set_members(frame.event.text, {"obfuscation": _PADDING})
                before, _, after = text.rpartition(_PADDING)
                yield carrying(frame, Event(f"{before}{'x' * self.size}{after}", frame.event.type))
            else:
                yield frame


@fault_class("error_event", "events", Stage.EVENTS, expect="notice")
class ErrorEvent(Fault):
    """The stream ends with an `error` event.

    after    where
    flat     code and message in the event itself, as the SDKs' types say, not nested as the service does
    code     of the error
    type     of the error, where it is nested
    message  of the error
    """

    after: PlaceLike = point("50%")
    flat: bool = flag(False)
    code: str = text("server_error")
    type: str = text("server_error")
    message: str = text(FAILURE)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return ended(frames, self.after, self._last)

    def _last(self, events: list[Event], rest: list[Event]) -> tuple[str, dict[str, Any]]:
        error = error_event({"code": self.code, "type": self.type, "message": self.message})
        if self.flat:
            return "error", {name: error[name] for name in ("code", "message", "param")}
        return "error", {"error": error}


@fault_class("failed", "events", Stage.EVENTS, expect="notice")
class Failed(Fault):
    """The response ends with `response.failed`, in place of what was to come.

    after    where
    code     of its error
    message  of its error
    """

    after: PlaceLike = point("50%")
    code: str = text("server_error")
    message: str = text(FAILURE)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return ended(frames, self.after, self._last)

    def _last(self, events: list[Event], rest: list[Event]) -> tuple[str, dict[str, Any]]:
        error = failure({"code": self.code, "message": self.message})
        # The service sends neither output nor usage.
        changed: dict[str, Any] = {"status": "failed", "error": error, "output": [], "usage": None}
        return "response.failed", {"response": {**response_of(events or rest), **changed}}


@fault_class("incomplete", "events", Stage.EVENTS, expect="notice")
class Incomplete(Fault):
    """The response ends with `response.incomplete`, in place of what was to come.

    Its output is what has come until then, its usage that of the recording.

    after   where
    reason  of its incomplete_details: max_output_tokens, content_filter, ...
    """

    after: PlaceLike = point("50%")
    reason: str = text("max_output_tokens")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return ended(frames, self.after, self._last)

    def _last(self, events: list[Event], rest: list[Event]) -> tuple[str, dict[str, Any]]:
        output = [_closed(item) for item in fold(events).get("output", [])]
        changed = {
            "status": "incomplete",
            "incomplete_details": {"reason": self.reason},
            "output": output,
            "usage": _usage(rest),
        }
        return "response.incomplete", {"response": {**response_of(events or rest), **changed}}


def _spoil(event: Event) -> bytes:
    data = encode_sse(event)
    start = max(data.rfind(b':"'), data.rfind(b': "') + 1) + 2
    return data[:start] + b"\xff" + data[start:]


def _closed(item: Any) -> Any:
    running = isinstance(item, dict) and item.get("status") == "in_progress"
    return {**item, "status": "incomplete"} if running else item


def _usage(rest: list[Event]) -> Any:
    """Return the usage at the recording's end: too high for the events sent, but of the right shape."""
    for event in reversed(rest):
        response = event.data.get("response") if event.type.startswith("response.") else None
        if isinstance(response, dict) and response.get("usage"):
            return response["usage"]
    return None
