"""Recording: the events of one response, with their times, as they were captured."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from respool.errors import FaultError, OptionError, printable
from respool.protocol.events import Event, json_kind

if TYPE_CHECKING:
    from respool.faults import Fault
    from respool.recordings.hold_points import HoldPoint
    from respool.recordings.steer_rule import SteerRule
    from respool.scripts.synth import Scripted

FORMAT_VERSION = 1  # the "respool" field of a header line
REPLAY_WINDOW = 600.0  # seconds after its end in which a background response can be streamed
IDS = ("recorded", "fresh")  # the ids of a play
FRAMINGS = ("captured", "normal")  # the framing of captured events
ON_UNKNOWN_ID = ("not-found", "default")  # the answer for an unknown id


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event, and the seconds since the one before.

    `gap` is in seconds since the previous event (for the first: since the request was sent), or None
    if the recording has no time; the pace then chooses. Gaps rather than moments, so that reading and
    writing a file never changes a digit of it. `line` is its line in the file, from 1. `frame` is the text
    captured on the wire; None if that is the API's usual frame.
    """

    gap: float | None
    event: Event
    line: int | None = field(default=None, compare=False)
    frame: str | None = None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text captured between events that is no event: a comment, ``data:`` that is not JSON, a stray line.

    `gap` is in seconds since the event or text before it. In `text`, bytes that are not UTF-8 are lone
    surrogates, as Python's ``surrogateescape`` makes them; `wire_bytes` returns the bytes.
    """

    gap: float | None
    text: str
    line: int | None = field(default=None, compare=False)


Entry = TimedEvent | Verbatim


def wire_bytes(text: str) -> bytes:
    """Return the bytes of a captured text."""
    return text.encode(errors="surrogateescape") if _encodes(text) else text.encode(errors="replace")


def _encodes(text: str) -> bool:
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Header:
    """The header line of a recording: the request, and the head of the answer.

    `fields` is the JSON object of that line, with fields that this version does not know; the properties
    read the known ones. `faults` are the faults of the answer, `hold` the points where its stream waits,
    `steer` its answer to a steer.
    Raises ValueError when one of those has the wrong type.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    faults: "tuple[Fault, ...]" = field(init=False, repr=False, compare=False, default=())
    hold: "tuple[HoldPoint, ...]" = field(init=False, repr=False, compare=False, default=())
    steer: "SteerRule | None" = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))
        for name, (kinds, expected) in _HEADER_FIELDS.items():
            value = self.fields.get(name)
            if value is not None and type(value) not in kinds:
                raise ValueError(f'the header\'s "{name}" is {json_kind(value)}, expected {expected}')
        version = self.fields.get("respool", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            raise ValueError(f"the header's format version is {version}, this Respool reads {FORMAT_VERSION}")
        if not 200 <= self.status <= 599:
            raise ValueError(f'the header\'s "status" is {self.status}, expected 200 to 599')
        if self.ids not in (None, *IDS):
            raise ValueError(f'the header\'s "ids" is {printable(str(self.ids))}, expected recorded or fresh')
        headers: Mapping[str, object] = self.headers  # as in the file, not as declared
        for name, value in headers.items():
            if not isinstance(value, str):
                shown = f"{printable(name)} is {json_kind(value)}"
                raise ValueError(f'the header\'s "headers": {shown}, expected a string')
            if not _TOKEN.fullmatch(name) or not (value.isascii() and value.isprintable()):
                raise ValueError(f'the header\'s "headers": {name!r} cannot be sent as an HTTP header')

        if isinstance(self.body, str) and not _encodes(self.body):
            raise ValueError('the header\'s "body" has half a character, which cannot be sent')
        if (given := self.fields.get("faults")) is not None:
            try:
                from respool.faults import read as read_faults  # only recordings with faults need it

                object.__setattr__(self, "faults", read_faults(given))
            except FaultError as error:
                raise ValueError(f'the header\'s "faults": {error}') from None
        if "hold" in self.fields or "steer" in self.fields:
            self._read_control()

    def _read_control(self) -> None:
        # Late, as few recordings have them.
        from respool.recordings.hold_points import read_all
        from respool.recordings.steer_rule import read_rule

        readers: Mapping[str, Callable[[Any], Any]] = {"hold": read_all, "steer": read_rule}
        for name, read in readers.items():
            if (given := self.fields.get(name)) is not None:
                try:
                    object.__setattr__(self, name, read(given))
                except OptionError as error:
                    raise ValueError(f'the header\'s "{name}": {error}') from None

    @property
    def request(self) -> Mapping[str, Any]:
        """The body of the request that this recording answered; empty if it is not known."""
        return self.fields.get("request") or {}

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        status = self.fields.get("status")
        return 200 if status is None else int(status)

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers of the answer, as recorded."""
        return self.fields.get("headers") or {}

    @property
    def body(self) -> Any:
        """The body of an answer that is no stream: JSON, or a string to be sent as it is."""
        return self.fields.get("body")

    @property
    def note(self) -> str:
        """A note for readers of this recording."""
        return self.fields.get("note") or ""

    @property
    def done(self) -> bool:
        """True if the stream ended with the sentinel ``[DONE]``, as OpenRouter's do."""
        return bool(self.fields.get("done"))

    @property
    def ids(self) -> str | None:
        """The ids of a play: ``recorded``, ``fresh``, or None: the server's setting."""
        return self.fields.get("ids")


_HEADER_FIELDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "respool": ((int,), "an integer"),
    "request": ((dict,), "an object"),
    "status": ((int,), "an integer"),
    "headers": ((dict,), "an object"),
    "note": ((str,), "a string"),
    "done": ((bool,), "true or false"),
    "ids": ((str,), '"recorded" or "fresh"'),
}

