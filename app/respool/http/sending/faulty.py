"""Answers with faults: any sound answer as frames, and the loop that sends what faults made of them."""

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import chain, islice

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from respool.errors import FaultError, RequestError
from respool.faults.applying import ActiveFault, apply
from respool.faults.fault import Fault
from respool.faults.frame import Action, Frame, Head
from respool.http.problems import envelope
from respool.http.sending.connection import header_values
from respool.http.sending.faulty_line import FaultyLine
from respool.http.sending.open_streams import from_any_thread
from respool.http.sending.playback_response import LateResponse, PlaybackResponse, Progress, watch_for_end
from respool.recordings.recording import Recording
from respool.server.delivery import AnswerDelivery, Delivery
from respool.server.heavy import heavy
from respool.server.memory_limits import HeldBytes
from respool.server.mock_server import MockServer
from respool.server.session import Session

_FAULTS = "respool.faults.table"
FAULT_HEADER = "x-respool-fault"
ASKED = "respool.faults"  # in the scope: the faults that a request asks for


# About what a frame takes in memory besides its bytes.
_FRAME_BYTES = 500
# From so many on, an answer's frames are made outside of the event loop: others would wait for it.
_LARGE = 1024 * 1024

_TOO_MANY = RequestError(
    "Too many large answers with faults are under way: their frames take too much memory. Try again when "
    "some have ended.",
    status=503,
    type="server_error",
    code="too_many_faults",
)


async def _begin(frames: Callable[[], Iterator[Frame]], size: int, first: int = 0) -> Iterator[Frame]:
    """Return the frames that `frames` makes, without the `first` ones. A thread makes those of a large
    answer, up to the first that is sent: for many faults, that is all of them."""
    if size < _LARGE:
        return islice(frames(), first, None) if first else frames()

    def begin() -> tuple[list[Frame], Iterator[Frame]]:
        made = islice(frames(), first, None)
        return list(islice(made, 1)), made

    return chain(*await heavy(begin))


async def load_faults() -> None:
    """Import all faults, which takes a tenth of a second: in a thread, since others would wait for it."""
    if _FAULTS not in sys.modules:
        await asyncio.to_thread(import_module, _FAULTS)


def requested_faults(values: Sequence[str], allowed: bool) -> tuple[Fault, ...]:
    """Return the faults that a request's headers ask for. Raise RequestError."""
    if not values:
        return ()
    if not allowed:
        raise RequestError(
            f"This server takes no faults from requests (it runs with --no-request-faults): leave out the "
            f"header {FAULT_HEADER}.",
            code="faults_not_allowed",
        )
    # ASGI gives header values as Latin-1.
    text = ";".join(values).encode("latin-1").decode("utf-8", "replace")
    try:
        from respool.faults import parse  # which loads them all

        return parse(text)
    except FaultError as error:
        raise RequestError(f"The header {FAULT_HEADER}: {error}", code="invalid_fault") from None


def draw(
    server: MockServer, recording: Recording, requested: Sequence[Fault], scope: Scope, session: Session
) -> tuple[ActiveFault, ...]:
    """Return what goes wrong with this play, for a request of that scope; nothing, most of the time."""
    if not (requested or recording.header.faults or server.faults_of(session)):
        return ()
    accept_encoding = ",".join(header_values(scope, b"accept-encoding"))
    return server.draw_faults(recording, requested, accepted_codings(accept_encoding), session.name)


def accepted_codings(accept_encoding: str) -> Collection[str]:
    """Return the content codings that a client accepts. Source: RFC 9110, section 12.5.3."""
    accepted = set()
    for one in accept_encoding.lower().split(","):
        coding, _, weight = one.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(coding.strip())
    return accepted


def check_possible(faults: Sequence[Fault], *, stream: bool) -> None:
    """Raise RequestError for a fault that a request asks for and that cannot happen to its answer."""
    impossible = () if stream else [fault for fault in faults if fault.of_streams]
    if impossible:
        raise RequestError(
            f"The fault {impossible[0].name} changes a stream, and this answer is none: ask for a stream, "
            "or for another fault.",
            code="impossible_fault",
        )


