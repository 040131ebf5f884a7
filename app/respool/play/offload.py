"""Offload: work of a decision that takes too long for an event loop.

A decision is a plain function. Where some of its work is large, and `offloading` is on, it ends early with
`WorkNeeded`; the work is done in a thread, and the decision made again, with the result.
"""

import threading
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")

LARGE = 64 * 1024  # bytes of what is worked on, from which work is offloaded
NO_RESULTS: Mapping[Hashable, Any] = MappingProxyType({})


class WorkNeeded(Exception):
    """A decision needs work outside of the event loop; its result belongs into the results at `key`."""

    def __init__(self, key: Hashable, work: Callable[[], Any]) -> None:
        super().__init__("this work needs a thread")
        self.key = key
        self.work = work


class _Current(threading.local):
    results: Mapping[Hashable, Any] | None = None


_current = _Current()


class offloading:  # noqa: N801 - it is used as a function
    """Have large work of this thread raise `WorkNeeded` within a block, unless its result is in `results`.
    None: have it done at once.

    A class, since `contextlib.contextmanager` takes several times as long, for each request.
    """

    __slots__ = ("_before", "_results")

    def __init__(self, results: Mapping[Hashable, Any] | None) -> None:
        self._results = results
        self._before: Mapping[Hashable, Any] | None = None

    def __enter__(self) -> None:
        self._before, _current.results = _current.results, self._results

    def __exit__(self, *_: object) -> None:
        _current.results = self._before


def offload(size: int, key: Hashable, work: Callable[[], T]) -> T:
    """Return the result of `work`, a function that can run in any thread, on `size` bytes.

    Raise WorkNeeded if it is large and the caller offloads. Call it before anything is changed.
    """
    if size <= LARGE or (results := _current.results) is None:
        return work()
    if key not in results:
        raise WorkNeeded(key, work)
    result: T = results[key]
    return result
