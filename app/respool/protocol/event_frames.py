"""Encoding events as server-sent events, in the forms that producers use."""

from collections.abc import Callable

from respool.protocol import sse
from respool.protocol.events import Event

Encoder = Callable[[Event], bytes]


def encode_sse(event: Event) -> bytes:
    """Encode an event as the API's SSE stream does: ``event:`` with its type, ``data:`` with its text."""
    return sse.encode(event.text, event.type)


def encode_data(event: Event) -> bytes:
    """Encode an event as OpenRouter's stream does: without the ``event:`` line."""
    return sse.encode(event.text)


def encode_comment(text: str) -> bytes:
    """Encode a comment, which is no event: clients ignore it."""
    return f": {text}\n\n".encode()


SSE_DONE = sse.encode(sse.DONE)  # it has no event: line
