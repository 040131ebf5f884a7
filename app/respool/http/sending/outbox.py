"""Outbox: the writes of all streams that are due at one moment, made after all of them were called.

Our own code runs for all of them, and then the system's for all of them: quicker than by turns. Use it as

    parts.append((transport, data, fail))
    if len(parts) == 1:
        clock.after_turn(write_all)
"""

import asyncio
import threading
from collections.abc import Callable

Part = tuple[asyncio.WriteTransport, bytes, Callable[[Exception], None]]


class _Outbox(threading.local):
    """The pending writes of one thread, and so of one event loop at a time: a transport, what to write, and
    the function that is called with the error if it cannot be written."""

    def __init__(self) -> None:
        self.parts: list[Part] = []


outbox = _Outbox()


def write_all() -> None:
    """Write what the streams of this thread have put into its outbox."""
    parts = outbox.parts
    for transport, data, fail in parts:
        try:
            transport.write(data)
        except Exception as error:
            fail(error)
    parts.clear()
