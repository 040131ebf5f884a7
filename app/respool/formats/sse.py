"""Raw server-sent events, as ``curl -N`` prints them.

Any line end, ``data:`` with or without the space, data over several lines, comments, a BOM and the
sentinel ``[DONE]`` are read. Some published recordings lack the blank lines between events: where
each data line of a message is a JSON object of its own, each is an event.
"""

import json
import re

from respool.errors import RecordingError
from respool.formats.turns import OnDamage, TurnBuilder, refuse
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


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the turns of a stream. Each damage has path, line and column."""
    builder = TurnBuilder(name)
    for message in _decode(data, path, on_damage):
        for part in _split(message):
            if part.data.strip() == DONE:
                builder.done()
                continue
            try:
                _read_event(part, builder)
            except ValueError as error:
                on_damage(_damage(error, part, path))
    return builder.finish()


def _decode(data: bytes, path: str, on_damage: OnDamage) -> list[Message]:
    while True:
        try:
            return decode(data)
        except DecodeError as error:
            on_damage(RecordingError(str(error), path, error.line, error.column))
            data = _without_line(data, error.line)


def _without_line(data: bytes, number: int) -> bytes:
    """The same with one line made a comment, so that all others keep their numbers."""
    lines = re.split(rb"(\r\n|\r|\n)", data)  # every second one is a line end
    lines[2 * (number - 1)] = b":"
    return b"".join(lines)


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


def _read_event(message: Message, builder: TurnBuilder) -> None:
    data = loads(message.data)
    event = Event.from_object(message.data, data, message.event or "message")
    line, _ = message.places[0]
    builder.event(TimedEvent(None, event, line), data)


def _damage(error: ValueError, message: Message, path: str) -> RecordingError:
    if isinstance(error, json.JSONDecodeError):
        line, column = message.places[error.lineno - 1]
        return RecordingError(not_json(error), path, line, column + error.colno - 1)
    return RecordingError(str(error), path, *message.places[0])
