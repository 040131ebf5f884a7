"""Sessions: all sessions of a server, in memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

from respool.play.clock import Clock
from respool.server.history import Budget
from respool.server.session import DEFAULT_SESSION, Session, check_name

MOST_SESSIONS = 10_000
MOST_BYTES = 256 * 1024 * 1024  # that all sessions hold together
IDLE = 3600.0  # seconds after its last request for which a session is kept


Make = Callable[[str], Session]


class AnySessions(Protocol):
    """The sessions of a server, wherever they are."""

    def __iter__(self) -> Iterator[Session]:
        """Iterate over all sessions; the default session comes first."""

    def __len__(self) -> int: ...

    @property
    def default_session(self) -> Session:
        """The default session."""

    def get(self, name: str) -> Session:
        """Return the session of that name, and mark it as used. Raise OptionError for an invalid name."""

    def find(self, name: str) -> Session | None:
        """Return the session of that name, or None, without marking it as used."""

    def delete(self, name: str) -> bool:
        """Delete a session; reset the default one. Return False if there was none."""

    def keep_within_bounds(self, using: Session) -> None:
        """Delete sessions until all are within their limits, but never the one in use."""


class Sessions:
    """The sessions of a server, by name. A new name begins a session.

    Sessions that were idle for `idle` seconds are deleted, and the least recently used ones if there are more
    than `most`, or if all together hold too much. The default session stays.
    """

    def __init__(
        self,
        make: Make,
        clock: Clock,
        idle: float = IDLE,
        most: int = MOST_SESSIONS,
        budget: Budget | None = None,
    ) -> None:
        self._make = make
        self._clock = clock
        self._idle = idle
        self._most = most
        self.budget = budget or Budget(MOST_BYTES)
        self.default_session = make(DEFAULT_SESSION)
        self._named: OrderedDict[str, Session] = OrderedDict()  # that used last is last

    def __iter__(self) -> Iterator[Session]:
        return iter([self.default_session, *self._named.values()])

    def __len__(self) -> int:
        return 1 + len(self._named)

    def get(self, name: str) -> Session:
        """Return the session of that name, and mark it as used. Raise OptionError for an invalid name."""
        if name == DEFAULT_SESSION:
            return self.default_session
        now = self._clock.now()
        session = self._named.get(name)
        if session is None:
            check_name(name)
            session = self._named[name] = self._make(name)
            self._forget_old(now)
        else:
            self._named.move_to_end(name)
        session.last_used = now
        return session

    def find(self, name: str) -> Session | None:
        """Return the session of that name, or None, without marking it as used."""
        return self.default_session if name == DEFAULT_SESSION else self._named.get(name)

    def delete(self, name: str) -> bool:
        """Delete a session; reset the default one. Return False if there was none."""
        session = self.find(name)
        if session is None:
            return False
        session.reset()
        self._named.pop(name, None)
        return True

    def keep_within_bounds(self, using: Session) -> None:
        """Delete sessions until all are within their limits, but never the one in use."""
        budget = self.budget
        while budget.used > budget.most:
            oldest = next((one for one in self._named.values() if one is not using), None)
            if oldest is None:
                return
            self.delete(oldest.name)

    def _forget_old(self, now: float) -> None:
        while self._named:
            oldest = next(iter(self._named.values()))
            if len(self._named) <= self._most and oldest.last_used + self._idle > now:
                return
            self.delete(oldest.name)
