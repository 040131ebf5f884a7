"""The table EventStream of a browser's developer tools, copied: id, type, data and time, between tabs."""

import re
from collections.abc import Sequence
from datetime import datetime

from respool.errors import Effect, RecordingError, printable
from respool.protocol.events import Event, loads
from respool.protocol.sse import DONE
from respool.recordings.formats import event_objects
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse, response_id
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{2}(?:[.,]\d+)?)(?: ?([AP])M)?", re.IGNORECASE)


def sniff(data: bytes) -> bool:
    """Return True if most of the first lines are rows, and one of them holds an event."""
    lines = [line for line in data[:65536].decode(errors="replace").splitlines() if line.strip()][:20]
    rows = [cells for line in lines if (cells := _cells(line)) is not None]
    return 2 * len(rows) > len(lines) and any(event_objects.is_event(_value(row[1])) for row in rows)


def _cells(line: str) -> tuple[str, str, str] | None:
    """Return the type, data and time of a row."""
    cells: Sequence[str] = line.split("\t")
    for place in range(1, len(cells)):
        if cells[place].lstrip().startswith(("{", DONE)):
            end = len(cells)
            # The data may hold tabs; the last column is a time.
            time = cells[-1] if end - 1 > place and _moment(cells[-1]) is not None else ""
            return cells[place - 1], "\t".join(cells[place : end - 1 if time else end]).strip(), time
    return None


def _value(text: str) -> object:
    try:
        return loads(text)
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    """Return the time of day, in seconds."""
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        hours = int(found[1] or 0) % 12 + 12 * (found[4].upper() == "P") if found[4] else int(found[1] or 0)
        return hours * 3600 + int(found[2]) * 60 + float(found[3].replace(",", "."))
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the rows. Skip and report one without an event."""
    builder = TurnBuilder(name)
    last: float | None = None
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        cells = _cells(line.rstrip("\r"))
        if cells is None:
            cause = f"no row with an event: {printable(line, 60)}"
            on_damage(RecordingError(cause, path, number, effect=Effect.SKIPPED))
            continue
        type_, content, time = cells
        if content == DONE:
            builder.done()
            continue
        try:
            value = loads(content)
            event = Event.from_object(content, value, type_.strip() or "message")
        except ValueError as error:
            on_damage(RecordingError(str(error), path, number, effect=Effect.CAPTURED))
            continue
        now = _moment(time) if time else None
        gap = None
        if now is not None and last is not None:
            gap = round((now - last) % 86400, 6)
            gap = 0.0 if gap > 43200 else gap  # a row that is a little older than the one before
        last = now if now is not None else last
        builder.event((gap, event.text, event.type, number), response_id(value))
    return builder.finish()
