"""Places in a Script's data, and the errors there."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from respool.protocol.events import compact

Path = tuple[str | int, ...]


class ScriptError(ValueError):
    """A Script cannot be used. `path` leads to the value, or, with `at_key`, to its key."""

    def __init__(self, cause: str, path: Path, at_key: bool = False) -> None:
        self.cause = cause
        self.path = path
        self.at_key = at_key
        super().__init__(cause)


class Source(Protocol):
    """Where plain data came from, and what becomes of its errors."""

    def written(self, path: Path) -> str | None:
        """A number or boolean as its author wrote it, so that the text 1.10 stays 1.10."""

    def picture(self, name: str) -> bytes:
        """The content of a picture file. Raises ValueError, which says why it cannot be had."""

    def damage(self, error: ScriptError) -> None:
        """Called for each error. When it returns, what is wrong is left out."""


class PlainSource:
    """Data that was made in memory: the first error is raised, and there are no files."""

    def written(self, path: Path) -> str | None:
        return None

    def picture(self, name: str) -> bytes:
        raise ValueError("there is no folder to read it from")

    def damage(self, error: ScriptError) -> None:
        raise error


@dataclass(frozen=True, slots=True)
class ScriptPlace:
    """Where in the data we are."""

    source: Source
    path: Path = ()

    def below(self, key: str | int) -> "ScriptPlace":
        return ScriptPlace(self.source, (*self.path, key))

    def error(self, cause: str, *, at_key: bool = False) -> ScriptError:
        return ScriptError(cause, self.path, at_key)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion for an error message, or nothing."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f", did you mean {nearest[0]}?" if nearest else ""


def shown(value: Any) -> str:
    """How an error message shows a value."""
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