def frames_of(answer: Response, delivery: AnswerDelivery, started: float) -> Iterator[Frame]:
    """Yield a sound answer as frames: what `answer` would send, and when, in seconds since `started`."""
    at = 0.0
    if isinstance(answer, LateResponse):
        at = max(0.0, answer.moment - started)
        answer = answer.edited()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.raw_headers}
    stream = isinstance(answer, PlaybackResponse) and isinstance(delivery, Delivery)
    yield Frame(at, head=Head(answer.status_code, headers, stream))
    if isinstance(delivery, Delivery) and stream:
        playback = delivery.playback
        for number, frame in enumerate(playback.frames()):
            if number < delivery.first:
                continue
            at = frame.at if started == playback.started else max(0.0, playback.started + frame.at - started)
            yield replace(frame, at=at)
    else:
        yield Frame(at, bytes(answer.body))
    ending = delivery.playback.ending if isinstance(delivery, Delivery) else "terminal"
    yield Frame(at, action=_ENDINGS.get(ending, Action.CLOSE))


_ENDINGS = {"cut": Action.CUT, "reset": Action.RESET}


class FaultyResponse(Response):
    """An answer with faults."""

    def __init__(
        self,
        answer: Response,
        delivery: AnswerDelivery,
        active: Sequence[ActiveFault],
        started: float,
        held: HeldBytes,
    ) -> None:
        """`answer` is the sound one; `started` is the session's moment from which the faults count time;
        `held` is what all such answers of the server hold."""
        self._answer = answer
        self._delivery = delivery
        self._active = active
        self._started = started
        self._held = held
        delivery.exchange.faults = tuple(str(one.fault) for one in active)
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery
        left, woken = asyncio.Event(), asyncio.Event()
        line = FaultyLine(scope, send, left)
        whole = scope.get("http_version") == "1.0"
        size = self._size()
        progress = Progress(delivery, self._started)
        progress.events = 0
        delivery.begin(progress)
        if not self._held.take(size):
            delivery.over()
            await envelope(_TOO_MANY)(scope, receive, send)
            return
        watch = asyncio.create_task(watch_for_end(receive, left, woken))
        unsubscribe = self._subscribe(woken)
        try:
            if await self._send(whole, size, line, progress, woken):
                delivery.complete()
            elif left.is_set() and not line.broken:
                delivery.client_left()
            elif isinstance(delivery, Delivery) and (ending := _ENDINGS.get(delivery.playback.ending)):
                delivery.ended_by = delivery.ended_by or f"{ending.value} by hand"
                delivery.cut()
        finally:
            unsubscribe()
            watch.cancel()
            self._held.give_back(size)
            delivery.over()

    def _subscribe(self, woken: asyncio.Event) -> Callable[[], None]:
        if not isinstance(self._delivery, Delivery):
            return lambda: None
        return self._delivery.playback.subscribe(from_any_thread(woken.set))

    def _frames(self, whole: bool) -> Iterator[Frame]:
        """Return the frames to send, by the playback's current schedule; chance repeats for the same
        faults."""
        active = [replace(one, rng=copy(one.rng)) for one in self._active]
        frames = frames_of(self._answer, self._delivery, self._started)
        if whole:
            frames, active = _without_chunks(frames), [one.without_chunks() for one in active]
        return apply(frames, active)

    def _size(self) -> int:
        """Estimate the memory of the answer in bytes, while its frames are sent one by one."""
        added = sum(one.fault.added_bytes for one in self._active)
        if not isinstance(self._answer, PlaybackResponse) or not isinstance(self._delivery, Delivery):
            return len(self._answer.body) + added
        schedule = self._delivery.playback.schedule
        return len(schedule) * _FRAME_BYTES + len(schedule.encoded.data) + added

    async def _send(
        self, whole: bool, size: int, line: "FaultyLine", progress: Progress, woken: asyncio.Event
    ) -> bool:
        """Send each frame at its moment; whether the answer came to a proper end."""
        clock, started = self._delivery.clock, self._started
        sent = 0
        frames = await _begin(partial(self._frames, whole), size)
        while (frame := next(frames, None)) is not None:
            if clock.now() < started + frame.at:
                await line.flush()
                if not await progress.wait_until(frame.at, woken):
                    if line.left:
                        return False
                    woken.clear()  # the schedule is another one now
                    frames = await _begin(partial(self._frames, whole), size, sent)
                    continue
            sent += 1
            if frame.head is not None:
                await line.begin(frame.head)
            await line.write(frame.data, alone=frame.alone)
            if frame.event is not None:
                self._delivery.exchange.events += 1
                progress.events = self._delivery.exchange.events
            if line.left:
                return False
            if frame.action is not Action.SEND:
                await line.end(frame.action)
                return not line.broken
        return False


def _without_chunks(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Add the length for a client of HTTP/1.0, which knows no chunks, and close the connection. `apply`
    computes the length."""
    for frame in frames:
        if frame.head is not None and "content-length" not in frame.head.headers:
            head = frame.head.with_headers(content_length="0", connection="close")
            yield replace(frame, head=head)
        else:
            yield frame
