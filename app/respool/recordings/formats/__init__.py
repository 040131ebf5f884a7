"""File formats: one module each, and FORMATS, the table of them.

To add one, write a module with the functions of `Format` and add its row.
"""

from collections.abc import Mapping
from typing import Protocol

from respool.errors import RecordingError
from respool.recordings.formats import jsonl, script, sse
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording


class Format(Protocol):
    """What a module of this package provides."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The endings of file names that say: this is meant to be of this format."""

    def sniff(self, data: bytes) -> bool:
        """Whether a file with this content is of this format."""

    def read(self, data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
        """The turns in a file's content; `path` is for messages. Each damage goes to `on_damage`."""


FORMATS: Mapping[str, Format] = {"jsonl": jsonl, "sse": sse, "script": script}


def sniff(data: bytes, path: str = "") -> str | None:
    """The name of the format that `data` is written in, or None.

    Content decides; the suffix of `path` only where the content tells nothing (an empty file, or one
    whose every line is damaged), so that such a file is refused with its place and not passed over. A
    script is told by its suffix alone: other YAML files look much the same.
    """
    if path.lower().endswith(script.SUFFIXES):
        return "script"
    by_content = (name for name, module in FORMATS.items() if module.sniff(data))
    return next(by_content, None) or by_suffix(path)


def by_suffix(path: str) -> str | None:
    """The name of the format that a file is meant to be of, by its suffix, or None."""
    lower = path.lower()
    return next((name for name, module in FORMATS.items() if lower.endswith(module.SUFFIXES)), None)


def without_suffix(path: str) -> str:
    """The path (with slashes) without the suffix of a recording's file: a.script.yaml, a.jsonl and a.txt are
    all a. What begins with its only dot, or ends with a dot, has no suffix."""
    start = path.rfind("/") + 1
    for suffix in script.SUFFIXES:
        if path.endswith(suffix) and len(path) > start + len(suffix):
            return path.removesuffix(suffix)
    dot = path.rfind(".", start)
    return path[:dot] if start < dot < len(path) - 1 else path


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read a file's content, whatever its format.

    Each damaged place goes to `on_damage`, as a RecordingError; as it is, the first one is raised. With
    one that returns, what is sound is read. Raises RecordingError for a file that holds nothing at all,
    and for one in no format.

    Example: ``read(Path("a.jsonl").read_bytes(), "a", "a.jsonl")``
    """
    format_ = sniff(data, path)
    if format_ is None:
        raise RecordingError(f"in no format that Respool reads (it reads {', '.join(FORMATS)})", path)
    damaged = False

    def note(damage: RecordingError) -> None:
        nonlocal damaged
        damaged = True
        on_damage(damage)

    turns = FORMATS[format_].read(data, name, path, note)
    if not turns and not damaged:
        raise RecordingError("empty: expected a header or an event", path)
    return turns
