"""Places: how many requests may be held open at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from respool.errors import RequestError


class Places:
    """At most `most` of something at once; `what` names it in messages."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a place within the block. Raise RequestError if there is none."""
        if self._taken >= self._most:
            raise RequestError(
                f"There are {self._most} {self._what} already; end some.", status=429, code="too_many"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
