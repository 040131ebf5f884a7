"""RecorderProcess: a recorder in another process, so that redaction does not delay the relay."""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue

from respool.record.backlog import MOST, Backlog
from respool.record.exchange import RecordedRequest
from respool.record.recorder import Desk, Message, OnRecorded, Tape
from respool.record.recording_set import RecordOptions

logger = logging.getLogger("respool")

_BATCH = 0.005  # seconds for which messages to another process are collected
_BATCH_SIZE = 1024 * 1024  # bytes of them, about
_NICE = 15
_SHARE = 0.2  # of a processor: the most that the recorder takes; with more to do, it falls behind
_LONGEST_REST = 0.5  # seconds


class RecorderProcess:
    """Records in another process, so that redaction does not delay the relay.

    `make` is called there, and must be picklable. That process logs to stderr. If this process is killed, the
    other one writes the messages that it has. Raises the errors of `make` and `Desk`.
    """

    def __init__(self, folder: Path, make: Callable[[], RecordOptions], most: int = MOST) -> None:
        """At most `most` bytes wait to be sent to the process."""
        self._numbers = count(1)
        self._queue: SimpleQueue[tuple[Message, int] | None] = SimpleQueue()
        self._backlog = Backlog(most)
        context = multiprocessing.get_context("spawn")
        self._pipe, child_end = context.Pipe()
        self._process = context.Process(
            target=_record, args=(child_end, folder, make), name="respool-recorder"
        )
        self._process.start()
        child_end.close()
        if (error := self._pipe.recv()) is not None:
            self._process.join()
            raise error
        self.stopped: str | None = None
        self._thread = threading.Thread(target=self._send, name="respool-recorder", daemon=True)
        self._thread.start()

    def begin(self, request: RecordedRequest, on_recorded: OnRecorded | None = None) -> Tape:
        """Return the tape of an exchange that begins now. `on_recorded` is never called."""
        return Tape(next(self._numbers), self._put, self._backlog).begin(request)

    def _put(self, message: Message, size: int) -> None:
        self._queue.put((message, size))

    def close(self, at: float) -> None:
        """Write the open recordings, and end the process. Do not use it afterwards."""
        self._put((0, "close", (at,)), 0)
        self._queue.put(None)
        self._thread.join()
        with contextlib.suppress(EOFError, OSError):
            self.stopped = self._pipe.recv()
        self._process.join()
        self._pipe.close()

    def _send(self) -> None:
        """Send messages, many at a time: each wakes the other process, and takes turns with the relay."""
        last = False
        while not last:
            batch = [self._queue.get()]
            time.sleep(_BATCH)
            size = 0
            with contextlib.suppress(Empty):
                while batch[-1] is not None and size < _BATCH_SIZE:
                    size += batch[-1][1]
                    batch.append(self._queue.get_nowait())
            last = batch[-1] is None
            messages = [one for one in batch if one is not None]
            try:
                self._pipe.send([message for message, _ in messages])
            except OSError:
                logger.error("the recording process has ended; nothing more is recorded")
                while not last:  # nothing piles up
                    last = self._queue.get() is None
            self._backlog.give_back(sum(size for _, size in messages))


def _record(pipe: Connection, folder: Path, make: Callable[[], RecordOptions]) -> None:
    """Record in this process until the pipe ends; signals are for the relay."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    try:
        desk = Desk(folder, make())
    except Exception as error:
        pipe.send(error)
        return
    pipe.send(None)
    if hasattr(os, "nice"):
        os.nice(_NICE)
    rest = 0.0
    try:
        while True:
            for message in pipe.recv():
                if message[1] == "close":
                    desk.close(*message[2])
                    pipe.send(str(desk.stopped) if desk.stopped else None)
                    return
                began = time.process_time()
                desk.receive(message)
                rest += (time.process_time() - began) * (1 / _SHARE - 1)
                # Not all systems let a nice process wait for the others.
                if rest > _BATCH:
                    time.sleep(min(rest, _LONGEST_REST))
                    rest = 0.0
    except (EOFError, OSError):
        desk.close(time.monotonic())
