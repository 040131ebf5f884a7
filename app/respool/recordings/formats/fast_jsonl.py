"""A fast reader for ordinary lines of the native format.

Of an event it decodes only the type and the response's id; it checks that the rest is JSON. Like
`protocol.fast_json` it accepts less than the careful reader, `formats.jsonl`, and gives the same result for
the lines it accepts. It is imported where it is used.
"""

from typing import Any

from msgspec import UNSET, Struct
from msgspec.json import Decoder

from respool.protocol.fast_json import decode
from respool.recordings.recording import Row

# Python makes no integer of more digits, but the fast decoder does not check this in members that it skips.
# So the careful reader takes lines that may hold one.
_MOST_DIGITS = 4300


class _Response(Struct, gc=False):
    id: Any = None


class _Event(Struct, gc=False):
    """An event in a pair with its gap. It may lack a type; then it has SSE's default."""

    type: str = "message"
    response: _Response | None = None


class _BareEvent(Struct, gc=False):
    type: str
    response: _Response | None = None
    respool: Any = UNSET  # the mark of a header


_decode_pair = Decoder(tuple[float | None, _Event]).decode
_decode_bare = Decoder(_BareEvent).decode


def read_event(line: bytes, number: int) -> tuple[Row, object] | None:
    """Return the event of a line that is ``[gap, event]`` or the event, and its response's id.

    Return None for a header, and for lines that the careful reader must read. `number` is the line's.
    """
    gap: float | None = None
    event: _Event | _BareEvent
    try:
        text = line.decode()
        if text[0] == "[":
            gap, event = _decode_pair(line)
            if gap is not None and gap < 0:
                return None
        else:
            event = _decode_bare(line)
            if event.respool is not UNSET:
                return None
        if len(line) > _MOST_DIGITS:
            decode(line)
    except Exception:  # of any kind: the careful reader decides
        return None
    if not event.type:
        return None
    response = event.response
    # It is an object, and around it there are at most a number, brackets, a comma and white space.
    text = text[text.index("{") : text.rindex("}") + 1]
    return (gap, text, event.type, number), response and response.id
