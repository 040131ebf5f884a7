"""Indexes: what a decision looks things up in. Each is made when it is first asked for, and anew when the
store's files have changed."""

import logging
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from respool.errors import OptionError, escaped
from respool.match.near import Near, NearIndex, WouldSend, would_send
from respool.match.recorded import Forms, Recorded, RecordedIndex
from respool.match.rules import STRICTNESS
from respool.match.stubs import Stub
from respool.match.turn_choice import ON_EXHAUSTED, TurnFacts, TurnIndex, facts, is_error
from respool.play.offload import offload
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.rule_set import Playable, RuleSet, playable, read_rule_set

logger = logging.getLogger("respool")

ON_MISS = ("error", "improvise")  # what answers a request that nothing else does
_ENTRY = 1024  # bytes: about what it costs to index a recording, in such that are read
_MOST_KEPT = 1000  # indexes of turns, and what stubs play


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """How a recording is chosen.

    default       the recording that answers what nothing else does
    match         how far a request may differ from a recorded one, one of STRICTNESS; None: as match.yaml
                  says
    on_miss       what answers when nothing does: an ``error``, or an answer that is improvised
    on_exhausted  what follows the last turn of a recording: an ``error``, the ``last`` again, or a ``loop``

    Raises OptionError for an unknown word.
    """

    default: str | None = None
    match: str | None = None
    on_miss: str = "error"
    on_exhausted: str = "error"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("match", self.match or STRICTNESS[0], STRICTNESS),
            ("on-miss", self.on_miss, ON_MISS),
            ("on-exhausted", self.on_exhausted, ON_EXHAUSTED),
        ):
            if value not in known:
                raise OptionError(f"{name} is {value}, expected {', '.join(known)}")


class _Answer:
    """The answer of a recording, equal to one with the same events. Most are never compared."""

    __slots__ = ("recording",)

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Answer) and self._value() == other._value()

    __hash__ = None  # type: ignore[assignment]

    def _value(self) -> object:
        header = self.recording.header
        return header.status, header.body, [timed.event.text for timed in self.recording.events]


def _tell(before: RuleSet, now: RuleSet) -> None:
    """Say in the log which mistakes are new."""
    known = {str(problem) for problem in before.problems}
    for problem in map(str, now.problems):
        if problem not in known:
            logger.warning("mistake %s", escaped(problem))


class Indexes:
    """The indexes of a store."""

    def __init__(self, store: Store, options: MatchOptions) -> None:
        self.store = store
        self.options = options
        self._version = -1
        self._rule_set = RuleSet()
        self._recorded: RecordedIndex | None = None
        self._near: NearIndex | None = None
        self._facts: WeakKeyDictionary[Recording, TurnFacts] = WeakKeyDictionary()
        self._turns: OrderedDict[str, tuple[tuple[Recording, ...], TurnIndex]] = OrderedDict()
        self._plays: OrderedDict[int, tuple[Stub, int, Playable]] = OrderedDict()

    @property
    def rule_set(self) -> RuleSet:
        """The rules of the store's files."""
        if self._version != (version := self.store.version):
            before, self._rule_set = self._rule_set, read_rule_set(self.store)
            if self._version >= 0:  # the first ones are told at the start
                _tell(before, self._rule_set)
            self._recorded = self._near = None
            self._version = version
        return self._rule_set

    @property
    def recorded(self) -> RecordedIndex:
        """The recordings that carry their request."""
        rules = self.rule_set.rules
        if (index := self._recorded) is None:
            found = [
                (name, number, turn)
                for name in self.store.names
                for number, turn in enumerate(self.store.turns(name), 1)
                # In a Script, it may be some parameters.
                if turn.header.request and ("input" in turn.header.request or not turn.scripted)
            ]
            index = offload(
                len(found) * _ENTRY,
                ("recorded", self._version),
                lambda: RecordedIndex(
                    (
                        Recorded(name, number, turn.header.request, is_error(turn), _Answer(turn))
                        for name, number, turn in found
                    ),
                    rules,
                ),
            )
            self._recorded = index
        return index

    def nearest(self, forms: Forms) -> tuple[Near, ...]:
        """Return the recordings whose requests are nearest."""
        index = self.recorded
        if self._near is None:
            self._near = NearIndex(index)
        return self._near.nearest(forms, self._would_send, strictness=self.options.match)

    def facts(self, recording: Recording) -> TurnFacts:
        """Return what is looked at of a recording. To find it out folds all its events, so it is kept."""
        if (known := self._facts.get(recording)) is None:
            known = self._facts[recording] = facts(recording)
        return known

    def turns(self, series: str, turns: tuple[Recording, ...]) -> TurnIndex:
        """Return the index of a series of turns."""
        known = self._turns.get(series)
        if known is None or known[0] != turns:
            known = self._turns[series] = turns, TurnIndex([self.facts(turn) for turn in turns])
            if len(self._turns) > _MOST_KEPT:
                self._turns.popitem(last=False)
        return known[1]

    def playable(self, stub: Stub) -> Playable:
        """Return what a stub plays, the same recordings each time. Raises RecordingError."""
        version = self.store.version
        known = self._plays.get(id(stub))
        if known is None or known[0] is not stub or known[1] != version:
            known = self._plays[id(stub)] = stub, version, playable(stub, self.store)
            if len(self._plays) > _MOST_KEPT:
                self._plays.popitem(last=False)
        return known[2]

    def _would_send(self, entry: Recorded) -> WouldSend | None:
        turns = self.store.turns(entry.name)
        return would_send(turns[entry.turn - 1]) if entry.turn <= len(turns) else None
