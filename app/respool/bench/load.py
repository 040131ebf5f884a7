"""Many streams against a Responses server, in a process of its own, within the user's limits.

Lateness is kept as 8 bytes an event, until the end: summing up would make the next events look late.
"""

import asyncio
import math
import multiprocessing
import signal
import ssl
from array import array
from collections import Counter
from collections.abc import Callable, MutableSequence, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from respool.bench import client
from respool.bench.summary import LoadReport, figures
from respool.bench.tally import EventCounter
from respool.bench.target import LoadTarget
from respool.errors import OptionError, RespoolError

# Indexes of the array that the process shares while it runs.
BEGUN, ENDED, PLAYS, EVENTS, FAILED, STOP = range(6)

LOOK = 0.1  # seconds between two checks for STOP

SPARE_FILES = 100  # open files of a process besides its connections

# The first matching type names the error.
KINDS: Sequence[tuple[type[Exception], str]] = (
    (ConnectionRefusedError, "connection refused"),
    (ConnectionError, "connection reset"),
    (TimeoutError, "timeout"),
    (ssl.SSLError, "TLS"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The amount of load; times are seconds. With a `duration` the streams repeat until it is over."""

    streams: int
    repeat: int = 1  # plays of each stream
    duration: float | None = None
    ramp: float = 0.0  # over which the streams begin
    timeout: float = 60.0  # for a connection, and then for each answer
    moments: Sequence[float] | None = None  # when the events are due; None: not known


@dataclass(slots=True)
class StreamOutcome:
    """The results of all streams. Times are seconds."""

    ttfe: "array[float]" = field(default_factory=lambda: array("d"))
    late: "array[float]" = field(default_factory=lambda: array("d"))
    errors: Counter[str] = field(default_factory=Counter)
    plays: int = 0
    events: int = 0
    size: int = 0
    seconds: float = 0.0
    busy: float = 0.0


class MeasuredStream(client.ClientStream):
    """A stream that adds its results to a `StreamOutcome`, and ends an answer that takes too long."""

    def __init__(
        self, request: bytes, plan: Plan, wanted: float, outcome: StreamOutcome, live: MutableSequence[int]
    ) -> None:
        super().__init__(request, None if plan.moments is None else len(plan.moments))
        self._plan = plan
        self._wanted = wanted  # plays
        self._outcome = outcome
        self._live = live
        self._timer: asyncio.TimerHandle | None = None
        self._new = 0
        self._headed = self._framed = self._streams = False  # from the answer's head

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._live[EVENTS] += self._new

    def connection_lost(self, error: Exception | None) -> None:
        if not (self.done.is_set() or error or self._framed) and self._headed:
            self._next()  # an answer without a length ends with its connection
        super().connection_lost(error)

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._framed |= name in (b"content-length", b"transfer-encoding")
        if name == b"content-type":
            self._streams = value.lower().startswith(b"text/event-stream")

    def on_headers_complete(self) -> None:
        self._headed = True

    def new_counter(self) -> EventCounter:
        self._events_of_answer = EventCounter()
        return self._events_of_answer

    def verdict(self) -> str:
        status = self._parser.get_status_code()
        if status == 200 and not self._streams:
            return "not an event stream"
        if error := super().verdict():
            return error
        return self._events_of_answer.verdict() if self.expected is None else ""

    def again(self) -> bool:
        self._live[PLAYS] += 1
        return self.plays < self._wanted and self._framed and bool(self._parser.should_keep_alive())

    def leave(self) -> None:
        if self.done.is_set():
            return
        self._settle()
        if self._timer:
            self._timer.cancel()
        super().leave()

    def _send(self) -> None:
        self._settle()
        self._framed = self._headed = self._streams = False
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._plan.timeout, self.fail, "timeout")
        super()._send()

    def _settle(self) -> None:
        """Add the reads since the request to the outcome."""
        if self.reads:
            self._outcome.ttfe.append(self.reads[0][0])
            self._outcome.events += sum(count for _, count in self.reads)
            if self._plan.moments is not None:
                self._outcome.late.extend(client.late(self.reads, self._plan.moments))
            self.reads.clear()
        self._outcome.size += self.size
        self.size = 0


def load(target: LoadTarget, plan: Plan, progress: Callable[[Sequence[int]], object]) -> LoadReport:
    """Put the load on the target; call `progress` now and then with the shared array.

    It ends when all streams have ended, when the plan's duration is over, or by Ctrl-C; then the report has
    the results so far.
    """
    context = multiprocessing.get_context("spawn")
    live = context.RawArray("q", STOP + 1)
    interrupted = False
    with ProcessPoolExecutor(1, context, initializer=_begin, initargs=(live,)) as process:
        running = process.submit(_play, target, plan)
        try:
            while not running.done():
                try:
                    wait([running], LOOK)
                    progress(live)
                except KeyboardInterrupt:
                    interrupted = True
                    live[STOP] = 1
        finally:
            live[STOP] = 1  # any exception ends the load
        try:
            outcome = running.result()
        except BrokenProcessPool:
            raise RespoolError("the process that puts the load on has ended; expected its figures") from None
    return LoadReport(
        url=target.url,
        model=target.model,
        streams=plan.streams,
        plays=outcome.plays,
        events=outcome.events,
        size=outcome.size,
        seconds=outcome.seconds,
        errors=outcome.errors,
        ttfe=figures(outcome.ttfe),
        late=figures(outcome.late),
        busy=outcome.busy,
        interrupted=interrupted,
    )


def allow_open_files(streams: int) -> None:
    """Allow this process, and its children, so many connections.

    Raise OptionError if the system's limit is lower.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    wanted = streams + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise OptionError(
            f"{streams} streams need {wanted} open files, but the system allows {hard}; see 'ulimit -Hn'"
        )
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def kind(error: Exception) -> str:
    """Return the name under which an error is counted."""
    for type_, name in KINDS:
        if isinstance(error, type_):
            return name
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


_live: Any = None  # of the process that puts the load on


def _begin(live: MutableSequence[int]) -> None:
    global _live
    _live = live
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process, which sets STOP


def _play(target: LoadTarget, plan: Plan) -> StreamOutcome:
    return client.run(play(target, plan, _live))


async def play(target: LoadTarget, plan: Plan, live: MutableSequence[int]) -> StreamOutcome:
    """Play all streams, and count them in `live` while they run."""
    outcome = StreamOutcome()
    meter = client.Meter()
    context = ssl.create_default_context() if target.secure else None
    request = target.request()
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def stream(number: int) -> None:
        await asyncio.sleep(began + plan.ramp * number / plan.streams - loop.time())
        live[BEGUN] += 1
        left = plan.repeat if plan.duration is None else math.inf
        error = ""
        while left > 0 and not error:
            playing = MeasuredStream(request, plan, left, outcome, live)
            try:
                async with asyncio.timeout(plan.timeout):
                    await loop.create_connection(
                        lambda playing=playing: playing, target.host, target.port, ssl=context
                    )
            except OSError as problem:
                error = kind(problem)
                break
            try:
                await playing.done.wait()
            finally:
                playing.leave()
                outcome.plays += playing.plays
            left -= playing.plays
            error = playing.error
        live[ENDED] += 1
        if error:
            outcome.errors[error] += 1
            live[FAILED] += 1

    waiting = {asyncio.create_task(stream(number)) for number in range(plan.streams)}
    tasks = frozenset(waiting)
    end = math.inf if plan.duration is None else began + plan.duration
    while waiting and not live[STOP] and loop.time() < end:
        _, waiting = await asyncio.wait(waiting, timeout=min(LOOK, max(0.0, end - loop.time())))
    outcome.seconds, outcome.busy = meter.seconds(), meter.busy()
    for task in waiting:
        task.cancel()  # cut by us: neither a play nor an error, but its events count
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return outcome
