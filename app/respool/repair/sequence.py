"""The sound and the made events in one sequence, with sequence numbers that rise by one."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from respool.errors import RecordingError, printable
from respool.protocol.events import Event, loads
from respool.recordings.recording import TimedEvent
from respool.repair.damaged_stream import JSON, DamagedStream, Made
from respool.repair.made_events import Style
from respool.repair.texts import split

_NUMBER = re.compile(r'"sequence_number"\s*:\s*([^\s,}]+)')


@dataclass(slots=True)
class _Step:
    """One event of the repaired stream."""

    place: int  # of the sound event, or of the sound event after a made one
    made: Made | None
    before: int | None  # the old sequence_number
    number: int | None  # the new sequence_number


@dataclass(frozen=True, slots=True)
class Arranged:
    """The events of the repaired stream."""

    events: list[TimedEvent]
    places: list[int | None]  # of each event, in the damaged stream; None if it is made
    fixes: list[JSON]  # as recorded in the header
    misfit: RecordingError | None  # why a sound event needs another sequence number, if one does


def arrange(
    stream: DamagedStream, style: Style, timed: Sequence[TimedEvent], made: Sequence[Made]
) -> Arranged:
    """Put the made events among the sound ones, and number them."""
    at: dict[int, list[Made]] = {}
    for one in made:
        at.setdefault(one.at, []).append(one)
    steps = [step for place in range(stream.size + 1) for step in _steps_at(stream, place, at.get(place, ()))]
    misfit = None
    if stream.numbered:
        _count(stream, steps)
        changed = (
            number for number, step in enumerate(steps) if not step.made and step.before != step.number
        )
        misfit = next((_misfit(stream, steps, number, timed) for number in changed), None)
    gap = 0.0 if any(one.gap is not None for one in timed) else None
    events = []
    fixes = _renumbered(steps)
    for number, step in enumerate(steps):
        if step.made:
            event = style.event(step.made.type, step.made.fields, step.number)
            events.append(TimedEvent(gap, event))
            estimated = {"estimated": [*step.made.estimated]} if step.made.estimated else {}
            fixes.append({"event": number, "made": event.type, **estimated})
        elif step.number is not None and step.number != step.before:
            events.append(_renumber(timed[step.place], stream.data[step.place], step.number))
        else:
            events.append(timed[step.place])
    places = [None if step.made else step.place for step in steps]
    return Arranged(events, places, sorted(fixes, key=lambda fix: int(fix["event"])), misfit)


def _steps_at(stream: DamagedStream, place: int, here: Sequence[Made]) -> Iterator[_Step]:
    """Yield the steps at a place: the made events, then the sound one."""
    spare = stream.missing.get(place, 0) - sum(not one.optional for one in here)
    wanted = []
    for one in here:
        if not one.optional or spare > 0:
            wanted.append(one)
            spare -= one.optional
    for one in wanted:
        delta = one.fields.get("delta")
        # One delta for each missing sequence number.
        pieces = split(delta, 1 + spare) if isinstance(delta, str) and 0 < spare < len(delta) else [delta]
        spare -= len(pieces) - 1
        for piece in pieces:
            made = replace(one, fields={**one.fields, "delta": piece}) if len(pieces) > 1 else one
            yield _Step(place, made, None, None)
    if place < stream.size:
        yield _Step(place, None, stream.numbers[place], stream.numbers[place])


def _count(stream: DamagedStream, steps: Sequence[_Step]) -> None:
    """Set the new sequence numbers."""
    counted = [step for step in steps if step.made or stream.counted[step.place]]
    at, first = next((at, step.before) for at, step in enumerate(counted) if step.before is not None)
    start = first - at
    if not stream.resumed and start != 1:
        start = 0
    for number, step in enumerate(counted, start):
        step.number = number


def _misfit(
    stream: DamagedStream, steps: Sequence[_Step], at: int, timed: Sequence[TimedEvent]
) -> RecordingError:
    """Return the error for a sound event that cannot keep its sequence number."""
    place, own = steps[at].place, steps[at].before
    name = timed[place].event.type
    missing = stream.missing.get(place, 0)
    made = sum(step.made is not None and step.place == place for step in steps)
    if own is None:
        cause = f"{name} has no sequence_number, but others have"
    elif made < missing:
        lost = "an event is" if missing - made == 1 else f"{missing - made} events are"
        cause = f"{lost} missing before {name} of which nothing is known"
    elif made > missing:
        cause = f"events to be made before {name}: {made}, but sequence numbers missing there: {missing}"
    else:
        cause = f"the sequence_number of {name} is {own}, expected {steps[at].number}"
    return RecordingError(f"{cause}; --renumber gives the events new numbers", line=timed[place].line)


def _renumbered(steps: Sequence[_Step]) -> list[JSON]:
    """Return fixes for the events that get other numbers, one for each run with the same difference."""
    runs: list[JSON] = []
    for at, step in enumerate(steps):
        if step.made or step.number is None or step.number == step.before:
            continue
        by = None if step.before is None else step.number - step.before
        if runs and runs[-1]["renumbered"] == by:
            runs[-1]["until"] = at
        else:
            runs.append({"event": at, "until": at, "renumbered": by})
    return runs


def _renumber(timed: TimedEvent, data: JSON, number: int) -> TimedEvent:
    """Return the event with another sequence number and otherwise the same text."""
    text = timed.event.text
    wanted = {**data, "sequence_number": number}
    texts = [
        f"{text[: found.start(1)]}{number}{text[found.end(1) :]}" for found in _NUMBER.finditer(text)
    ] or [text.replace("{", f'{{"sequence_number":{number},', 1)]
    for changed in texts:
        if _parses_as(changed, wanted):
            return TimedEvent(timed.gap, Event(changed, timed.event.type), timed.line, timed.frame)
    cause = f"cannot be repaired: there is no place for a sequence_number in {printable(text)}"
    raise RecordingError(cause, line=timed.line)


def _parses_as(text: str, wanted: JSON) -> bool:
    """Return True if a JSON text has this value; 1 and 1.0 are different."""
    try:
        value = loads(text)
    except ValueError:
        return False
    # NaN is not equal to itself, so it is compared as text.
    if value == wanted and type(value["sequence_number"]) is int:
        return True
    return json.dumps(value, sort_keys=True) == json.dumps(wanted, sort_keys=True)
