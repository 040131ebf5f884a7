"""Raw server-sent events, as ``curl -N`` prints them.

What was captured plays as it was captured: comments, ``id:``, ``retry:``, missing ``event:`` lines, line ends
and ``data:`` that is no JSON are kept unchanged, beside the events. Some published recordings lack the
blank lines between events: where each data line of a message is a JSON object of its own, each is an event,
framed as the API does it.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from respool.errors import Effect, RecordingError, printable
from respool.protocol.events import Event, loads, not_json
from respool.protocol.sse import DONE, encode
from respool.recordings.formats.depth import MAX_DEPTH, too_deep
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse, response_id
from respool.recordings.recording import Recording, Verbatim

SUFFIXES = (".sse",)

_LINE = re.compile(rb"(?:data|event|id|retry|)(?::|$)")
_EVENT = re.compile(rb"data: ?[{\[]|event: ?(?:response\.|error|keepalive)")
_ARCHIVE = re.compile(rb"-- [^\r\n]+ --$")
_LINE_OF_TEXT = re.compile(r"([^\r\n]*)(\r\n|\r|\n|$)")
_FIELDS = frozenset({"data", "event", "id", "retry", ""})  # "" is that of a comment
_SURROGATES = re.compile("[\ud800-\udfff]")

# The moment, in seconds since the request, at which the text up to an offset had arrived.
MomentOf = Callable[[int], float | None]


def sniff(data: bytes) -> bool:
    """Return True if the first lines are lines of a stream, and one of them is an event of the API."""
    head = data[:65536].removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in re.split(rb"\r\n|\r|\n", head) if line.strip()][:20]
    if _indent(lines):
        lines = [line.removeprefix(_indent(lines)) for line in lines]
    if any(_ARCHIVE.match(line) for line in lines):  # a txtar
        return False
    if any(line.startswith(b"```") for line in lines):  # a page that shows a stream
        return False
    of_a_stream = sum(bool(_LINE.match(line)) for line in lines)
    return 2 * of_a_stream > len(lines) and any(_EVENT.match(line) for line in lines)


def _indent(lines: Sequence[bytes]) -> bytes:
    """Return the white space in front of all lines, as of a stream that was copied from a text."""
    filled = [line for line in lines if line.strip()]
    indent = filled[0][: len(filled[0]) - len(filled[0].lstrip())] if filled else b""
    return indent if indent and all(line.startswith(indent) for line in filled) else b""


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the turns of a stream. Report damage with path, line and column; it plays as captured."""
    builder = TurnBuilder(name)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data[:1] in (b" ", b"\t") and (indent := _indent(data.splitlines())):
        data = re.sub(rb"^" + indent, b"", data, flags=re.MULTILINE)
    Reader(builder, path, on_damage).read(data.decode(errors="surrogateescape"))
    return builder.finish()


@dataclass(slots=True)
class _Line:
    number: int
    text: str
    end: str  # its line end; "" for the last one of a cut file

    @property
    def field(self) -> str:
        return self.text.partition(":")[0]

    @property
    def value(self) -> str:
        return self.text.partition(":")[2].removeprefix(" ")

    @property
    def raw(self) -> str:
        return self.text + self.end


@dataclass(slots=True)
class _Block:
    """The lines of one message, and the blank line that ends it ("" if the stream was cut)."""

    lines: list[_Line] = field(default_factory=list)
    blank: str = ""
    stop: int = 0  # the offset at which it ends

    @property
    def data(self) -> list[_Line]:
        return [line for line in self.lines if line.field == "data"]

    @property
    def event(self) -> str | None:
        names = [line.value for line in self.lines if line.field == "event"]
        return names[-1] if names else None

    @property
    def raw(self) -> str:
        return "".join(line.raw for line in self.lines) + self.blank

    @property
    def complete(self) -> str:
        """The text with the blank line that a file may lack at its end."""
        if self.blank:
            return self.raw
        return "".join(line.text + (line.end or "\n") for line in self.lines) + "\n"


