"""The values below ``play`` of a stub, and those beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from respool.errors import FaultError, OptionError
from respool.option_types import FINITE, GAP, INTEGER, SPEED
from respool.recordings.hold_points import HoldPoint, read_all
from respool.recordings.recording import Recording
from respool.recordings.steer_rule import SteerRule, rule_of
from respool.scripts import Script, tables
from respool.scripts.inline import Below, InlineScript
from respool.scripts.records import Record
from respool.scripts.sources import ScriptError, ScriptPlace
from respool.scripts.value_types import ListOf, Text, ValueOf, ValueType

WORDS = ("improvise", "proxy")


@dataclass(frozen=True, slots=True)
class Play:
    """The answer of a stub. Exactly one field is set.

    recordings   names of recordings, each with its turns or one turn (``NAME#2``): with several, they are
                 the turns of a conversation
    script_file  the path of a Script file, relative to the stub's file
    script       a Script inside the stub
    word         ``improvise`` or ``proxy``
    """

    recordings: tuple[str, ...] = ()
    script_file: str | None = None
    script: Script | None = None
    word: str | None = None

    def __str__(self) -> str:
        return ", ".join(self.recordings) or self.script_file or self.word or "a Script"


def recordings_of(play: Play, name: str) -> tuple[Recording, ...]:
    """Return the turns of the Script inside the stub `name`; empty if it plays something else."""
    return _expand(play.script, name, lambda _: None) if play.script else ()


def _expand(script: Script, name: str, on_damage: Callable[[ScriptError], None]) -> tuple[Recording, ...]:
    from respool.recordings.formats.script_file import expand  # imported late: only such Scripts need it

    return expand(script, name, on_damage)


@dataclass(frozen=True)
class ExpandedScript(InlineScript):
    """A Script in a stub. Reading it raises ScriptError for what cannot be expanded."""

    def read(self, value: Any, place: ScriptPlace) -> Script:
        found = super().read(value, place)
        _expand(found, "stub", Below(place.source, place.path).damage)
        return found


@dataclass(frozen=True)
class PlayType(ValueType):
    """A `play` in a file."""

    @property
    def expects(self) -> str:
        return "the name of a recording, a list of them, a Script, improvise or proxy"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str | list | dict)

    def read(self, value: Any, place: ScriptPlace) -> Play:
        super().read(value, place)
        match value:
            case "":
                raise place.error(f"expected {self.expects}, but it is empty")
            case str() if value in WORDS:
                return Play(word=value)
            case str() if value.lower().endswith((".script.yaml", ".script.yml")):
                return Play(script_file=value)
            case str():
                return Play((value,))
            case list():
                return Play(ListOf(Text(), least=1).read(value, place))
            case _:
                return Play(script=ExpandedScript().read(value, place))

    def shape(self) -> dict[str, Any]:
        names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        return {"anyOf": [{"type": "string", "minLength": 1}, names, InlineScript().schema()]}


@dataclass(frozen=True)
class FaultsType(ValueType):
    """Faults, in the syntax of the header x-respool-fault, or as objects."""

    @property
    def expects(self) -> str:
        return "a fault, or a list of faults"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str | list)

    def read(self, value: Any, place: ScriptPlace) -> Any:
        from respool.faults import read as read_faults  # imported late: only stubs with faults need them

        super().read(value, place)
        found: list[Any] = []
        for number, one in enumerate([value] if isinstance(value, str) else value):
            at = place if isinstance(value, str) else place.below(number)
            try:
                found += read_faults([one])
            except FaultError as error:
                raise at.error(str(error)) from None
        return tuple(found)

    def shape(self) -> dict[str, Any]:
        one = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["fault"]}]}
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": one}]}


_PACE: Mapping[str, ValueType] = {
    "speed": ValueOf(SPEED, about="2 is twice as fast; instant: all at once."),
    "gap": ValueOf(GAP, about="Seconds before an event that has no time."),
    "max_gap": ValueOf(FINITE, about="Seconds; no pause is longer."),
    "ttft": ValueOf(FINITE, about="Seconds until the first delta."),
    "jitter": ValueOf(FINITE, about="Seconds by which each gap may change."),
    "seed": ValueOf(INTEGER, about="The seed of random values."),
}


@dataclass(frozen=True)
class PaceType(Record):
    """A pace: a speed, or a mapping. The server's pace fills in what is not given."""

    def read(self, value: Any, place: ScriptPlace) -> dict[str, Any]:
        from respool.play.pace import Pace

        found = super().read(value, place)
        if found.get("speed") == "instant":
            found["speed"] = float("inf")
        try:
            Pace(**found)
        except OptionError as error:
            raise place.error(str(error)) from None
        return found


PACE = PaceType(_PACE, short="speed", about="How fast it is played.")
SCENARIO = Record(
    {
        "name": Text(about="The scenario."),
        "requires": Text(about="The state in which the stub answers; the first is Started."),
        "becomes": Text(about="The state after it has answered."),
    },
    required=("name",),
    some=("requires", "becomes"),
    about="A state over several requests, of each session its own.",
)


@dataclass(frozen=True)
class HoldType(ListOf):
    """Where a stream waits: see `recordings.hold_points.read_all`."""

    def read(self, value: Any, place: ScriptPlace) -> tuple[HoldPoint, ...]:
        found = super().read(value, place)
        points: list[HoldPoint] = []
        for number, one in enumerate(found):
            try:
                points += read_all(one)
            except OptionError as error:
                at = place.below(number) if isinstance(value, list) else place
                raise at.error(str(error)) from None
        return tuple(points)

    def schema(self) -> dict[str, Any]:
        return tables.TURN["hold"].schema()


@dataclass(frozen=True)
class SteerType(Record):
    """How steers are answered: see `recordings.steer_rule`."""

    def read(self, value: Any, place: ScriptPlace) -> SteerRule:  # type: ignore[override]
        found = super().read(value, place)
        if isinstance(successor := found.get("successor"), Script):
            at = place.below("successor")
            _expand(successor, "stub", Below(at.source, at.path).damage)
        return rule_of(found)

    def schema(self) -> dict[str, Any]:
        return tables.TURN["steer"].schema()


HOLD = HoldType(tables.HOLD.kind, single=True, about=tables.HOLD.about)
STEER = SteerType(
    tables.STEER.fields,
    short=tables.STEER.short,
    some=tables.STEER.some,
    exclusive=tables.STEER.exclusive,
    about=tables.STEER.about,
)
