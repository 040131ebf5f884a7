"""InlineScript: a Script inside another file or Script."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respool.scripts.sources import Path, ScriptError, ScriptPlace, Source
from respool.scripts.value_types import ValueType

if TYPE_CHECKING:
    from respool.scripts.script import Script


@dataclass(frozen=True, slots=True)
class Below:
    """A part of another source, at a path."""

    source: Source
    path: Path

    def written(self, path: Path) -> str | None:
        return self.source.written((*self.path, *path))

    def picture(self, name: str) -> bytes:
        return self.source.picture(name)

    def damage(self, error: ScriptError) -> None:
        self.source.damage(ScriptError(error.cause, (*self.path, *error.path), error.at_key))


@dataclass(frozen=True)
class InlineScript(ValueType):
    """A Script, as a mapping."""

    @property
    def expects(self) -> str:
        return "a Script"

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def holds(self, value: Any) -> bool:
        from respool.scripts.script import Script

        return isinstance(value, Script)

    def read(self, value: Any, place: ScriptPlace) -> "Script":
        from respool.scripts.script import read  # late: its tables have this type

        return read(value, Below(place.source, place.path))

    def plain(self, value: "Script") -> Any:
        from respool.scripts.script import plain

        return plain(value)

    @property
    def definition(self) -> str:
        """The name of its shared definition in the JSON Schema."""
        return "script"

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.definition}"}

    def shape(self) -> dict[str, Any]:
        from respool.scripts.tables import SCRIPT

        return SCRIPT.schema()
