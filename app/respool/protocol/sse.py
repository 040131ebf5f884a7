"""Server-sent events: an encoder, and an incremental decoder that gives the same result for any split of its
input.

Source: the HTML standard, section 9.2.6 "Interpreting an event stream". Two things are added, since a decoder
of recordings must lose nothing: each message has its line, and `finish` returns the incomplete message at the
end of a cut stream.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE_END_TEXT = re.compile(r"\r\n|\r|\n")

DONE = "[DONE]"  # the sentinel of OpenRouter and Open Responses; not an event


@dataclass(frozen=True, slots=True)
class Message:
    """One dispatched server-sent event: the name of its ``event:`` line, and its data."""

    event: str | None
    data: str
    places: tuple[tuple[int, int], ...]  # line and column, from 1, where each line of `data` begins


class DecodeError(ValueError):
    """A line is not UTF-8. `line` and `column` (in bytes) count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        self.line = line
        self.column = column
        super().__init__(message)


def _raise(error: DecodeError) -> None:
    raise error


@dataclass(slots=True)
class Decoder:
    """An incremental decoder: `feed` takes bytes, and returns the messages that they complete.

    A line that is not UTF-8 goes to `on_error`, which raises by default; if it returns, the line is skipped.

    for chunk in chunks:
        messages += decoder.feed(chunk)
    messages += decoder.finish()      # the last message, if no blank line ended it
    """

    on_error: Callable[[DecodeError], None] = _raise
    _buffer: bytearray = field(default_factory=bytearray)
    _searched: int = 0  # no line end in the buffer before this place
    _line: int = 0
    _started: bool = False
    _event: str | None = None
    _data: list[str] = field(default_factory=list)
    _places: list[tuple[int, int]] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[Message]:
        """Return the messages that `chunk` completes. Raise DecodeError for bad UTF-8."""
        self._buffer += chunk
        if not self._started:
            if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
                return []
            self._skip_bom()
        messages: list[Message] = []
        start = 0
        while found := _LINE_END.search(self._buffer, self._searched):
            if found.group() == b"\r" and found.end() == len(self._buffer):
                self._searched = found.start()  # a CR at the end may be half of a CRLF
                break
            line = self._buffer[start : found.start()]
            start = self._searched = found.end()
            messages += self._take(line)
        else:
            self._searched = len(self._buffer)
        del self._buffer[:start]
        self._searched -= start
        return messages

    def finish(self) -> list[Message]:
        """Return the last message of a stream that ends without a line end or blank line."""
        self._skip_bom()
        rest = self._buffer[:-1] if self._buffer.endswith(b"\r") else self._buffer
        self._buffer = bytearray()
        self._searched = 0
        messages = list(self._take(rest)) if rest else []
        return [*messages, *self._take(bytearray())]

    def _skip_bom(self) -> None:
        if not self._started and self._buffer.startswith(_BOM):
            del self._buffer[: len(_BOM)]
        self._started = True

    def _take(self, raw: bytearray) -> Iterator[Message]:
        self._line += 1
        if not raw:
            if self._data:
                yield Message(self._event, "\n".join(self._data), tuple(self._places))
            self._event = None
            self._data = []
            self._places = []
            return
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            problem = f"byte 0x{raw[error.start]:02x} is not UTF-8"
            self.on_error(DecodeError(problem, self._line, error.start + 1))
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._places.append((self._line, len(line) - len(value) + 1))
        elif name == "event":
            self._event = value
        # Comments, `id`, `retry` and unknown fields are not part of an event.


def decode(data: bytes, on_error: Callable[[DecodeError], None] = _raise) -> list[Message]:
    """Return all messages of a whole stream."""
    decoder = Decoder(on_error)
    return [*decoder.feed(data), *decoder.finish()]


def encode(data: str, event: str | None = None) -> bytes:
    """Encode one server-sent event with LF line ends, as the service writes it.

    The data is unchanged when decoded, except that all line ends become LF. An `event` name that no
    ``event:`` line can hold (it has a line end, or a lone surrogate) is left out; readers then use the
    ``type`` in the data.
    """
    lines = _LINE_END_TEXT.split(data) if "\n" in data or "\r" in data else (data,)
    body = "".join(f"data: {line}\n" for line in lines)
    if event is not None and not _LINE_END_TEXT.search(event):
        try:
            return f"event: {event}\n{body}\n".encode()
        except UnicodeEncodeError:
            pass
    return f"{body}\n".encode()
