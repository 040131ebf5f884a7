"""The client: many streams on one event loop, as little work for each read as can be.

It runs in a process of its own. One clock reading serves all events of a read.
"""

import asyncio
import gc
import os
import time
from array import array
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import httptools
import uvloop

HOST = "127.0.0.1"
_BODY = b'{"model": "bench", "input": "Say hello to the bench.", "stream": true}'

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the events of all streams were: (arrival - request sent) - due, in seconds, sorted."""

    late: Sequence[float]
    failed: int  # streams that were refused, cut, or had another number of events
    busy: float  # the share of the time in which the client had work: near 1, it was the limit


@dataclass(frozen=True, slots=True)
class Throughput:
    """What arrived within `seconds`. `size` is in bytes of the body, without HTTP's own."""

    events: int
    size: int
    seconds: float
    plays: int  # those that ended
    failed: int
    busy: float


class FrameCounter:
    """Counts the server-sent events in bytes that come in any split.

    An event counts when its blank line is there; a comment (a ping) does not. Lines end in LF or
    CRLF, and an event has one ``data:`` line, as both servers write them.
    """

    def __init__(self) -> None:
        self._rest = b"\n"  # what is not complete, from the line end before it

    def feed(self, data: bytes) -> int:
        """How many events are complete with `data`."""
        data = self._rest + data.replace(b"\r", b"")
        end = data.rfind(b"\n\n") + 1
        complete, self._rest = data[:end], data[end:]
        return complete.count(b"\ndata: ")  # one pass: at full speed the counting is most of our work


def request(name: str) -> bytes:
    """A request to stream the recording `name`."""
    head = (
        f"POST /r/{name}/v1/responses HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    )
    return head.encode() + _BODY


@dataclass(eq=False)
class Stream(asyncio.Protocol):
    """One connection: it sends the request, and sends it again after each answer if `repeat`."""

    request: bytes
    expected: int  # events of an answer
    repeat: bool = False
    reads: list[tuple[float, int]] = field(default_factory=list)  # seconds since the request, events
    size: int = 0  # bytes of bodies
    plays: int = 0
    failed: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._send()

    def data_received(self, data: bytes) -> None:
        elapsed = time.monotonic() - self._sent
        self._new = 0
        self._parser.feed_data(data)
        if self._new:
            self._events += self._new
            self.reads.append((elapsed, self._new))
        if self._complete:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.is_set():
            self.failed += 1
            self.done.set()

    def leave(self) -> None:
        """Close the connection, in the middle of an answer if need be."""
        self.done.set()
        self._transport.abort()

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        self._new += self._counter.feed(body)

    def on_message_complete(self) -> None:
        self._complete = True

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._counter = FrameCounter()
        self._events = 0
        self._complete = False
        self._sent = time.monotonic()
        self._transport.write(self.request)

    def _next(self) -> None:
        if self._parser.get_status_code() == 200 and self._events == self.expected:
            self.plays += 1
        else:
            self.failed += 1
        if self.repeat and not self.failed:
            self._send()
        else:
            self.leave()


def pin(cpu: int | None) -> None:
    """Keep this process on one CPU, if it is given."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def lateness(
    port: int, name: str, moments: Sequence[float], streams: int, ramp: float, limit: float
) -> Lateness:
    """Play the recording `name`, whose events are due at `moments`, in so many streams at once.

    The streams begin spread over `ramp` seconds; those that have not ended `limit` seconds after the
    last began are cut, and have failed.
    """
    return _run(_lateness(port, name, moments, streams, ramp, limit))


def throughput(port: int, name: str, events: int, clients: int, seconds: float) -> Throughput:
    """Play the recording `name` of so many events over and over, in so many clients."""
    return _run(_throughput(port, name, events, clients, seconds))


def late(reads: Iterable[tuple[float, int]], moments: Sequence[float]) -> Iterator[float]:
    """How late each event was, in seconds; `reads` are those of a `Stream`."""
    arrivals = (elapsed for elapsed, count in reads for _ in range(count))
    return (arrival - moment for arrival, moment in zip(arrivals, moments, strict=False))


def _run(measuring: Coroutine[Any, Any, Result]) -> Result:
    gc.collect()
    gc.disable()  # a collection would make events look late
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(measuring)
    finally:
        gc.enable()


async def _lateness(
    port: int, name: str, moments: Sequence[float], streams: int, ramp: float, limit: float
) -> Lateness:
    meter = _Meter()
    opened = await _open(port, [Stream(request(name), len(moments)) for _ in range(streams)], ramp)
    await asyncio.wait([asyncio.create_task(stream.done.wait()) for stream in opened], timeout=limit)
    busy = meter.busy()
    for stream in opened:
        if not stream.done.is_set():
            stream.failed += 1
            stream.leave()
    lates = sorted(value for stream in opened for value in late(stream.reads, moments))
    return Lateness(array("d", lates), sum(stream.failed for stream in opened), busy)


async def _throughput(port: int, name: str, events: int, clients: int, seconds: float) -> Throughput:
    meter = _Meter()
    opened = await _open(port, [Stream(request(name), events, repeat=True) for _ in range(clients)])
    await asyncio.sleep(seconds - meter.seconds())
    result = Throughput(
        events=sum(count for stream in opened for _, count in stream.reads),
        size=sum(stream.size for stream in opened),
        seconds=meter.seconds(),
        plays=sum(stream.plays for stream in opened),
        failed=sum(stream.failed for stream in opened),
        busy=meter.busy(),
    )
    for stream in opened:
        stream.leave()
    return result


async def _open(port: int, streams: Sequence[Stream], ramp: float = 0.0) -> Sequence[Stream]:
    """Connect each, the first now and the last just before `ramp` seconds have passed."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number, stream in enumerate(streams):
        await asyncio.sleep(started + ramp * number / len(streams) - loop.time())
        await loop.create_connection(lambda stream=stream: stream, HOST, port)  # type: ignore[misc]
    return streams


class _Meter:
    """Time since it was made, and how much of it this process has worked."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = time.process_time()

    def seconds(self) -> float:
        return time.monotonic() - self._wall

    def busy(self) -> float:
        return (time.process_time() - self._cpu) / self.seconds()
