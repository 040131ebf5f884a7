"""A stream in the lines of a log: each has a prefix, such as a time or a container's name.

``docker logs -t``, ``docker compose logs``, ``kubectl logs --timestamps``, ``journalctl``, ``ts`` and loggers
write such lines.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from respool.errors import Effect, RecordingError
from respool.protocol.events import Event, loads
from respool.recordings.formats import event_objects, moments
from respool.recordings.formats.sse import Reader
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, lane_of, refuse, response_id
from respool.recordings.recording import FORMAT_VERSION, Header, Recording

SUFFIXES: tuple[str, ...] = ()

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_APACHE = r"\[\d{2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}\]"
_KLOG = r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w./-]+:\d+\]"
_EPOCH = r"\[?\d{10}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?\]?(?=[\s:])"
_CLOCK = r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?|[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?:[.,]\d+)?"
_SECONDS = r"\d{1,6}\.\d{2,9}(?=\s)"  # since the start, as ``ts -s %.s`` writes them
_LOGGER = r"(?!(?:data|event|id|retry):)[\w.]+ ?:"
_OTHER = rf"{_TIME}|{_APACHE}|{_KLOG}|{_EPOCH}|{_CLOCK}|{_SECONDS}|[\w./-]+ *\||\[[^\]{{}}]*\]"
# The prefix of a line: a time, a name with a bar, words in brackets; then levels and loggers.
_PREFIX = re.compile(
    rf"\s*(?:(?:{_OTHER}):?\s*)"
    rf"(?:(?:{_OTHER}|[A-Z]{{4,8}}|[\w.-]+\[\d+\]:|{_LOGGER}|-|F|stdout|stderr)\s+)*"
)
_ISO = re.compile(_TIME)
_ACCESS = re.compile(r"\[(\d{2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)(\.\d+)? ([+-]\d{4})\]")
_GLOG = re.compile(r"[IWEF](\d{4} \d\d:\d\d:\d\d\.\d{6}) ")
_SINCE = re.compile(r"(?:^|[\s|])\[?(\d{10}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?)\]?(?=[\s:])")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TIME_OF_DAY = re.compile(r"(?:^|[\s\[|])(\d\d):(\d\d):(\d\d(?:[.,]\d+)?)(?=[\s\]]|$)")
_ONLY_SECONDS = re.compile(rf"^\s*({_SECONDS})")
_DAY = 86400.0
_SSE = re.compile(r"(?:data|event|id|retry): ?|:|$")
_WORDS = re.compile(r"""[^{\['`]*""")
_OF_YAML = re.compile(r"\s*(?:- +)*(?:[\w\"$./-]+ *: *)?")
_MOST_PREFIX = 200


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    moment: float | None
    rest: str | None  # None: a line of another kind


def sniff(data: bytes) -> bool:
    """Return True if some of the first lines hold an event after a log's prefix."""
    head = data[:65536].decode(errors="replace")
    if "response." not in head or "```" in head:
        return False
    lines = [line for line in head.split("\n") if line.strip()][:200]
    split = _Splitter(lines)
    held = sum(_event(line.rest) is not None for line in map(split, range(len(lines)), lines) if line.rest)
    return held >= 1 and 4 * held >= len(lines) // 2


class _Splitter:
    """Splits lines of a log into the prefix and the rest."""

    def __init__(self, lines: Sequence[str]) -> None:
        words = Counter(line[: line.find("{")] for line in lines if "{" in line[:_MOST_PREFIX])
        # A program's own label before each event looks like a key of YAML, but YAML has no key twice.
        self._words = {word for word, count in words.items() if count > 2 and not word.startswith((" ", "-"))}

    def __call__(self, number: int, line: str) -> _Line:
        line = line.rstrip("\r")
        if line.startswith("\x1b"):  # the colours of a logger
            line = _ANSI.sub("", line[:_MOST_PREFIX]) + line[_MOST_PREFIX:]
        found = _PREFIX.match(line[:_MOST_PREFIX])
        if found is None or not found.group().strip():
            return self._behind_words(number, line)
        rest = line[found.end() :]
        moment = _moment(found.group())
        if rest.startswith("{") or _SSE.match(rest):
            return _Line(number, moment, rest)
        # A logger's own words may come before the event: "received event: {...}".
        brace = rest.find("data: {") if "data: {" in rest[:_MOST_PREFIX] else rest.find("{")
        if 0 <= brace <= _MOST_PREFIX and _event(rest[brace:]) is not None:
            return _Line(number, moment, rest[brace:])
        return _Line(number, moment, None)

    def _behind_words(self, number: int, line: str) -> _Line:
        """Read a line without such a prefix, with an event after an arrow or words: ``<- {...}``,
        ``time=... level=debug data={...}``. After a dash or a name it could be YAML."""
        brace = line.find("{", 0, _MOST_PREFIX)
        before = line[: max(brace, 0)]
        if not before.strip() or not _WORDS.fullmatch(before) or _SSE.match(before):
            return _Line(number, None, None)
        if _OF_YAML.fullmatch(before) and before not in self._words:
            return _Line(number, None, None)
        rest = line[brace:]
        return _Line(number, _moment(before), rest if _event(rest) is not None else None)


def _moment(prefix: str) -> float | None:
    """Return the time of a line in seconds: since the epoch; for klog, which has no year, since January; for
    times without a date, since midnight; for ``ts -s``, since the start."""
    if time := _ISO.search(prefix):
        return moments.seconds(time.group().replace(",", "."))
    with suppress(ValueError):
        if time := _ACCESS.search(prefix):
            fraction = float(time[2] or 0)
            return datetime.strptime(f"{time[1]} {time[3]}", "%d/%b/%Y:%H:%M:%S %z").timestamp() + fraction
        if time := _GLOG.search(prefix):
            return datetime.strptime(f"2000{time[1]} +0000", "%Y%m%d %H:%M:%S.%f %z").timestamp()
    if time := _SINCE.search(prefix):
        return moments.seconds(float(time[1]))
    if time := _TIME_OF_DAY.search(prefix):
        return 3600.0 * int(time[1]) + 60.0 * int(time[2]) + float(time[3].replace(",", "."))
    if time := _ONLY_SECONDS.match(prefix):
        return float(time[1])
    return None


def _gap(last: float | None, moment: float | None) -> float | None:
    """Return the seconds between two moments; None if one is not known. Days begin again at midnight."""
    if last is None or moment is None:
        return None
    gap = moment - last
    if last < _DAY and gap < -_DAY / 2:
        gap += _DAY
    return round(max(0.0, gap), 6)


def _event(text: str) -> str | None:
    """Return the JSON text of the event in a line, or of a client's create over a socket."""
    text = text.removeprefix("data:").strip()
    if not text.startswith("{"):
        return None
    try:
        value = loads(text)
    except ValueError:
        return None
    is_create = isinstance(value, dict) and value.get("type") == event_objects.CREATE
    return text if is_create or event_objects.is_event(value) else None


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the events behind the prefixes, with the times of the log. Report other lines."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    split = _Splitter(text.split("\n"))
    lines = [split(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    builder = TurnBuilder(name)
    if any(line.rest is not None and line.rest.startswith("data:") for line in lines):
        _read_stream(lines, builder, path, on_damage)
    else:
        _read_json(lines, builder)
    strangers = [line.number for line in lines if line.rest is None]
    if strangers:
        cause = f"{len(strangers)} lines of the log are none of the stream's, this is the first"
        on_damage(RecordingError(cause, path, strangers[0], effect=Effect.SKIPPED))
    return builder.finish()


def _read_stream(lines: list[_Line], builder: TurnBuilder, path: str, on_damage: OnDamage) -> None:
    kept = list(_with_blank_lines([line for line in lines if line.rest is not None]))
    text = "".join(f"{line.rest}\n" for line in kept)
    gaps = _gaps(kept)
    Reader(
        builder, path, on_damage, lines=[line.number for line in kept], gap_of=lambda: next(gaps, None)
    ).read(text)


def _with_blank_lines(lines: list[_Line]) -> Iterator[_Line]:
    """Return the lines, with the blank ones that logs leave out."""
    blank = any(line.rest == "" for line in lines)
    for line in lines:
        yield line
        if not blank and line.rest is not None and line.rest.startswith("data:"):
            yield _Line(line.number, line.moment, "")


def _gaps(lines: list[_Line]) -> Iterator[float | None]:
    """Return the gap before each message, from the time of its last line before the blank one."""
    last: float | None = None
    before: _Line | None = None
    for line in lines:
        if line.rest == "" and before is not None and before.rest:
            moment = before.moment
            yield _gap(last, moment)
            last = moment
        before = line
    if before is not None and before.rest:
        yield None


def _read_json(lines: list[_Line], builder: TurnBuilder) -> None:
    last: float | None = None
    for line in lines:
        if line.rest is None or (text := _event(line.rest)) is None:
            continue
        event, value = Event.parse(text), loads(text)
        gap, last = _gap(last, line.moment), line.moment
        if (request := event_objects.request_in(value)) is not None:
            body = {name: inner for name, inner in request.items() if name != "stream_id"}
            builder.request(Header({"respool": FORMAT_VERSION, "request": body}), lane_of(value), gap)
        else:
            builder.event((gap, event.text, event.type, line.number), response_id(value))
