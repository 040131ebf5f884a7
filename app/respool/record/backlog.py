"""Backlog: the bytes that wait for a recorder. Beyond the bound, nothing is recorded."""

import threading
from typing import Any

MOST = 256 * 1024 * 1024  # bytes that wait for a recorder; an answer of a model is some 100 KB
_MESSAGE = 200  # bytes: the approximate size of a message without its data


class Backlog:
    """Counts the bytes of the messages that wait. Any thread may use it."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._waiting = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many bytes wait."""
        return self._waiting

    def take(self, size: int) -> bool:
        """Count a message; return False, and count nothing, if there is no room for it."""
        with self._lock:
            if self._waiting + size > self.most:
                return False
            self._waiting += size
            return True

    def give_back(self, size: int) -> None:
        """Free the bytes of a message that has been processed."""
        with self._lock:
            self._waiting -= size


def size_of(arguments: tuple[Any, ...]) -> int:
    """Return the approximate size of a message in bytes."""
    first = arguments[0] if arguments else b""
    data = getattr(first, "body", first)  # of a request: its body
    return _MESSAGE + (len(data) if isinstance(data, bytes) else 0)
