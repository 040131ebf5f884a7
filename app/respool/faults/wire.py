"""Faults of the wire: the same events as other bytes, or in other pieces."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random

from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Action, Frame
from respool.faults.rewriting import pieces, rewrite
from respool.options import choice, finite, flag, line, whole
from respool.protocol.event_frames import SSE_DONE

_END = re.compile(rb"\r\n|\r|\n")
_ENDS = {"crlf": b"\r\n", "cr": b"\r"}

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|,')

_BOM = b"\xef\xbb\xbf"


@fault_class("slicer", "wire", Stage.CHUNKS, expect="survive")
class Slicer(Fault):
    """The body leaves in chunks of a few bytes, so that lines, line ends and characters are cut.

    size       bytes a chunk
    variation  each chunk is larger or smaller at random by up to this many bytes
    delay      seconds between two chunks
    """

    size: int = whole(1)
    variation: int = whole(0, 0)
    delay: float = finite(0.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        sizes = self._sizes(rng)
        free = 0.0
        for frame in frames:
            for piece in pieces(frame, sizes):
                at = max(piece.at, free)
                free = at + self.delay if piece.data else at
                yield replace(piece, at=at, alone=bool(piece.data))

    def _sizes(self, rng: Random) -> Iterator[int]:
        while True:
            yield max(1, self.size + rng.randint(-self.variation, self.variation))


@fault_class("merge", "wire", Stage.CHUNKS, expect="survive", of_streams=True)
class Merge(Fault):
    """Events are held back until they make a large chunk, as by a proxy that buffers.

    size  bytes after which a chunk leaves; the last one is smaller
    """

    size: int = whole(65536)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        held: list[Frame] = []
        room = self.size
        for frame in frames:
            if frame.head or frame.action is not Action.SEND:
                yield from _together(held, frame.at)
                held, room = [], self.size
                yield frame
                continue
            held.append(frame)
            room -= len(frame.data)
            if room <= 0:
                yield from _together(held, frame.at)
                held, room = [], self.size


@fault_class("line_ends", "wire", Stage.TEXT, expect="survive", of_streams=True)
class LineEnds(Fault):
    """Lines end with CRLF or CR.

    kind  crlf, cr
    """

    kind: str = choice("crlf", tuple(_ENDS))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, lambda data, _: _END.sub(_ENDS[self.kind], data))


@fault_class("no_space", "wire", Stage.TEXT, expect="survive", of_streams=True)
class NoSpace(Fault):
    """There is no space after the colon: ``data:{...}``."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, each_line(lambda line: line.replace(b": ", b":", 1)))


