"""How an event stands on the wire: the forms in which producers send it as server-sent events."""

from collections.abc import Callable

from respool.protocol import sse
from respool.protocol.events import Event

Encoder = Callable[[Event], bytes]


def encode_sse(event: Event) -> bytes:
    """An event as the API's SSE stream has it: ``event:`` with its type, ``data:`` with its text."""
    return sse.encode(event.text, event.type)


def encode_data(event: Event) -> bytes:
    """An event as OpenRouter's stream has it: without the ``event:`` line."""
    return sse.encode(event.text)


def encode_comment(text: str) -> bytes:
    """A comment, which is no event: clients pass over it."""
    return f": {text}\n\n".encode()


SSE_DONE = sse.encode(sse.DONE)  # it has no event: line
