"""Answers with faults: any sound answer as frames, and the loop that sends what faults made of them."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import islice

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from respool.errors import FaultError, RequestError
from respool.faults.applying import ActiveFault, apply
from respool.faults.fault import Fault
from respool.faults.frame import Action, Frame, Head
from respool.http.sending.connection import header_values, reset, transport_of, unsent
from respool.http.sending.open_streams import from_any_thread
from respool.http.sending.playback_response import LateResponse, PlaybackResponse, Progress, watch_for_end
from respool.play.frames import MAX_CHUNK
from respool.recordings.recording import Recording
from respool.server.delivery import Delivery
from respool.server.mock_server import MockServer

FAULT_HEADER = "x-respool-fault"

# A chunk is announced as this much larger than it is, where it is to break.
_MISSING = 64  # bytes


def asked_faults(values: Sequence[str], allowed: bool) -> tuple[Fault, ...]:
    """The faults that a request's headers ask for. Raises RequestError."""
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
    server: MockServer, recording: Recording, asked: Sequence[Fault], scope: Scope, session: str
) -> tuple[ActiveFault, ...]:
    """What goes wrong with this play, for a request of that scope; nothing, most of the time."""
    if not (recording.header.faults or asked or server.faults_of(server.session(session))):
        return ()
    accept_encoding = ",".join(header_values(scope, b"accept-encoding"))
    return server.draw_faults(recording, asked, accepted_codings(accept_encoding), session)


def accepted_codings(accept_encoding: str) -> Collection[str]:
    """The content codings that a client accepts. Source: RFC 9110, section 12.5.3."""
    accepted = set()
    for one in accept_encoding.lower().split(","):
        coding, _, weight = one.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(coding.strip())
    return accepted


def frames_of(answer: Response, delivery: Delivery) -> Iterator[Frame]:
    """A sound answer as frames: what `answer` would send, and when."""
    late = isinstance(answer, LateResponse)
    if isinstance(answer, LateResponse):
        answer = answer.edited()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.raw_headers}
    stream = isinstance(answer, PlaybackResponse)
    playback = delivery.playback
    at = playback.schedule.end if late else 0.0
    yield Frame(at, head=Head(answer.status_code, headers, stream))
    if stream:
        for frame in playback.frames():
            at = frame.at
            yield frame
    else:
        yield Frame(at, bytes(answer.body))
    yield Frame(at, action=_ENDINGS.get(playback.ending, Action.CLOSE))


_ENDINGS = {"cut": Action.CUT, "reset": Action.RESET}


class FaultyResponse(Response):
    """An answer to which faults happen."""

    def __init__(self, answer: Response, delivery: Delivery, active: Sequence[ActiveFault]) -> None:
        """`answer` is the sound one."""
        self._answer = answer
        self._delivery = delivery
        self._active = active
        delivery.exchange.faults = tuple(str(one.fault) for one in active)
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery
        left, woken = asyncio.Event(), asyncio.Event()
        watch = asyncio.create_task(watch_for_end(receive, left, woken))
        unsubscribe = delivery.playback.subscribe(from_any_thread(woken.set))
        progress = Progress(delivery)
        progress.events = 0
        delivery.begin(progress)
        line = _Line(scope, send, left)
        whole = scope.get("http_version") == "1.0"
        try:
            if await self._send(whole, line, progress, woken):
                delivery.complete()
            elif left.is_set() and not line.broken:
                delivery.client_left()
            elif ending := _ENDINGS.get(delivery.playback.ending):
                delivery.ended_by = delivery.ended_by or f"{ending.value} by hand"
                delivery.cut()
        finally:
            unsubscribe()
            watch.cancel()
            delivery.over()

    def _frames(self, whole: bool) -> Iterator[Frame]:
        """What is sent, as the playback's schedule is now; the same faults get the same chance again."""
        active = [replace(one, rng=copy(one.rng)) for one in self._active]
        frames = frames_of(self._answer, self._delivery)
        if whole:
            frames, active = _without_chunks(frames), [one.without_chunks() for one in active]
        return apply(frames, active)

    async def _send(self, whole: bool, line: "_Line", progress: Progress, woken: asyncio.Event) -> bool:
        """Send each frame at its moment; whether the answer came to a proper end."""
        clock, started = self._delivery.clock, self._delivery.playback.started
        sent = 0
        frames = self._frames(whole)
        while (frame := next(frames, None)) is not None:
            if clock.now() < started + frame.at:
                await line.flush()
                if not await progress.wait_until(frame.at, woken):
                    if line.left:
                        return False
                    woken.clear()  # the schedule is another one now
                    frames = islice(self._frames(whole), sent, None)
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


class _Line:
    """The client's end of the line: collects what is due, and sends it."""

    def __init__(self, scope: Scope, send: Send, left: asyncio.Event) -> None:
        self._scope = scope
        self._send = send
        self._left = left
        self._pending = bytearray()
        self._chunked = False
        self._begun = False
        self.broken = False  # by us

    @property
    def left(self) -> bool:
        """Whether the client has left."""
        return self._left.is_set()

    async def begin(self, head: Head) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.headers.items()]
        self._chunked = "content-length" not in head.headers
        self._begun = True
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})

    async def write(self, data: bytes, *, alone: bool) -> None:
        """Take bytes; they leave at the next `flush`, or now if they are to leave `alone`."""
        if alone or len(self._pending) + len(data) > MAX_CHUNK:
            await self.flush()
        self._pending += data
        if alone:
            await self.flush()

    async def flush(self) -> None:
        if self._pending:
            body = bytes(self._pending)
            self._pending.clear()
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            # The others' turn: none waits for a long stream, and it hears that its client has left.
            await asyncio.sleep(0)

    async def end(self, action: Action) -> None:
        await self.flush()
        if action is Action.CLOSE and self._begun:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        self.broken = True
        transport = transport_of(self._scope)
        if transport is None:
            return  # the server closes the connection, since the answer is incomplete
        if action is Action.RESET:
            await self._drain(transport)
            reset(transport)
        else:
            if action is Action.ABORT and self._chunked and self._begun:
                transport.write(b"%x\r\n" % _MISSING)
            transport.close()
        # Until the server knows: it would answer an error to a request that it takes for unanswered.
        await self._left.wait()

    async def _drain(self, transport: asyncio.Transport) -> None:
        """Wait until the client's machine has all that was written: a reset would throw the rest away."""
        if not self._begun:
            return
        transport.set_write_buffer_limits(0)  # the server's send waits while anything is left
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})
        # Nobody tells when the system's own buffer is empty, and a reset throws that away, too.
        pause = 0.001
        while unsent(transport) and not self._left.is_set():
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)


def _without_chunks(frames: Iterable[Frame]) -> Iterator[Frame]:
    """For a client of HTTP/1.0, which knows no chunks: it must be told the length, and that the
    connection ends. What the length is, `apply` finds out."""
    for frame in frames:
        if frame.head is not None and "content-length" not in frame.head.headers:
            head = frame.head.with_headers(content_length="0", connection="close")
            yield replace(frame, head=head)
        else:
            yield frame