# The syntax of an HTTP header's name: RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, eq=False)
class Recording:
    """One captured answer. Compared by identity: a recording that was read again is another one.

    `name` is the path below the folder without the suffix; the second and later responses of one
    file are its turns, ``name#2``, ``name#3`` ...
    """

    name: str
    header: Header
    events: tuple[TimedEvent, ...]
    scripted: "Scripted | None" = None  # the turn of a Script that it was made from
    captured: tuple[Entry, ...] | None = None  # events and the text between them; None: only events

    @property
    def entries(self) -> Sequence[Entry]:
        """All that is sent, each with its gap since the entry before it.

        In `events`, a gap is counted from the event before, also across captured text.
        """
        return self.events if self.captured is None else self.captured

    def types(self) -> Iterable[tuple[str, str]]:
        """Return the type and text of each event."""
        return ((timed.event.type, timed.event.text) for timed in self.events)

    @classmethod
    def of_entries(cls, name: str, header: Header, entries: Sequence[Entry]) -> "Recording":
        """Return a recording of captured entries: events, and the text between them."""
        events: list[TimedEvent] = []
        waited: float | None = None
        for entry in entries:
            gap = entry.gap if waited is None else waited + (entry.gap or 0.0)
            if isinstance(entry, Verbatim):
                waited = gap
            else:
                events.append(entry if gap == entry.gap else replace(entry, gap=gap))
                waited = None
        plain = all(isinstance(entry, TimedEvent) and entry.frame is None for entry in entries)
        return Recording(name, header, tuple(events), captured=None if plain else tuple(entries))

    @cached_property
    def memo(self) -> dict[str, Any]:
        """A cache for values that other modules compute from this recording, by module."""
        return {}

    @property
    def plain(self) -> bool:
        """True if the answer is a body instead of a stream: usually an HTTP error."""
        return not self.events


# The fields of a TimedEvent: its gap, its event's text and type, its line.
Row = tuple[float | None, str, str, int | None]


class ReadRecording(Recording):
    """A recording read from a file, which makes its events from their rows on first access.

    Making the objects takes longer than reading and checking a file, and would delay a server's start for
    recordings that are never requested.
    """

    _rows: Sequence[Row] | None

    @classmethod
    def of(cls, name: str, header: Header, rows: Sequence[Row]) -> "ReadRecording":
        """Return a recording with these rows as its events."""
        recording = cls.__new__(cls)
        vars(recording).update(name=name, header=header, scripted=None, captured=None, _rows=rows)
        return recording

    def types(self) -> Iterable[tuple[str, str]]:
        rows = self._rows
        return super().types() if rows is None else ((kind, text) for _, text, kind, _ in rows)

    @cached_property
    def events(self) -> tuple[TimedEvent, ...]:
        known = vars(self)
        rows = self._rows
        if rows is not None:  # otherwise another thread has just made and stored them
            known["events"] = tuple(
                TimedEvent(gap, Event(text, kind), line) for gap, text, kind, line in rows
            )
            known["_rows"] = None
        events: tuple[TimedEvent, ...] = known["events"]
        return events


def turn_name(name: str, turn: int) -> str:
    """Return the name of turn number `turn` of a file: the first turn has the file's own name."""
    return name if turn == 1 else f"{name}#{turn}"
