"""Raw server-sent events, as ``curl -N`` prints them.

Any line end, ``data:`` with or without the space, data over several lines, comments, a BOM and the
sentinel ``[DONE]`` are read. Some published recordings lack the blank lines between events: where
each data line of a message is a JSON object of its own, each is an event.
"""

import json
import re

from respool.errors import RecordingError
from respool.formats.turns import TurnBuilder
from respool.protocol.events import Event, loads, not_json
from respool.protocol.sse import DONE, DecodeError, Message, decode
from respool.recording import Recording, TimedEvent

SUFFIXES = (".sse",)

_LOOKS_LIKE_EVENTS = re.compile(
    rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])(?:data: ?[{\[]|event: ?(?:response\.|error|keepalive))"
)


def sniff(data: bytes) -> bool:
    """Whether a line near the start is an ``event:`` of the API or a ``data:`` with JSON."""
    return bool(_LOOKS_LIKE_EVENTS.search(data, 0, 65536))


def read(data: bytes, name: str, path: str) -> tuple[Recording, ...]:
    """Read the turns of a stream. Raises RecordingError with path, line and column."""
    builder = TurnBuilder(name)
    try:
        messages = decode(data)
    except DecodeError as error:
        raise RecordingError(str(error), path, error.line, error.column) from None
    for message in messages:
        for part in _split(message):
            if part.data.strip() == DONE:
                builder.done()
            else:
                _read_event(part, builder, path)
    return builder.finish()


def _split(message: Message) -> list[Message]:
    lines = message.data.split("\n")
    if len(lines) == 1 or not all(_is_whole(line) for line in lines):
        return [message]
    return [Message(None, line, (place,)) for line, place in zip(lines, message.places, strict=True)]


def _is_whole(line: str) -> bool:
    try:
        return line.strip() == DONE or isinstance(loads(line), dict)
    except ValueError:
        return False


def _read_event(message: Message, builder: TurnBuilder, path: str) -> None:
    line, column = message.places[0]
    try:
        data = loads(message.data)
        event = Event.from_object(message.data, data, message.event or "message")
        builder.event(TimedEvent(None, event), data)
    except json.JSONDecodeError as error:
        line, column = message.places[error.lineno - 1]
        raise RecordingError(not_json(error), path, line, column + error.colno - 1) from None
    except ValueError as error:
        raise RecordingError(str(error), path, line, column) from None
