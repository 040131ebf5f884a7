"""RuleSet: the rule files among the recordings: all stubs, and the matching rules."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from respool.errors import RecordingError, printable
from respool.match.rules import MAX_SIZE, MatchRules, read_rules
from respool.recordings import formats
from respool.recordings.recording import Recording
from respool.recordings.rule_files import is_match_file
from respool.recordings.store import Store

if TYPE_CHECKING:  # the modules of stubs are imported where there are any
    from respool.match.plays import Play
    from respool.match.stubs import Stub, StubSet

MAX_SCRIPT = 4 * 1024 * 1024  # bytes of a Script file that a stub names


@dataclass(frozen=True, slots=True)
class Playable:
    """The recordings of a name or a stub: the turns of `series`, and which of them, from 1; None: the request
    decides."""

    series: str
    turns: tuple[Recording, ...]
    pinned: int | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a store.

    stub_set  the stubs, indexed; None: there are none
    problems  errors in the files, with their places; the rest is used
    warnings  stubs that never answer, or play what is not there: one line each
    """

    rules: MatchRules = field(default_factory=MatchRules)
    stub_set: "StubSet | None" = None
    problems: tuple[RecordingError, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def stubs(self) -> "tuple[Stub, ...]":
        """All stubs, in the order of their priority."""
        return tuple(self.stub_set or ())


def read_rule_set(store: Store) -> RuleSet:
    """Return the rules of a store's files. Errors are part of the result; nothing is raised."""
    problems: list[RecordingError] = []
    stubs: dict[str, Stub] = {}
    rules: MatchRules | None = None
    first = ""
    for path in store.rule_files:
        data = _content(path, problems)
        if data is None:
            continue
        if not is_match_file(os.path.basename(path)):
            from respool.match.stubs_file import read_stubs

            for stub in read_stubs(data, path, problems.append):
                if stub.name in stubs:
                    cause = f"the name {stub.name} is also that of the stub at {stubs[stub.name].place}"
                    problems.append(RecordingError(cause, stub.place))
                else:
                    stubs[stub.name] = stub
        elif rules is None:
            rules, first = read_rules(data, path, problems.append), path
        else:
            problems.append(RecordingError(f"not read: {first} holds for all recordings", path))
    if not stubs:
        return RuleSet(rules or MatchRules(), None, tuple(problems))
    from respool.match.stubs import StubSet

    known = StubSet(stubs.values())
    return RuleSet(rules or MatchRules(), known, tuple(problems), tuple(_warnings(known, store)))


def named(store: Store, name: str) -> Playable | None:
    """Return the recording of that name, or of ``NAME#N``; None if there is none."""
    if turns := store.turns(name):
        return Playable(name, turns)
    if store.get(name) is None:
        return None
    base, _, number = name.rpartition("#")
    return Playable(base, store.turns(base), int(number))


def playable(stub: "Stub", store: Store) -> Playable:
    """Return what a stub plays. Raise RecordingError, at the stub's place, if it is not there.

    Not for a stub that plays a word: ``improvise`` or ``proxy``.
    """
    play = stub.play
    try:
        if len(play.recordings) == 1:
            return _named(store, play.recordings[0])
        series = f"stub {stub.name}"
        if play.script is not None:
            from respool.match.plays import recordings_of

            return Playable(series, recordings_of(play, series))
        if play.script_file is not None:
            return Playable(series, _script(play.script_file, stub.place, series))
        return Playable(series, tuple(turn for name in play.recordings for turn in _turns(store, name)))
    except ValueError as error:
        subject = (
            "this stub" if stub.place and stub.name.startswith(stub.place) else f"stub {printable(stub.name)}"
        )
        raise RecordingError(f"{subject}: {error}", stub.place) from None


def _named(store: Store, name: str) -> Playable:
    if (found := named(store, name)) is None:
        nearest = ", ".join(store.nearest(name))
        raise ValueError(f"no recording is named {printable(name)}" + (nearest and f"; nearest: {nearest}"))
    return found


def _turns(store: Store, name: str) -> tuple[Recording, ...]:
    found = _named(store, name)
    return found.turns if found.pinned is None else (found.turns[found.pinned - 1],)


def _script(name: str, place: str, series: str) -> tuple[Recording, ...]:
    """Return the turns of a Script file beside the stub's file, or below it."""
    if not place:
        raise ValueError(f"the Script file {printable(name)} can only be named by a stub in a file")
    folder = Path(place.rpartition(":")[0]).parent
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"the Script file {printable(name)} is outside of the stub's folder")
        if path.stat().st_size > MAX_SCRIPT:
            raise ValueError(f"the Script file {printable(name)} has more than {MAX_SCRIPT} bytes")
        return formats.read(path.read_bytes(), series, str(folder / name))
    except (OSError, RuntimeError) as error:
        problem = (getattr(error, "strerror", None) or "not readable").lower()
        raise ValueError(f"the Script file {printable(name)}: {problem}") from None


def _warnings(stubs: "StubSet", store: Store) -> Iterator[str]:
    for stub, by in stubs.shadowed():
        where, other = (f"{printable(one.name)} ({one.place})" for one in (stub, by))
        yield f"stub {where} never answers: {other} always does before it"
    yield from _missing(stubs, store)
    yield from _never_held(stubs, store)


def _missing(stubs: "Iterable[Stub]", store: Store) -> Iterator[str]:
    for stub in stubs:
        if _is_found(stub.play):
            try:
                playable(stub, store)
            except RecordingError as error:
                yield str(error)


def _never_held(stubs: "Iterable[Stub]", store: Store) -> Iterator[str]:
    """Yield a line for each stub with a hold at an event that it never plays, or with a missing successor."""
    for stub in stubs:
        where = f"stub {printable(stub.name)} ({stub.place})"
        if stub.steer and isinstance(stub.steer.successor, str) and not named(store, stub.steer.successor):
            nearest = ", ".join(store.nearest(stub.steer.successor))
            problem = f"no recording is named {printable(stub.steer.successor)}"
            yield f"{where}: steer: {problem}" + (nearest and f"; nearest: {nearest}")
        if not stub.hold or stub.play.word is not None:
            continue
        try:
            found = playable(stub, store)
        except RecordingError:
            continue  # there is a warning already
        streams = [[timed.event for timed in turn.events] for turn in found.turns if not turn.plain]
        for point in stub.hold:
            if all(point.place(events) is None for events in streams):
                yield f"{where} is never held {point}: it plays nothing that has such an event"


def _is_found(play: "Play") -> bool:
    """Return True if what is played must be looked up."""
    return bool(play.recordings) or play.script_file is not None


def _content(path: str, problems: list[RecordingError]) -> bytes | None:
    try:
        if os.path.getsize(path) > MAX_SIZE:
            problems.append(RecordingError(f"expected at most {MAX_SIZE} bytes", path))
            return None
        return Path(path).read_bytes()
    except OSError as error:
        problems.append(RecordingError((error.strerror or str(error)).lower(), path))
        return None
