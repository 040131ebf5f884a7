"""RecordedExchange: turns one request and its answer on the wire into a turn of a recording.

No files, no clock: callers pass every moment, in seconds of any one clock.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from respool.errors import RespoolError
from respool.protocol.events import TERMINAL_TYPES
from respool.record.frame_splitter import STREAM_START, FrameSplitter, SplitFrame, read_frame
from respool.record.redaction import REQUEST_HEADERS, RESPONSE_HEADERS, Redactor
from respool.record.routes import Route
from respool.record.streaming import StreamRedactor
from respool.record.turn import RawJSON, RecordedLine, RecordedTurn, json_object, json_or_text, redact_frames

MAX_SIZE = 128 * 1024 * 1024  # bytes of an answer that is recorded
_PATIENCE = 1.0  # seconds; a connection that stays open longer after the last event is slow to close

# How an answer ended, as the relay saw it.
COMPLETE = "complete"  # as HTTP ends it
CUT = "cut"  # the connection was closed, and the end was missing
RESET = "reset"  # the connection was reset
CLIENT_LEFT = "client left"  # the upstream's end is not known
STOPPED = "stopped"  # the recorder was stopped; the upstream's end is not known
ENDINGS = (COMPLETE, CUT, RESET, CLIENT_LEFT, STOPPED)

# The timing of the frames: as they came, or later, since something held up the relay.
RECORDED, DEGRADED = "recorded", "degraded"

# The fault that plays each of them again: after some of the answer, and before its head.
_FAULTS: Mapping[str, tuple[str, str]] = {
    CUT: ("cut(after=100%)", "empty_reply"),
    RESET: ("reset_peer(after=100%)", "refuse"),
    CLIENT_LEFT: ("stall(after=100%)", ""),
    STOPPED: ("stall(after=100%)", ""),
}

# Headers for the transfer of a body, which is recorded without its codings.
_OF_TRANSFER = frozenset({"content-encoding", "transfer-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request to record. `body` has no content coding any more; `when` is epoch seconds, and `at` the
    moment at which it was forwarded."""

    method: str
    route: Route
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    when: float
    at: float
    session: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The body, if it is a JSON object."""
        return json_object(self.body.decode(errors="replace"))


class RecordedExchange:
    """One exchange. Call `head`, then `chunk` for each chunk, then `end`, which returns the turn.

    `chunk` returns the redacted lines that can be written already. The turn is not redacted yet.
    """

    def __init__(self, request: RecordedRequest, redactor: Redactor) -> None:
        self.request = request
        self._redactor = redactor
        self._status: int | None = None
        self._headers: list[tuple[str, str]] = []
        self._decode: Callable[[bytes], bytes] = bytes
        self._splitter = FrameSplitter()
        self._body = bytearray()
        self._lines: list[RecordedLine] = []
        self._last = request.at
        self._streamed: bool | None = None
        self._size = 0
        self._stream = _RedactedLines(redactor)
        self.notes: dict[str, Any] = {}  # further fields of the header
        self._request_headers = redactor.headers(request.headers, REQUEST_HEADERS)  # first: it learns secrets
        self.url = redactor.url(request.route.path + (f"?{request.query}" if request.query else ""))

    @property
    def streamed(self) -> bool:
        """True if the answer is a stream."""
        return bool(self._streamed)

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None before there is one."""
        return self._status

    def request_body(self) -> RawJSON | str:
        """Return the body of the request without secrets."""
        body = json_or_text(self.request.body)
        redacted = self._redactor.body(body.text if isinstance(body, RawJSON) else body)
        return RawJSON(redacted) if isinstance(body, RawJSON) else redacted

    def head(self, status: int, headers: Sequence[tuple[str, str]], at: float) -> None:
        """Take the head of the answer."""
        self._status = status
        kept = self._redactor.headers(headers, RESPONSE_HEADERS)
        self._headers = [(name.lower(), value) for name, value in kept if name.lower() not in _OF_TRANSFER]
        names = {name.lower(): value for name, value in headers}
        if names.get("content-type", "").lower().startswith("text/event-stream"):
            self._streamed = True
        if coding := names.get("content-encoding", "").lower().strip():
            self._decode = _decoder(coding)

    def chunk(self, data: bytes, at: float) -> str:
        """Take a part of the body. Return the lines that can be written already.

        Raise RespoolError for a body that is too large, or cannot be decoded."""
        try:
            data = self._decode(data)
        except zlib.error as error:
            raise RespoolError(f"the answer cannot be decompressed: {error}") from None
        self._size += len(data)
        if self._size > MAX_SIZE:
            raise RespoolError(f"the answer has more than {MAX_SIZE} bytes")
        if self._streamed is None and data:
            self._streamed = bool(STREAM_START.match(data))
        if not self._streamed:
            self._body += data
            if self._last == self.request.at:
                self._last = at
            return ""
        return "".join(self._stream.feed(self._line(raw, at)) for raw in self._splitter.feed(data))

    @property
    def response_id(self) -> str:
        """The id of the response; "" before an event with it."""
        return RecordedTurn({}, self._lines).response_id()

    def opening(self) -> RecordedTurn:
        """Return the turn without frames, redacted: the beginning of a partial file."""
        return RecordedTurn(self._fields("partial")).redacted(self._redactor)

    def end(self, how: str, at: float, timing: str = RECORDED) -> RecordedTurn | None:
        """Return the turn, not yet redacted; None if there is nothing to record."""
        if rest := self._splitter.finish():
            self._line(rest, self._last)
        before_head = self._status is None
        events = any(line.frame.text is not None and line.frame.type for line in self._lines)
        faults = [fault] if (fault := _FAULTS.get(how, ("", ""))[before_head]) else []
        if before_head and not faults:
            return None
        ended = any(line.frame.type in TERMINAL_TYPES for line in self._lines)
        if ended and how in (CLIENT_LEFT, STOPPED):
            faults = []  # the answer was complete
        if events and how == COMPLETE and at - self._last > _PATIENCE:
            faults = [f"slow_close(seconds={at - self._last:.3f})"]
        if events:
            return RecordedTurn(self._fields(how, faults, timing), self._lines)
        # Without an event it is a body, with any content type.
        captured = b"".join(_bytes(line.frame) for line in self._lines) or bytes(self._body)
        fields = self._fields(how, faults, timing)
        fields["body"] = json_or_text(captured)
        if not before_head:
            fields["elapsed"] = round(self._last - self.request.at, 6)
        return RecordedTurn(fields)

    def _line(self, raw: bytes, at: float) -> RecordedLine:
        line = RecordedLine(max(0.0, at - self._last), read_frame(raw))
        self._last = at
        self._lines.append(line)
        return line

    def _fields(self, how: str, faults: Sequence[str] = (), timing: str = RECORDED) -> dict[str, Any]:
        body = json_or_text(self.request.body)
        as_json = isinstance(body, RawJSON) and body.text.lstrip().startswith("{")
        fields: dict[str, Any] = {"request" if as_json else "request_text": body} if self.request.body else {}
        fields["url"] = self.url
        if self._request_headers:
            fields["request_headers"] = _joined(self._request_headers)
        fields["status"] = self._status if self._status is not None and self._status >= 200 else 502
        fields["headers"] = _joined(self._headers)
        when = datetime.fromtimestamp(self.request.when, UTC)
        fields["recorded"] = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields["fidelity"] = {
            "body": "exact" if self._streamed else "as JSON",
            "timing": timing,
            "headers": "reduced",
        }
        fields["ended"] = how
        if faults:
            fields["faults"] = list(faults)
        return fields | self.notes


