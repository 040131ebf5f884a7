"""Places in a Script's data, and the errors there."""

from dataclasses import dataclass
from typing import Any, Protocol

from respool.protocol.events import compact

Path = tuple[str | int, ...]


class ScriptError(ValueError):
    """An error in a Script. `path` leads to the value, or, with `at_key`, to its key."""

    def __init__(self, cause: str, path: Path, at_key: bool = False) -> None:
        self.cause = cause
        self.path = path
        self.at_key = at_key
        super().__init__(cause)


class Source(Protocol):
    """The origin of plain data, and the handling of its errors."""

    def written(self, path: Path) -> str | None:
        """Return a number or boolean as its author wrote it, so that the text 1.10 stays 1.10."""

    def picture(self, name: str) -> bytes:
        """Return the content of a picture file. Raise ValueError with the reason if it cannot be read."""

    def damage(self, error: ScriptError) -> None:
        """Report an error. If this returns, the wrong part is left out."""


class PlainSource:
    """Data made in memory: the first error is raised, and there are no files."""

    def written(self, path: Path) -> str | None:
        return None

    def picture(self, name: str) -> bytes:
        raise ValueError("there is no folder to read it from")

    def damage(self, error: ScriptError) -> None:
        raise error


@dataclass(frozen=True, slots=True)
class ScriptPlace:
    """A place in the data."""

    source: Source
    path: Path = ()

    def below(self, key: str | int) -> "ScriptPlace":
        return ScriptPlace(self.source, (*self.path, key))

    def error(self, cause: str, *, at_key: bool = False) -> ScriptError:
        return ScriptError(cause, self.path, at_key)


def shown(value: Any) -> str:
    """Return a value as an error message shows it."""
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            text = compact(value)
            return text if len(text) <= 40 else f'{text[:36]}..."'
