"""Recorders: they write a relay's exchanges, in a thread or a process, so that no client waits for it.

A relay calls a `Tape`, which sends messages; the `Desk` on the other side processes them.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol, Self

from respool.record.backlog import MOST, Backlog, size_of
from respool.record.exchange import RECORDED, RecordedRequest
from respool.record.recording_set import RecordingSet, RecordOptions
from respool.record.runs import Runs
from respool.record.shelf import RecordingStopped
from respool.record.taping import OnRecorded, Taping

__all__ = ["OnRecorded", "RecordOptions", "Recorder", "RecordsExchanges", "Tape"]

logger = logging.getLogger("respool")

# The number of an exchange, the name of a method, and its arguments.
Message = tuple[int, str, tuple[Any, ...]]


class RecordsExchanges(Protocol):
    """The interface of a recorder to a relay."""

    def begin(self, request: RecordedRequest, on_recorded: OnRecorded | None = None) -> "Tape":
        """Return the tape of an exchange that begins now. `on_recorded` is called with the recording and
        turn, if the recorder is in this process."""

    def close(self, at: float) -> None:
        """Write the open recordings. Do not use it afterwards."""


class Tape:
    """The interface of a recorder to one exchange. No method waits or fails, and any thread may call them.
    If the recorder is too far behind, the recording ends, and later calls do nothing."""

    __slots__ = ("_backlog", "_lost", "_number", "_send")

    def __init__(self, number: int, send: Callable[[Message, int], object], backlog: Backlog) -> None:
        self._number = number
        self._send = send
        self._backlog = backlog
        self._lost = False

    def begin(self, request: RecordedRequest, on_recorded: OnRecorded | None = None) -> Self:
        """Note that an exchange begins."""
        self._put((self._number, "begin", (request, on_recorded) if on_recorded else (request,)))
        return self

    def _put(self, message: Message) -> None:
        if self._lost:
            return
        size = size_of(message[2])
        if self._backlog.take(size):
            self._send(message, size)
            return
        self._lost = True
        behind = f"{self._backlog.waiting / 1024 / 1024:.0f} MiB"
        begun = message[1] != "begin"
        self._send((self._number, "overrun", (behind, begun)), 0)

    def head(self, status: int, headers: Sequence[tuple[str, str]], at: float) -> None:
        """Record the head of the answer."""
        self._put((self._number, "head", (status, headers, at)))

    def chunk(self, data: bytes, at: float) -> None:
        """Record a part of the body."""
        self._put((self._number, "chunk", (data, at)))

    def note(self, fields: Mapping[str, Any]) -> None:
        """Add fields to the header of the recording."""
        self._put((self._number, "note", (fields,)))

    def end(self, how: str, at: float, timing: str = RECORDED) -> None:
        """Note the end of the answer: one of `exchange.ENDINGS`. `timing` is DEGRADED if the relay was held
        up."""
        self._put((self._number, "end", (how, at, timing)))

    def forget(self) -> None:
        """Drop the exchange: the upstream could not be reached."""
        self._put((self._number, "forget", ()))


class Desk:
    """Processes messages; one thread uses it. An error costs one recording, never more.

    Raises RecordingStopped if the folder cannot be made, OptionError for an invalid template.
    """

    def __init__(self, folder: Path, options: RecordOptions) -> None:
        self.recordings = RecordingSet(folder, options)
        self.stopped: RecordingStopped | None = None
        self._runs = Runs(self.recordings)
        self.open: dict[int, Taping] = {}

    def receive(self, message: Message) -> None:
        """Process a message."""
        number, verb, arguments = message
        with self._guarded():
            if verb == "begin":
                if not self.stopped:
                    self.open[number] = Taping(self.recordings, self._runs, *arguments)
                return
            if verb == "overrun" and number not in self.open:
                behind, begun = arguments
                if not begun and not self.stopped:
                    self.recordings.problem(f"an answer is not recorded: the recorder is {behind} behind")
                return
            last = verb in ("end", "forget", "overrun")
            taping = self.open.pop(number, None) if last else self.open.get(number)
            if taping is not None:
                getattr(taping, verb)(*arguments)

    def close(self, at: float) -> None:
        """Write the open recordings."""
        for taping in list(self.open.values()):
            with self._guarded():
                taping.stop(at)
        self.open.clear()
        with self._guarded():
            if not self.stopped:
                self._runs.close()

    @contextlib.contextmanager
    def _guarded(self) -> Any:
        try:
            yield
        except RecordingStopped as error:
            if self.stopped is None:
                self.stopped = error
                self.recordings.problem(str(error))
            for taping in self.open.values():
                taping.leave()
            self.open.clear()
        except Exception as error:
            self.recordings.problem(f"not recorded: {error!r}")
            logger.debug("not recorded", exc_info=True)


class Recorder:
    """Records into a folder, in a thread of this process.

    Raises RecordingStopped if the folder cannot be made, OptionError for an invalid template.
    """

    def __init__(self, folder: Path, options: RecordOptions | None = None, most: int = MOST) -> None:
        """At most `most` bytes wait to be processed."""
        self._desk = Desk(folder, options or RecordOptions())
        self._numbers = count(1)
        self._queue: SimpleQueue[tuple[Message, int] | Callable[[], object] | None] = SimpleQueue()
        self._backlog = Backlog(most)
        self._thread = threading.Thread(target=self._work, name="respool-recorder", daemon=True)
        self._thread.start()

    @property
    def recordings(self) -> RecordingSet:
        """The recordings, and the problems with them."""
        return self._desk.recordings

    @property
    def stopped(self) -> RecordingStopped | None:
        """The error that has ended all recording, if any."""
        return self._desk.stopped

    @property
    def active(self) -> int:
        """The number of exchanges that are being recorded."""
        return len(self._desk.open)

    def begin(self, request: RecordedRequest, on_recorded: OnRecorded | None = None) -> Tape:
        """Return the tape of an exchange that begins now. `on_recorded` is called in the
        recorder's thread."""
        return Tape(next(self._numbers), self._put, self._backlog).begin(request, on_recorded)

    def _put(self, message: Message, size: int) -> None:
        self._queue.put((message, size))

    def when_written(self, callback: Callable[[], object]) -> None:
        """Call `callback` in the recorder's thread, after all messages so far are processed."""
        self._queue.put(callback)

    def flush(self) -> None:
        """Wait until all messages so far are processed."""
        done = threading.Event()
        self.when_written(done.set)
        done.wait()

    def close(self, at: float) -> None:
        """Write the open recordings, and end the thread. Do not use it afterwards."""
        self._queue.put(lambda: self._desk.close(at))
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (queued := self._queue.get()) is not None:
            if callable(queued):
                queued()
                continue
            message, size = queued
            self._desk.receive(message)
            self._backlog.give_back(size)
