"""Outbox: the writes of all streams that are due at one moment, made after all of them were called.

Our own code runs for all of them, and then the system's for all of them: quicker than by turns. Use it as

    parts.append((transport, data, sender))
    if len(parts) == 1:
        clock.after_turn(write_all)
"""

import asyncio
import threading
from typing import Protocol


class OutboxSender(Protocol):
    """The sender of something that is written."""

    def failed(self, error: Exception) -> None:
        """Note that it could not be written."""


# Not the sender's method: to make one for each event would be a part of its cost.
Part = tuple[asyncio.WriteTransport, bytes, OutboxSender]


class _Outbox(threading.local):
    """The pending writes of one thread, and so of one event loop at a time: a transport, what to write, and
    its sender."""

    def __init__(self) -> None:
        self.parts: list[Part] = []


outbox = _Outbox()


def write_all() -> None:
    """Write what the streams of this thread have put into its outbox."""
    parts = outbox.parts
    for transport, data, sender in parts:
        try:
            transport.write(data)
        except Exception as error:
            sender.failed(error)
    parts.clear()
