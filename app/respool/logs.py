"""Log lines on stderr, written by a thread of their own: logging never waits for a pipe or a disk."""

import json
import logging
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from respool.server.journal import Exchange

# The most that waits to be written. Lines beyond it are lost and counted, and the count is logged.
MOST_LINES = 10_000
MOST_BYTES = 4 * 1024 * 1024
# Seconds that the end of the process waits for the lines that are left.
PATIENCE = 0.5


class BackgroundHandler(logging.Handler):
    """A logging handler that writes to a file descriptor from a thread.

    A pipe without a reader stops the thread and nothing else. A full disk and a closed descriptor lose
    lines. How many were lost is written once, before the next line that can be written.
    """

    def __init__(self, descriptor: int = 2) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._size = 0  # bytes in `_lines`
        self._lost = 0  # lines, not yet reported
        self._busy = False  # the thread is writing
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's line; drop it if too many wait."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        except Exception:
            self.handleError(record)
            return
        with self._changed:
            if len(self._lines) >= MOST_LINES or self._size + len(line) > MOST_BYTES:
                self._lost += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if self._thread is None:  # not before: a process that logs nothing needs none
                self._thread = threading.Thread(target=self._write_all, name="respool log", daemon=True)
                self._thread.start()
            elif not self._busy:
                self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but no longer than `PATIENCE`."""
        end = time.monotonic() + PATIENCE
        with self._changed:
            while (self._lines or self._busy) and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    def _write_all(self) -> None:
        failed = False
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._lines and (failed or not self._lost):
                    self._changed.wait()
                self._busy = True
                lines, lost = list(self._lines), self._lost
                self._lines.clear()
                self._size = 0
            text = b"".join(lines)
            if lost:
                text = b"%d log lines were lost: stderr was not read, or could not be written\n" % lost + text
            failed = not _written(self._descriptor, text)
            with self._changed:
                self._lost += len(lines) if failed else -lost


def _written(descriptor: int, data: bytes) -> bool:
    """Write all of it, waiting as long as it takes. Return False if that is not possible."""
    view = memoryview(data)
    try:
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:  # another process has made it non-blocking
                time.sleep(0.05)
    except OSError:
        return False
    return True


class JSONFormatter(logging.Formatter):
    """Each line is a JSON object: the journal's fields of a request, or a message."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self._prefix = prefix.strip(" :")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = {"time": moment, "level": record.levelname.lower()}
        if self._prefix:
            fields["worker"] = self._prefix
        of = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(of, Exchange):
            fields |= of.to_log()
        if not isinstance(of, Exchange) or record.exc_info:
            fields["message"] = record.getMessage()
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def log_to_stderr(quiet: bool, prefix: str = "", form: str = "text") -> None:
    """Log to stderr from a thread, as ``text`` or ``json``. `prefix` begins each message; with `quiet`,
    requests are not logged."""
    root = logging.getLogger()
    if not root.handlers:
        handler = BackgroundHandler()
        text = logging.Formatter(f"%(asctime)s {prefix}%(message)s", "%H:%M:%S")
        handler.setFormatter(JSONFormatter(prefix) if form == "json" else text)
        root.addHandler(handler)
        root.setLevel(logging.WARNING)
    logging.getLogger("respool").setLevel(logging.INFO)
    logging.getLogger("respool.requests").setLevel(logging.WARNING if quiet else logging.INFO)


def flush_logs() -> None:
    """Write all queued lines to stderr, before a signal ends the process."""
    for handler in logging.getLogger().handlers:
        handler.flush()
