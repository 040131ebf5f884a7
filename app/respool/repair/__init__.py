"""Repair: a recording that was cut, or has damaged lines, becomes a legal one.

Sound events are kept. Missing events are made from the other events, the final response and the grammar of
a stream. Unknown content is not guessed, and sound events change only if an option allows it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from respool.check import socket_lanes
from respool.check.checker import check
from respool.check.findings import Level
from respool.errors import Effect, RecordingError
from respool.protocol.several_responses import run_together
from respool.recordings import formats
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording, TimedEvent
from respool.repair.damaged_stream import JSON, DamagedStream
from respool.repair.damaged_turns import DamagedTurn, drop_surplus, split_turns
from respool.repair.made_events import Style
from respool.repair.notes import in_words, with_repairs
from respool.repair.plan import plan
from respool.repair.response_ends import ResponseEnd
from respool.repair.sequence import Arranged, arrange

__all__ = ["Options", "Repaired", "ResponseEnd", "repair"]


_LONGEST = 1e9  # seconds that a response may have taken


@dataclass(frozen=True, slots=True)
class Options:
    """What repair may do beyond adding missing events."""

    ending: ResponseEnd | None = None  # of a response that was cut; None: completed if all items are known
    renumber: bool = False  # change sequence numbers of sound events
    drop: frozenset[str] = frozenset()  # leave out sound events: values of damaged_turns.SURPLUS


@dataclass(frozen=True, slots=True)
class Repaired:
    """The content of the repaired file, and the changes, in words; none if it was sound."""

    data: bytes
    done: tuple[str, ...]


def repair(data: bytes, path: str, options: Options | None = None) -> Repaired:
    """Repair a recording in any format that Respool reads; the result is in the native one.

    Raise RecordingError if it cannot be repaired, or only with an option that is not given.
    """
    damages: list[RecordingError] = []

    def on_damage(damage: RecordingError) -> None:
        if damage.effect is Effect.REFUSED or (damage.effect is Effect.CAPTURED and damage.line):
            damages.append(damage)

    read = [_framed_anew(turn) for turn in formats.read(data, "", path, on_damage)]
    if not read:
        raise RecordingError("no sound event is left to begin with", path)
    turns = split_turns(read, damages)
    recordings: list[Recording] = []
    done: list[str] = []
    for number, turn in enumerate(turns, start=1):
        try:
            recording, changes = _repair(turn, options or Options())
        except RecordingError as error:
            raise RecordingError(error.cause, path, error.line, error.column) from None
        recordings.append(recording)
        done += [f"turn {number}: {change}" if len(turns) > 1 else change for change in changes]
    if not done and formats.sniff(data, path) == "jsonl":
        return Repaired(data, ())
    return Repaired(jsonl.write(recordings).encode(), tuple(done))


def _framed_anew(turn: Recording) -> Recording:
    """Return the turn with the API's framing: text captured between its events is dropped."""
    if turn.captured is None:
        return turn
    return replace(turn, events=tuple(replace(one, frame=None) for one in turn.events), captured=None)


def _repair(turn: DamagedTurn, options: Options) -> tuple[Recording, list[str]]:
    fixes: list[JSON] = [{"line": damage.line, "dropped": damage.cause} for damage in turn.damages]
    notes: list[str] = []
    if run_together(events := [timed.event for timed in turn.events]):
        if error := next((one for one in socket_lanes.check(events) if one.level is Level.ERROR), None):
            cause = f"cannot be repaired, since several responses run at a time in it: {error.message}"
            place = -1 if error.event is None else error.event
            raise RecordingError(cause, line=turn.events[place].line)
    elif turn.events and not (stream := _stream(turn)).sound:
        if dropped := drop_surplus(turn, stream, options.drop):
            fixes += dropped
            stream = _stream(turn)
        try:
            turn.events, made, notes = _complete(turn, stream, options)
            fixes += made
        except RecordingError:
            if not stream.legal:
                raise
    header = with_repairs(turn.header, fixes) if fixes else turn.header
    return Recording("", header, tuple(turn.events)), [*map(in_words, fixes), *notes]


def _complete(
    turn: DamagedTurn, stream: DamagedStream, options: Options
) -> tuple[list[TimedEvent], list[JSON], list[str]]:
    """Make the missing events. Return all events, the fixes, and notes on how a cut response ends."""
    timed = turn.events
    if stream.sound:
        return timed, [], []
    style = Style(stream)
    seconds = min(sum(one.gap or 0.0 for one in timed), _LONGEST)
    suspected: set[int] = set()
    while True:
        made, notes = plan(stream, style, options.ending, turn.header.request, seconds)
        arranged = arrange(stream, style, timed, made)
        errors = _errors(arranged)
        # One mistake may have hidden others.
        if errors.keys() <= suspected:
            break
        suspected |= errors.keys()
        stream = _stream(turn, suspected)
    if errors:
        place, message = next(iter(errors.items()))
        raise RecordingError(f"cannot be repaired: {message}", line=timed[min(place, len(timed) - 1)].line)
    if arranged.misfit and not options.renumber:
        raise arranged.misfit
    return arranged.events, arranged.fixes, notes


def _stream(turn: DamagedTurn, suspected: Collection[int] = ()) -> DamagedStream:
    return DamagedStream([timed.event for timed in turn.events], turn.damaged, suspected)


def _errors(arranged: Arranged) -> dict[int, str]:
    """Return the messages of the errors that are left, by the places of their events before the repair."""
    errors: dict[int, str] = {}
    after = sum(place is not None for place in arranged.places)
    for finding in check(timed.event for timed in arranged.events):
        if finding.level is Level.ERROR:
            following = arranged.places[finding.event :] if finding.event is not None else []
            place = next((place for place in following if place is not None), after)
            errors.setdefault(place, finding.message)
    return errors
