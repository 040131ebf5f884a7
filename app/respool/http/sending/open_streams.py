"""Events from outside for an open stream: the end of the server, and calls from other threads."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from sse_starlette import EventSourceResponse

from respool.play.per_loop import PerLoop


class Open(Protocol):
    """An open stream."""

    def cut(self) -> None:
        """End it now, incomplete."""


class OpenStreams:
    """The streams of one event loop that wait, and one task that cuts all of them when the server stops."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._streams: set[Open] = set()
        self._watch: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: Open) -> None:
        """Cut `stream` when the server stops; also if it has stopped already."""
        self._streams.add(stream)
        if self._watch is None:
            self._watch = self.loop.create_task(self._cut_all_at_the_end())

    def discard(self, stream: Open) -> None:
        """Remove a stream that is no longer open."""
        self._streams.discard(stream)
        if not self._streams and self._watch:
            self._watch.cancel()
            self._watch = None

    async def _cut_all_at_the_end(self) -> None:
        await _server_ends()
        self._watch = None
        for stream in list(self._streams):
            stream.cut()


# How the library learns of it: a signal that uvicorn has got.
_server_ends: Callable[[], Coroutine[Any, Any, None]] = EventSourceResponse._listen_for_exit_signal

_open_streams = PerLoop(OpenStreams)


def open_streams_of_loop() -> OpenStreams:
    """Return the open streams of the running event loop."""
    return _open_streams.get()


def from_any_thread(callback: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls `callback` in this thread's event loop."""
    return partial(_call_in, asyncio.get_running_loop(), callback)


def _call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