@dataclass(slots=True)
class _RedactedLines:
    """Holds the lines of a stream until no secret can be cut across them."""

    redactor: Redactor
    held: list[RecordedLine] = field(default_factory=list)
    stream: StreamRedactor = field(init=False)

    def __post_init__(self) -> None:
        self.stream = StreamRedactor(self.redactor)

    def feed(self, line: RecordedLine) -> str:
        self.held.append(line)
        frame = line.frame
        texts = self.stream.feed(frame.before if frame.text is None else frame.text, line.gap)
        if not texts:
            return ""
        held, self.held = self.held[: len(texts)], self.held[len(texts) :]
        frames = redact_frames([one.frame for one in held], lambda _: texts, self.redactor.url)
        return "".join(RecordedLine(one.gap, frame).render() for one, frame in zip(held, frames, strict=True))


def _bytes(frame: SplitFrame) -> bytes:
    return (frame.before + (frame.text or "") + frame.after).encode(errors="surrogateescape")


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return one value for each name; leave out values that no header line can hold."""
    found: dict[str, str] = {}
    for name, value in headers:
        if value.isascii() and value.isprintable():
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _decoder(coding: str) -> Callable[[bytes], bytes]:
    """Return the decoder of a content coding. Raise RespoolError for an unknown one."""
    match coding:
        case "identity":
            return bytes
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
        case "deflate":
            return zlib.decompressobj().decompress
        case "br":
            import brotli

            decompressor = brotli.Decompressor()
            return lambda data: bytes(decompressor.process(data))
        case "zstd":
            import zstandard

            return zstandard.ZstdDecompressor().decompressobj().decompress
    raise RespoolError(f"the answer has the content coding {coding!r}, expected gzip, deflate, br or zstd")
