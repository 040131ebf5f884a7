"""One stream of the load, with as little work for each read as possible.

One clock reading serves all events of a read. `load` and the bench sum up the results.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import httptools

Result = TypeVar("Result")


class Counter(Protocol):
    """Counts the events in bytes that come in any split."""

    def feed(self, data: bytes) -> int:
        """Return the number of events that `data` completes."""
        ...


class FrameCounter:
    """Counts the server-sent events in bytes that come in any split.

    An event counts when its blank line is there; a comment (a ping) does not. Lines end in LF or
    CRLF, and an event has one ``data:`` line, as Respool and sse-starlette write them.
    """

    def __init__(self) -> None:
        self._rest = b"\n"  # the incomplete event, from the line end before it

    def feed(self, data: bytes) -> int:
        """Return the number of events that `data` completes."""
        data = self._rest + data.replace(b"\r", b"")
        end = data.rfind(b"\n\n") + 1
        complete, self._rest = data[:end], data[end:]
        return complete.count(b"\ndata: ")  # one pass: at full speed the counting is most of our work


@dataclass(eq=False)
class ClientStream(asyncio.Protocol):
    """One connection: it sends the request, and sends it again after each answer if `repeat`.

    A failed stream has ended. `verdict` returns the problem of an answer.
    """

    request: bytes
    expected: int | None  # events of an answer, if that is known
    repeat: bool = False
    reads: list[tuple[float, int]] = field(default_factory=list)  # seconds since the request, events
    size: int = 0  # bytes of bodies
    plays: int = 0
    error: str = ""  # the kind of error; "" for none
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def failed(self) -> int:
        """1 if the stream has failed, else 0."""
        return int(bool(self.error))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class does not inherit from it
        self._send()

    def data_received(self, data: bytes) -> None:
        elapsed = time.monotonic() - self._sent
        self._new = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail("not HTTP")
            return
        if self._new:
            self._events += self._new
            self.reads.append((elapsed, self._new))
        if self._complete:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.is_set():
            self.fail("connection reset" if error else "cut")

    def fail(self, kind: str) -> None:
        """End the stream with an error."""
        self.error = kind
        self.leave()

    def leave(self) -> None:
        """Close the connection, in the middle of an answer if need be."""
        self.done.set()
        self._transport.abort()

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        self._new += self._counter.feed(body)

    def on_message_complete(self) -> None:
        self._complete = True

    def new_counter(self) -> Counter:
        """Return a new counter for the events of the next answer."""
        return FrameCounter()

    def verdict(self) -> str:
        """Return the problem of the complete answer; "" if there is none."""
        status = self._parser.get_status_code()
        if status != 200:
            return f"HTTP {status}"
        if self.expected is not None and self._events != self.expected:
            return "other number of events"
        return ""

    def again(self) -> bool:
        """Return True to send another request, after a correct answer."""
        return self.repeat

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._counter = self.new_counter()
        self._events = 0
        self._complete = False
        self._sent = time.monotonic()
        self._transport.write(self.request)

    def _next(self) -> None:
        if error := self.verdict():
            self.fail(error)
            return
        self.plays += 1
        if self.again():
            self._send()
        else:
            self.leave()


def late(reads: Iterable[tuple[float, int]], moments: Sequence[float]) -> Iterator[float]:
    """Return the lateness of each event, in seconds; `reads` are those of a `ClientStream`."""
    arrivals = (elapsed for elapsed, count in reads for _ in range(count))
    return (arrival - moment for arrival, moment in zip(arrivals, moments, strict=False))


def run(measuring: Coroutine[Any, Any, Result]) -> Result:
    """Run a measurement on uvloop, if it is installed, and without garbage collection."""
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):  # on Windows
        import uvloop

        new_event_loop = uvloop.new_event_loop
    gc.collect()
    gc.disable()  # a collection would make events look late
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(measuring)
    finally:
        gc.enable()


class Meter:
    """The time since its creation, and this process's share of CPU in it."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = time.process_time()

    def seconds(self) -> float:
        return time.monotonic() - self._wall

    def busy(self) -> float:
        """Return the share of the time in which this process worked: near 1, it was the bottleneck."""
        return (time.process_time() - self._cpu) / self.seconds()
