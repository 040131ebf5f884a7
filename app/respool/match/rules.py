"""MatchRules: how requests are compared with recorded ones, read from ``match.yaml`` beside the recordings.

strictness: normal
masks: {order: 'ORD-[0-9]+'}
exclude: [/input/*/content/0/image_url, /tools]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respool.errors import printable
from respool.match import pointers
from respool.match.masks import BUILT_IN, DEFAULT_MASKS, Masks
from respool.match.patterns import Pattern
from respool.option_types import choice_type
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.scripts.records import Record
from respool.scripts.sources import ScriptError, ScriptPlace
from respool.scripts.value_types import ListOf, MapOf, Text, ValueOf, ValueType

if TYPE_CHECKING:
    from respool.recordings.formats.yaml_file import YamlFile

STRICTNESS = ("strict", "normal", "loose")
MAX_SIZE = 1024 * 1024  # bytes of a file of rules or stubs


@dataclass(frozen=True, slots=True)
class MatchRules:
    """The differences allowed between a request and a recorded one.

    strictness  ``strict``, ``normal`` or ``loose``: which tiers are tried, see `recorded`
    masks       what is masked before requests are compared
    exclude     parts of the canonical form that are not compared
    """

    strictness: str = "normal"
    masks: Masks = DEFAULT_MASKS
    exclude: Sequence[pointers.Parts] = ()


@dataclass(frozen=True)
class PatternText(Text):
    """A regular expression."""

    @property
    def expects(self) -> str:
        return "a pattern"

    def read(self, value: Any, place: ScriptPlace) -> Any:
        text = super().read(value, place)
        try:
            return Pattern(text)
        except ValueError as error:
            raise place.error(str(error)) from None


@dataclass(frozen=True)
class PointerText(Text):
    """A JSON pointer."""

    @property
    def expects(self) -> str:
        return "a JSON pointer"

    def read(self, value: Any, place: ScriptPlace) -> Any:
        text = super().read(value, place)
        try:
            return pointers.parse(text)
        except ValueError as error:
            raise place.error(f"{error}, but this is {printable(text, 60)}") from None


RULES = Record(
    {
        "strictness": ValueOf(
            choice_type(STRICTNESS), about="How far a request may differ from the recorded one."
        ),
        "masks": MapOf(PatternText(), about="Patterns by name: what they find is the same in all requests."),
        "built_in_masks": ListOf(
            ValueOf(choice_type(tuple(BUILT_IN))), about="Those of the built-in masks that are used."
        ),
        "exclude": ListOf(
            PointerText(), about="JSON pointers to parts of a request that are not compared; * is any part."
        ),
    },
    optional=True,
)


def load_yaml(data: bytes, path: str, on_damage: OnDamage) -> "YamlFile | None":
    """Return the document of a file's content; None if it is no YAML."""
    from respool.recordings.formats import yaml_file  # imported late: only such files need YAML

    document = yaml_file.load(data, path, on_damage, MAX_SIZE, "a file of rules or stubs")
    return None if document is None else yaml_file.YamlFile(document, path, on_damage)


def read_value(kind: ValueType, file: "YamlFile") -> Any:
    """Return the value that `kind` reads from a document; None if it cannot."""
    try:
        return kind.read(file.document.data, ScriptPlace(file))
    except ScriptError as error:
        file.damage(error)
        return None


def read_rules(data: bytes, path: str, on_damage: OnDamage = refuse) -> MatchRules:
    """Read the content of a ``match.yaml``.

    Each error goes to `on_damage`, as a RecordingError with path, line and column, and the rest is read. By
    default the first one is raised.
    """
    file = load_yaml(data, path, on_damage)
    found: Mapping[str, Any] = (read_value(RULES, file) or {}) if file else {}
    masks = Masks(found.get("masks", {}), tuple(found.get("built_in_masks", BUILT_IN)))
    return MatchRules(found.get("strictness", "normal"), masks, tuple(found.get("exclude", ())))