@fault_class("split_data", "wire", Stage.TEXT, expect="survive", of_streams=True)
class SplitData(Fault):
    """The data of each event is on several ``data:`` lines, cut after commas between members.

    lines  how many, if it has so many commas
    """

    lines: int = whole(2, 2, 1000)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, self._split)

    def _split(self, data: bytes, frame: Frame) -> bytes:
        end = line_end(data)
        return b"".join(
            self._split_line(line, end) if line.startswith(b"data:") else line
            for line in data.splitlines(keepends=True)
        )

    def _split_line(self, line: bytes, end: bytes) -> bytes:
        commas = [match.end() for match in _TOKEN.finditer(line) if match[0] == b","]
        cuts = commas if len(commas) < self.lines else self._spread(commas)
        label = b"data: " if line.startswith(b"data: ") else b"data:"
        starts = [0, *cuts]
        return (end + label).join(
            line[start:stop] for start, stop in zip(starts, [*cuts, len(line)], strict=True)
        )

    def _spread(self, commas: list[int]) -> list[int]:
        return [commas[number * len(commas) // self.lines] for number in range(1, self.lines)]


@fault_class(
    "bom", "wire", Stage.START, expect="survive", of_streams=True
)  # before the lines that other faults insert
class Bom(Fault):
    """The stream begins with a byte order mark, which the standard allows."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        marks = iter([_BOM])
        return rewrite(frames, lambda data, _: next(marks, b"") + data)


@fault_class("comments", "wire", Stage.TEXT, expect="survive", of_streams=True)
class Comments(Fault):
    """There are comments between events, as some servers send them to keep connections alive.

    text   of the comment
    every  after how many events there is one
    """

    text: str = line("keepalive")
    every: int = whole(1)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        comment = b": " + self.text.encode("utf-8", "replace")
        events = 0

        def add(data: bytes, frame: Frame) -> bytes:
            nonlocal events
            events += frame.event is not None
            if frame.event is None or events % self.every:
                return data
            return data + comment + 2 * line_end(data)

        return rewrite(frames, add)


@fault_class("id_lines", "wire", Stage.TEXT, expect="survive", of_streams=True)
class IdLines(Fault):
    """Each event has an ``id:`` line, with its sequence number (or its place, where it has none)."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        events = 0

        def add(data: bytes, frame: Frame) -> bytes:
            nonlocal events
            if frame.event is None:
                return data
            number = frame.event.sequence_number
            events += 1
            return f"id: {events - 1 if number is None else number}".encode() + line_end(data) + data

        return rewrite(frames, add)


@fault_class("retry_line", "wire", Stage.TEXT, expect="survive", of_streams=True)
class RetryLine(Fault):
    """The stream begins with a ``retry:`` line, which tells a reader when to connect again.

    milliseconds  the line's value
    alone         whether it is a block of its own, without data, or part of the first event
    """

    milliseconds: int = whole(3000, 0)
    alone: bool = flag(True)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        lines = iter([f"retry: {self.milliseconds}".encode()])

        def add(data: bytes, frame: Frame) -> bytes:
            line = next(lines, b"")
            return line + line_end(data) * (2 if self.alone else 1) + data if line else data

        return rewrite(frames, add)


@fault_class("no_event_line", "wire", Stage.TEXT, expect="survive", of_streams=True)
class NoEventLine(Fault):
    """There are no ``event:`` lines: the type is in the data alone."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite(frames, each_line(lambda line: b"" if line.startswith(b"event:") else line))


@fault_class("done", "wire", Stage.DAMAGE, expect="survive", of_streams=True)
class Done(Fault):
    """The stream ends with ``data: [DONE]``, as those of other producers do."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        stream = True
        for frame in frames:
            if frame.head:
                stream = frame.head.stream
            if frame.action is Action.CLOSE and stream:
                yield Frame(frame.at, SSE_DONE)
            yield frame


@fault_class("gzip", "wire", Stage.CODING, expect="survive", coding="gzip")
class Gzip(Fault):
    """The body is compressed with gzip, each event at its moment, if the client accepts it."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        deflator = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        begun = False
        for frame in frames:
            if frame.head:
                begun = True
                head = frame.head.with_headers(content_encoding="gzip", vary="accept-encoding")
                yield replace(frame, head=head)
                continue
            data = b""
            if frame.data:
                data = deflator.compress(frame.data) + deflator.flush(zlib.Z_SYNC_FLUSH)
            if frame.action is Action.CLOSE and begun:
                data += deflator.flush()
            yield replace(frame, data=data)


def each_line(change: Callable[[bytes], bytes]) -> Callable[[bytes, Frame], bytes]:
    """Return a change of frames that applies `change` to each field line, without its line end. A line that
    becomes empty is dropped.

    Line ends are not changed, also those made by another fault.
    """

    def of_frame(data: bytes, frame: Frame) -> bytes:
        parts = []
        for whole_line in data.splitlines(keepends=True):
            field = whole_line.rstrip(b"\r\n")
            changed = change(field) if field else field
            if changed or not field:
                parts.append(changed + whole_line[len(field) :])
        return b"".join(parts)

    return of_frame


def line_end(data: bytes) -> bytes:
    """Return the line end that these lines use."""
    return next((end for end in (b"\r\n", b"\n", b"\r") if end in data), b"\n")


def _together(held: list[Frame], at: float) -> Iterator[Frame]:
    # The last frame carries the bytes of the others. These stay, without bytes, since each names its event.
    for frame in held[:-1]:
        yield replace(frame, at=at, data=b"")
    for frame in held[-1:]:
        yield replace(frame, at=at, data=b"".join(one.data for one in held), alone=True)
