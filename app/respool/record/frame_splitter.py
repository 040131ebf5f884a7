"""Splits an event stream into its frames, byte for byte."""

import re
from dataclasses import dataclass, field

from respool.protocol.events import Event
from respool.protocol.sse import encode

# A frame ends with a blank line. A CR at the end of the data may be half of a CRLF: then more data decides.
_BLANK = re.compile(rb"(?:\r\n|\n|\r(?!\n|\Z))(?:\r\n|\n|\r(?!\n|\Z))")
_DATA = re.compile(r"(?:\A|(?<=[\r\n]))data:[ ]?([^\r\n]*)")
# The beginning of an event stream's body, also under another content type.
STREAM_START = re.compile(rb"(?:\xef\xbb\xbf)?(?:(?:event|data|id|retry) ?:|:)")


@dataclass(slots=True)
class FrameSplitter:
    """Splits a stream into frames, each with its blank line."""

    _buffer: bytearray = field(default_factory=bytearray)
    _searched: int = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the frames that `chunk` completes."""
        self._buffer += chunk
        frames = []
        start = 0
        while found := _BLANK.search(self._buffer, max(self._searched, start)):
            frames.append(bytes(self._buffer[start : found.end()]))
            start = self._searched = found.end()
        del self._buffer[:start]
        self._searched = max(0, len(self._buffer) - 4)
        return frames

    def finish(self) -> bytes:
        """Return the rest of a stream that has ended without a blank line."""
        rest, self._buffer = bytes(self._buffer), bytearray()
        return rest


@dataclass(frozen=True, slots=True)
class SplitFrame:
    """One frame, in three parts: the text of its event, and the text before and after it.

    A frame without one event has all in `before`, and `text` is None. `plain` is True if the API frames the
    event in the same way. Bytes that are not UTF-8 are lone surrogates, as with ``surrogateescape``.
    """

    before: str
    text: str | None = None
    after: str = ""
    plain: bool = False
    type: str = ""


def read_frame(raw: bytes) -> SplitFrame:
    """Return the parts of a frame."""
    shown = raw.decode(errors="surrogateescape")
    data = list(_DATA.finditer(shown))
    if len(data) != 1:
        return SplitFrame(shown)
    start, end = data[0].span(1)
    text = shown[start:end]
    named = re.search(r"(?:\A|(?<=[\r\n]))event:[ ]?([^\r\n]*)", shown)
    try:
        event = Event.parse(text, named[1] if named else None)
        plain = encode(text, event.type) == raw
    except ValueError:  # also a half character
        return SplitFrame(shown[:start], text, shown[end:])
    return SplitFrame(shown[:start], text, shown[end:], plain, event.type)
