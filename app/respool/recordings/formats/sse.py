"""Raw server-sent events, as ``curl -N`` prints them.

Any line end, ``data:`` with or without the space, data over several lines, comments, a BOM and the
sentinel ``[DONE]`` are read. Some published recordings lack the blank lines between events: where
each data line of a message is a JSON object of its own, each is an event.
"""

import json
import re

from respool.errors import RecordingError
from respool.protocol.events import Event, loads, not_json
from respool.protocol.sse import DONE, DecodeError, Message, decode
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse, response_id
from respool.recordings.recording import Recording

SUFFIXES = (".sse",)

_LINE = re.compile(rb"(?:data|event|id|retry|)(?::|$)")
_EVENT = re.compile(rb"data: ?[{\[]|event: ?(?:response\.|error|keepalive)")


def sniff(data: bytes) -> bool:
    """Whether the first lines are those of a stream, and one of them is an event of the API."""
    head = data[:65536].removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in re.split(rb"\r\n|\r|\n", head) if line.strip()][:20]
    of_a_stream = sum(bool(_LINE.match(line)) for line in lines)
    return 2 * of_a_stream > len(lines) and any(_EVENT.match(line) for line in lines)


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the turns of a stream. Each damage has path, line and column."""
    builder = TurnBuilder(name)

    def on_error(error: DecodeError) -> None:
        on_damage(RecordingError(str(error), path, error.line, error.column))

    for message in decode(data, on_error):
        for part in _split(message):
            if part.data.strip() == DONE:
                builder.done()
                continue
            try:
                _read_event(part, builder)
            except ValueError as error:
                on_damage(_damage(error, part, path))
    return builder.finish()


def _split(message: Message) -> list[Message]:
    """A message, or one for each of its data lines, where those are events of their own."""
    lines = message.data.split("\n")
    if len(lines) == 1 or _is_event(message.data) or not any(map(_is_event, lines)):
        return [message]
    return [Message(None, line, (place,)) for line, place in zip(lines, message.places, strict=True)]


def _is_event(data: str) -> bool:
    try:
        return isinstance(loads(data), dict)
    except ValueError:
        return False


def _read_event(message: Message, builder: TurnBuilder) -> None:
    data = loads(message.data)
    event = Event.from_object(message.data, data, message.event or "message")
    line, _ = message.places[0]
    builder.event((None, event.text, event.type, line), response_id(data))


def _damage(error: ValueError, message: Message, path: str) -> RecordingError:
    if isinstance(error, json.JSONDecodeError):
        line, column = message.places[error.lineno - 1]
        return RecordingError(not_json(error), path, line, column + error.colno - 1)
    return RecordingError(str(error), path, *message.places[0])