@dataclass(slots=True)
class Reader:
    """Reads streams into a TurnBuilder.

    `lines` are the numbers of a stream's lines in the file, where they are not 1, 2, 3 ...; with `places`
    False the stream has no lines of its own in the file, and messages name `place` instead.
    """

    builder: TurnBuilder
    path: str
    on_damage: OnDamage = refuse
    lines: Sequence[int] | None = None
    places: bool = True
    place: str = ""
    moment_of: MomentOf | None = None
    gap_of: Callable[[], float | None] | None = None  # instead: the gap before each block
    _last: float | None = 0.0  # the moment of the block before

    def read(self, text: str) -> None:
        """Read a stream; bytes of it that are not UTF-8 are lone surrogates."""
        for block in self._blocks(text):
            self._block(block)

    def _blocks(self, text: str) -> Iterator[_Block]:
        block = _Block()
        for number, found in enumerate(_LINE_OF_TEXT.finditer(text)):
            content, end = found.groups()
            if content:
                line = number + 1 if self.lines is None else self.lines[min(number, len(self.lines) - 1)]
                block.lines.append(_Line(line, content, end))
            elif block.lines:
                block.blank, block.stop = end, found.end()
                yield block
                block = _Block()
            if not end:
                break
        if block.lines:
            block.stop = len(text)
            yield block

    def _gap(self, block: _Block) -> float | None:
        """Return the seconds between the block before and this one."""
        if self.gap_of is not None:
            return self.gap_of()
        if self.moment_of is None or (moment := self.moment_of(block.stop)) is None:
            return None
        last, self._last = self._last, moment
        return None if last is None else round(max(0.0, moment - last), 6)

    def _block(self, block: _Block) -> None:
        data = block.data
        self._stray_lines(block)
        if not data or not (text := "\n".join(line.value for line in data)).strip():
            self._verbatim(block.raw, block.lines[0].number, self._gap(block))
            return
        if text.strip() == DONE:
            if block.complete == f"data: {DONE}\n\n" or all(line.field == "data" for line in block.lines):
                self.builder.done()
            else:
                self._verbatim(block.raw, data[0].number, self._gap(block))
                self.builder.end()
            return
        if (event := self._event(text, block.event)) is not None:
            self._add(event, data[0].number, self._gap(block), block.complete)
        elif len(data) > 1 and any(_is_object(line.value) for line in data):
            self._run_together(block)
        else:
            self._verbatim(block.raw, data[0].number, self._gap(block))
            self._damaged(text, data)

    def _event(self, text: str, name: str | None) -> tuple[Event, object] | None:
        if _SURROGATES.search(text) or too_deep(text):
            return None
        try:
            value = loads(text)
            return Event.from_object(text, value, name or "message"), response_id(value)
        except ValueError:
            return None

    def _run_together(self, block: _Block) -> None:
        """Split a block without blank lines between its events."""
        data = block.data
        lost = all(_is_object(line.value) or line.value.strip() == DONE for line in data)
        gap = self._gap(block)
        lines: list[_Line] = []
        for line in block.lines:
            lines.append(line)
            if line.field != "data":
                continue
            last = line is data[-1]
            frame = "".join(one.raw for one in lines) + (block.blank if last else "")
            names = [one.value for one in lines if one.field == "event"]
            if line.value.strip() == DONE:
                self.builder.done()
            elif found := self._event(line.value, names[-1] if names else None):
                self._add(found, line.number, gap, None if lost else frame)
            else:
                self._verbatim(frame, line.number, gap)
                self._damaged(line.value, [line])
            gap = gap if gap is None else 0.0
            lines = []
        if lines and not lost:
            self._verbatim("".join(line.raw for line in lines), lines[0].number, gap)

    def _add(self, found: tuple[Event, object], line: int, gap: float | None, frame: str | None) -> None:
        event, id_ = found
        if frame is not None and frame.encode(errors="surrogateescape") == encode(event.text, event.type):
            frame = None
        self.builder.event((gap, event.text, event.type, line if self.places else None), id_, frame)

    def _verbatim(self, text: str, line: int, gap: float | None) -> None:
        self.builder.verbatim(Verbatim(gap, text, line if self.places else None))

    def _damaged(self, text: str, data: Sequence[_Line]) -> None:
        """Report what is wrong with data that is no event."""
        first = data[0]
        number, column, cause = first.number, len(first.text) - len(first.value) + 1, ""
        if found := _SURROGATES.search(text):
            line = next(line for line in data if _SURROGATES.search(line.text))
            before = line.text[: _SURROGATES.search(line.text).start()]  # type: ignore[union-attr]
            cause = f"byte 0x{ord(found.group()) & 0xFF:02x} is not UTF-8"
            number, column = line.number, len(before.encode(errors="surrogateescape")) + 1
        else:
            cause = f"the JSON is nested deeper than {MAX_DEPTH} levels"
            try:
                Event.from_object(text, loads(text), "message")
            except json.JSONDecodeError as error:
                line = data[min(error.lineno, len(data)) - 1]
                number, column = line.number, len(line.text) - len(line.value) + error.colno
                cause = not_json(error)
            except ValueError as error:
                cause = str(error)
        self._report(cause, number, column, Effect.CAPTURED)

    def _stray_lines(self, block: _Block) -> None:
        for line in block.lines:
            if line.field not in _FIELDS:
                cause = f"no field of server-sent events, clients pass over it: {printable(line.text, 60)}"
                self._report(cause, line.number, 1, Effect.CAPTURED)

    def _report(self, cause: str, line: int, column: int, effect: Effect) -> None:
        if self.places:
            self.on_damage(RecordingError(cause, self.path, line, column, effect))
        else:
            where = f"{self.place}, line {line}: " if self.place else ""
            self.on_damage(RecordingError(where + cause, self.path, effect=effect))


def _is_object(text: str) -> bool:
    try:
        return isinstance(loads(text), dict)
    except ValueError:
        return False
