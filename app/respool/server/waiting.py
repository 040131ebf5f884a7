"""Waiter: counts the requests of the journal that pass a filter."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from respool.server.journal import Exchange, Journal
from respool.server.request_filter import RequestFilter
from respool.server.seen_requests import SeenRequest, SeenRequests


class Waiter:
    """Calls `reached` once `count` requests of the journal pass a filter, present ones included.

    It may be called in the server's thread, or in that of `look`.
    """

    def __init__(
        self, journal: Journal, wanted: RequestFilter, count: int, reached: Callable[[], None]
    ) -> None:
        self._journal = journal
        self._wanted = wanted
        self._count = count
        self._reached = reached
        self._lock = threading.Lock()
        self._found: dict[int, SeenRequest] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Check each request that changes, within the block."""
        with self._journal.watch(self._changed):
            yield

    def look(self) -> None:
        """Check all requests of the journal."""
        for exchange in self._journal:
            self._changed("", exchange)
        self._check_count()

    @property
    def found(self) -> SeenRequests:
        """The requests that pass, oldest first."""
        with self._lock:
            return SeenRequests([self._found[number] for number in sorted(self._found)])

    def _changed(self, change: str, exchange: Exchange) -> None:
        request = SeenRequest(exchange)
        if self._wanted.matches(request):
            with self._lock:
                self._found[exchange.number] = request
            self._check_count()
        else:  # it may have passed before: one that was pending has ended
            with self._lock:
                self._found.pop(exchange.number, None)

    def _check_count(self) -> None:
        with self._lock:
            enough = len(self._found) >= self._count
        if enough:
            self._reached()
