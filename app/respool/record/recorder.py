"""Recorder: writes what a relay sees, in a thread of its own, so that no client ever waits for it."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

from respool.record.exchange import RECORDED, Asked
from respool.record.recording_set import RecordingSet, RecordOptions
from respool.record.runs import Runs
from respool.record.shelf import RecordingStopped
from respool.record.taping import Taping

__all__ = ["RecordOptions", "Recorder", "Tape"]

logger = logging.getLogger("respool")

_Job = Callable[[], object]


class Recorder:
    """Records into a folder. Close it: what has come until then is written.

    Raises RecordingStopped if the folder cannot be made, OptionError for a template that is none.
    """

    def __init__(self, folder: Path, options: RecordOptions | None = None) -> None:
        self.recordings = RecordingSet(folder, options or RecordOptions())
        self.stopped: RecordingStopped | None = None  # what has ended all recording
        self._runs = Runs(self.recordings)
        self._open: set[Taping] = set()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="respool-recorder", daemon=True)
        self._thread.start()

    @property
    def active(self) -> int:
        """How many exchanges are being recorded."""
        return len(self._open)

    def begin(self, asked: Asked) -> "Tape":
        """Return what is to be told of an exchange that begins now."""
        return Tape(self, asked)

    def learn(self, secret: str) -> None:
        """Write this text nowhere: a key that the relay itself puts in."""
        self.put(lambda: self.recordings.redactor.learn(secret))

    def put(self, job: _Job) -> None:
        """Run something in the recorder's thread, after all that was told until now."""
        self._queue.put(job)

    def flush(self) -> None:
        """Wait until all that was told is written."""
        done = threading.Event()
        self.put(done.set)
        done.wait()

    def close(self, at: float) -> None:
        """Write what is open, and end the thread. Do not use it afterwards."""
        self.put(lambda: self._close(at))
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job()
            except RecordingStopped as error:
                self._stop(error)
            except Exception as error:  # a mistake of ours costs a recording, never a client
                self.recordings.problem(f"not recorded: {error!r}")
                logger.debug("not recorded", exc_info=True)

    def _stop(self, error: RecordingStopped) -> None:
        if self.stopped is None:
            self.stopped = error
            self.recordings.problem(str(error))
        for taping in self._open:
            taping.leave()
        self._open.clear()

    def _close(self, at: float) -> None:
        for taping in list(self._open):
            taping.stop(at)
        if not self.stopped:
            self._runs.close()

    def _start(self, asked: Asked) -> Taping | None:
        if self.stopped:
            return None
        taping = Taping(self.recordings, self._runs, asked)
        self._open.add(taping)
        return taping


class Tape:
    """What a relay tells of one exchange. No method waits or fails, and any thread may call them."""

    __slots__ = ("_recorder", "_taping")

    def __init__(self, recorder: Recorder, asked: Asked) -> None:
        self._recorder = recorder
        self._taping: Taping | None = None
        recorder.put(lambda: self._begin(asked))

    def head(self, status: int, headers: Sequence[tuple[str, str]], at: float) -> None:
        """The head of the answer has come."""
        self._recorder.put(lambda: self._told(lambda taping: taping.head(status, headers, at)))

    def chunk(self, data: bytes, at: float) -> None:
        """A part of the body has come."""
        self._recorder.put(lambda: self._told(lambda taping: taping.chunk(data, at)))

    def end(self, how: str, at: float, timing: str = RECORDED) -> None:
        """The answer has ended: one of `exchange.ENDINGS`. `timing` is DEGRADED if the relay was held up."""
        self._recorder.put(lambda: self._close(lambda taping: taping.end(how, at, timing)))

    def forget(self) -> None:
        """The upstream could not be reached."""
        self._recorder.put(lambda: self._close(Taping.forget))

    def _begin(self, asked: Asked) -> None:
        self._taping = self._recorder._start(asked)

    def _told(self, what: Callable[[Taping], None]) -> None:
        if self._taping is not None:
            what(self._taping)

    def _close(self, how: Callable[[Taping], None]) -> None:
        if self._taping is not None:
            self._recorder._open.discard(self._taping)
            how(self._taping)
