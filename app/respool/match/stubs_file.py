"""Reading stub files, ``stubs.yaml`` and ``*.stubs.yaml``, and their JSON Schema. See docs/stubs.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respool.errors import RecordingError
from respool.match.matchers import CONDITION, Condition
from respool.match.plays import HOLD, PACE, SCENARIO, STEER, FaultsType, PlayType
from respool.match.rules import load_yaml, read_value
from respool.match.stubs import Scenario, Stub
from respool.option_types import choice_type, whole_type
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import IDS
from respool.scripts import tables
from respool.scripts.records import Placed, Record
from respool.scripts.sources import Path, PlainSource, ScriptError, ScriptPlace, Source
from respool.scripts.value_types import ListOf, Text, ValueOf, ValueType

if TYPE_CHECKING:
    from respool.recordings.formats.yaml_file import YamlFile


@dataclass(frozen=True)
class _WholeRecord(Record):
    """A mapping that is dropped as a whole if a part of it is wrong: a stub without one of its matchers would
    answer too much. All its errors are reported."""

    def read(self, value: Any, place: ScriptPlace) -> dict[str, Any]:
        source = _Counting(place.source)
        found = super().read(value, ScriptPlace(source, place.path))
        if source.damages:
            last = source.damages.pop()
            for error in source.damages:
                place.source.damage(error)
            raise last
        return found


class _Counting:
    """A source that keeps errors."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.damages: list[ScriptError] = []

    def written(self, path: Path) -> str | None:
        return self.source.written(path)

    def picture(self, name: str) -> bytes:
        return self.source.picture(name)

    def damage(self, error: ScriptError) -> None:
        self.damages.append(error)


_STUB_FIELDS: Mapping[str, ValueType] = {
    "name": Text(about="Its name, in the journal and for previous_stub."),
    "match": CONDITION,
    "play": PlayType(about="What answers."),
    "pace": PACE,
    "faults": FaultsType(about="What goes wrong with the answer."),
    "times": ValueOf(whole_type(1), about="How many times it answers in each session."),
    "priority": ValueOf(whole_type(1), about="The lowest answers first; 5 is usual."),
    "ids": ValueOf(choice_type(IDS), about="Whose ids the answer has."),
    "scenario": SCENARIO,
    "hold": HOLD,
    "steer": STEER,
}
_HINTS = {
    "request": "the conditions of a stub are below match",
    "response": "what answers is below play",
    "recording": "the name of the recording stands below play",
    "fault": "faults is a list: faults: [NAME]",
    "speed": "speed belongs below pace",
    "delay": "times belong below pace",
    "requires": "requires belongs below scenario",
    "becomes": "becomes belongs below scenario",
}
STUB = _WholeRecord(_STUB_FIELDS, required=("play",), hints=_HINTS)
STUBS = Record(
    {"stubs": ListOf(Placed(STUB), about="Rules: what a request is like, and what answers it.")},
    required=("stubs",),
    short="stubs",
)


def read_stubs(data: bytes, path: str, on_damage: OnDamage = refuse) -> tuple[Stub, ...]:
    """Read the content of a stub file.

    Each error goes to `on_damage`, as a RecordingError with path, line and column, and the stubs without
    errors are read. By default the first one is raised.
    """
    file = load_yaml(data, path, on_damage)
    found = read_value(STUBS, file) if file else None
    return tuple(_stubs(found["stubs"], file)) if file and found else ()


def read_stub(value: Any, name: str = "stub") -> Stub:
    """Return the stub that plain data describes, as the admin API receives it. `name` is the default of its
    name. Raise ScriptError with the path of the error."""
    return _stub({**STUB.read(value, ScriptPlace(PlainSource())), "source": value}, name, "")


def _stubs(found: Any, file: "YamlFile") -> Iterator[Stub]:
    names: dict[str, str] = {}
    for value, path in found:
        line, column = file.document.place(path)
        place = f"{file.path}:{line}"
        name = value.get("name") or (f"{place}:{column}" if place in names else place)
        if name in names:
            at = file.document.place((*path, "name"))
            cause = f"the name {name} is also that of the stub at {names[name]}"
            file.on_damage(RecordingError(cause, file.path, *at))
            continue
        names[name] = place
        yield _stub(value, name, place)


def _stub(value: Mapping[str, Any], name: str, place: str) -> Stub:
    fields = {"name": name, "match": Condition(), **value, "place": place}
    if scenario := fields.get("scenario"):
        fields["scenario"] = Scenario(**scenario)
    return Stub(**fields)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of stub files, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Respool stubs",
        **STUBS.schema(),
        "$defs": {
            CONDITION.definition: CONDITION.shape(),
            **tables.definitions(),
        },
    }
