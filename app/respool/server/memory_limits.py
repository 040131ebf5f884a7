"""MemoryLimits: the bytes that a server may hold for requests and answers, and their shares."""

from dataclasses import dataclass

from respool.errors import OptionError

MIB = 1024 * 1024
DEFAULT_MEMORY = 864 * MIB  # bytes: the parts below together
LEAST_MEMORY = MIB

# The default shares, in MiB. With another total, each share changes in proportion.
_SESSIONS = 256  # requests of stored responses and items of conversations, of all sessions
_SESSION = 64  # of one session, each of the two
_RENDITIONS = 64  # changed renditions: fresh ids, Scripts
_JOURNAL = 32  # bodies of requests in the journal
_FAULTS = 512  # answers with faults that are under way


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """The limits of a server that may hold `total` bytes."""

    total: int = DEFAULT_MEMORY

    def __post_init__(self) -> None:
        if self.total < LEAST_MEMORY:
            raise OptionError(f"max-memory is {self.total} bytes, expected at least {LEAST_MEMORY}")

    @property
    def sessions(self) -> int:
        """Requests of stored responses and items of conversations, of all sessions."""
        return self._share(_SESSIONS)

    @property
    def session(self) -> int:
        """The same of one session: requests, and as many of items."""
        return self._share(_SESSION)

    @property
    def renditions(self) -> int:
        """Changed renditions."""
        return self._share(_RENDITIONS)

    @property
    def journal(self) -> int:
        """Bodies of requests in the journal."""
        return self._share(_JOURNAL)

    @property
    def faults(self) -> int:
        """Answers with faults that are in progress."""
        return self._share(_FAULTS)

    def _share(self, mebibytes: int) -> int:
        return self.total * mebibytes * MIB // DEFAULT_MEMORY


class HeldBytes:
    """The bytes that answers in progress hold together."""

    __slots__ = ("most", "used")

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    def take(self, size: int) -> bool:
        """Count `size` more, unless that is too much; one answer alone never is."""
        if self.used and self.used + size > self.most:
            return False
        self.used += size
        return True

    def give_back(self, size: int) -> None:
        """Count `size` less."""
        self.used -= size
