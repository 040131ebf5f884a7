"""Several processes that do the same work: started, watched, replaced and ended together.

uvicorn has a supervisor of its own (``uvicorn.supervisors.Multiprocess``), but it runs only uvicorn's Server;
it does not report when all of them listen, why one could not start, or (at our level of logging) that one
died; it ends with 0 whatever ended it, and leaves its processes behind when it is killed.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from respool.errors import RespoolError

logger = logging.getLogger("respool")

# Fresh interpreters: a fork would take over our threads' locks, and not work everywhere.
_SPAWN = multiprocessing.get_context("spawn")

Report = Callable[[Any], None]


# Seconds before a worker is replaced that died before it was ready.
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class WorkerDied(RespoolError):
    """A worker ended before it was ready, without an error."""


@dataclass(slots=True)
class _Worker:
    number: int  # from 1
    process: SpawnProcess
    reports: Connection

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.process.pid})"


class Workers:
    """Processes that run ``work(number, report, *arguments)``, one for each of `arguments`.

    `work` is a function of a module. When it is ready it calls ``report`` with a value; until then a
    RespoolError that it raises ends all. Its arguments must be fit for pickle. SIGTERM ends it, or it is
    killed after `limit` seconds; it gets SIGTERM also when this process is gone.
    """

    def __init__(
        self, work: Callable[..., None], arguments: Sequence[tuple[Any, ...]], limit: float = 5.0
    ) -> None:
        self._work = work
        self._arguments = arguments
        self._limit = limit
        self._workers: list[_Worker] = []

    def run(self, ready: Callable[[Any], None], ending: Callable[[], None] = lambda: None) -> None:
        """Start all, call `ready` with the report of the first when all have reported, and replace those that
        die, until a SIGTERM or Ctrl-C. Then call `ending`, end all, and raise the signal in this process.

        Raise what a worker raised before it was ready, and RespoolError for one that died by then.
        """
        with _Signals() as signals:
            try:
                for number in range(1, len(self._arguments) + 1):
                    self._workers.append(self._started(number))
                reports = [report for one in self._workers for report in self._report(one, signals)]
                if not signals.came:
                    ready(reports[0])
                    self._watch(signals)
            finally:
                ending()
                self._end(signals)
        for number in signals.came[:1]:
            signal.raise_signal(number)

    def _started(self, number: int) -> _Worker:
        reports, report = _SPAWN.Pipe(duplex=False)
        with report:  # so that it ends with the process
            process = _SPAWN.Process(
                target=_run,
                args=(self._work, number, report, self._arguments[number - 1]),
                name=f"respool worker {number}",
            )
            with _not_interrupted():
                process.start()
        return _Worker(number, process, reports)

    def _report(self, worker: _Worker, signals: "_Signals") -> Iterator[Any]:
        """Yield a worker's report when it is ready; nothing if a signal comes first."""
        wait([worker.reports, signals.socket])
        if signals.came:
            return
        try:
            report = worker.reports.recv()
        except EOFError:
            worker.process.join()
            raise WorkerDied(f"{worker} {_how(worker.process)} before it was ready") from None
        if isinstance(report, RespoolError):
            raise report
        yield report

    def _watch(self, signals: "_Signals") -> None:
        """Replace workers that die, until a signal comes.

        Raise what a replacement raises before it is ready. One that dies by then is replaced again, each
        time after a longer pause.
        """
        pause = 0.0
        while not signals.came:
            sentinels = [one.process.sentinel for one in self._workers]
            ended = wait([*sentinels, signals.socket])
            for place, worker in enumerate(self._workers):
                if worker.process.sentinel not in ended or signals.came:
                    continue
                worker.process.join()
                logger.warning("%s %s, and is replaced", worker, _how(worker.process))
                worker.reports.close()
                wait([signals.socket], pause)
                self._workers[place] = new = self._started(worker.number)
                try:
                    for _ in self._report(new, signals):
                        logger.info("%s is ready", new)
                        pause = 0.0
                except WorkerDied:  # likely by chance: the next round replaces it
                    pause = min(max(2 * pause, _PAUSE), _LONGEST_PAUSE)

    def _end(self, signals: "_Signals") -> None:
        """End all: in order, and at the limit or the next signal at once."""
        for worker in self._workers:
            worker.process.terminate()
        limit, came = time.monotonic() + self._limit, len(signals.came)
        for worker in self._workers:
            while worker.process.is_alive() and time.monotonic() < limit and len(signals.came) == came:
                wait([worker.process.sentinel, signals.socket], max(0.0, limit - time.monotonic()))
                signals.clear()
            worker.process.kill()
            worker.process.join()
            worker.reports.close()


def _run(work: Callable[..., None], number: int, reports: Connection, arguments: tuple[Any, ...]) -> None:
    """Run a worker's process."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()

    def report(value: Any) -> None:
        reports.send(value)
        reports.close()

    try:
        work(number, report, *arguments)
    except RespoolError as error:
        if reports.closed:
            raise
        report(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _how(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Ignore Ctrl-C in processes started in the block: the terminal sends it to all, and we send SIGTERM."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Signals:
    """The signals that came while the block ran; a socket can be read when there are some."""

    caught = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> "_Signals":
        self.came: list[int] = []
        self.socket, self._write = socket.socketpair()
        self.socket.setblocking(False)
        self._write.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._note) for number in self.caught}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self.socket.close()
        self._write.close()

    def clear(self) -> None:
        """Read the socket empty, so that waiting ends only at a new signal."""
        with suppress(BlockingIOError):
            self.socket.recv(4096)

    def _note(self, number: int, frame: object) -> None:
        self.came.append(number)
