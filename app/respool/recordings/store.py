"""Store: recordings by name, from folders and files, read again when they change."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from respool.errors import OptionError, PathError, RecordingError, printable
from respool.recordings import formats
from respool.recordings.nearest import nearest_of
from respool.recordings.recording import Recording
from respool.recordings.source_files import (
    PassedOver,
    Signature,
    SourceFile,
    files_below,
    length_as_prefix,
    read_source_file,
)

LONGEST_NAME = 200  # characters, of a recording that is added
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that cannot be used now."""

    name: str
    error: RecordingError
    kept: bool  # whether its last good version is still served


@dataclass(frozen=True, slots=True)
class StoreChanges:
    """The changes found by `Store.refresh`: names of recordings, and refusals."""

    changed: Sequence[str]
    removed: Sequence[str]
    refused: Sequence[Refusal]


class Store:
    """The recordings below some paths.

    A recording's name is its path below the folder that was given, without the suffix; a file that
    was given by itself has its own name without the suffix. Names are made from the files found, and
    looked up: a name from a client never becomes a path.

    `version` changes with the recordings and the rule files: a sign to rebuild what is derived from them.

    Raises PathError when one of `paths` does not exist.
    """

    def __init__(self, paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> None:
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        self.paths = tuple(Path(path) for path in given)
        for path in self.paths:
            try:
                path.stat()
            except FileNotFoundError:
                raise PathError(f"{path}: no such file or folder") from None
            except (OSError, ValueError) as error:
                problem = getattr(error, "strerror", None) or error
                raise PathError(f"{printable(str(path), 4096)}: {problem}") from None
        self._given = frozenset(map(str, self.paths))
        self._files: dict[str, SourceFile] = {}
        self._recordings: dict[str, tuple[Recording, ...]] = {}
        self._clashes: list[Refusal] = []
        self._added: dict[str, tuple[Recording, ...]] = {}
        self._indexing = threading.Lock()  # files are read in a thread, while others are added
        self._refreshing = threading.Lock()
        self._closed: list[PassedOver] = []
        self._rules: dict[str, Signature] = {}
        self.version = 0
        self.refresh()

    @property
    def names(self) -> list[str]:
        """The names of the recordings, sorted. Each may hold several turns."""
        return list(self._recordings)

    @property
    def only(self) -> Recording | None:
        """The first turn of the only recording; None if there are several, or none."""
        if len(self._recordings) != 1:
            return None
        ((first, *_),) = self._recordings.values()
        return first

    @property
    def refused(self) -> list[Refusal]:
        """The files that cannot be used, and why, in the order of the files."""
        broken = [
            Refusal(file.name, file.error, kept=file.name in self._recordings)
            for file in self._files.values()
            if file.error is not None
        ]
        return sorted([*broken, *self._clashes], key=lambda refusal: refusal.error.path)

    @property
    def passed_over(self) -> list[PassedOver]:
        """The unused files in folders, and the unreadable folders, sorted by path."""
        files = [
            PassedOver(path, file.why)
            for path, file in self._files.items()
            if file.ignored and not file.rules
        ]
        return sorted([*files, *self._closed], key=lambda one: one.path)

    @property
    def notes(self) -> list[RecordingError]:
        """The oddities of files in use: damage that plays as captured, parts that are not read."""
        return [note for file in self._files.values() for note in file.notes]

    @property
    def rule_files(self) -> list[str]:
        """The paths of the files with stubs or matching rules, in their order."""
        return [path for path, file in self._files.items() if file.rules]

    def turns(self, name: str) -> tuple[Recording, ...]:
        """Return the turns of the recording `name`; empty if there is no such recording."""
        return self._recordings.get(name, ())

    def get(self, name: str) -> Recording | None:
        """Return the first turn of `name`, or the Nth of ``name#N``; None if there is no such recording."""
        if turns := self._recordings.get(name):
            return turns[0]
        base, _, number = name.rpartition("#")
        if number.isascii() and number.isdecimal() and len(number) < 10:
            turns = self.turns(base)
            if 1 <= int(number) <= len(turns):
                return turns[int(number) - 1]
        return None

    def nearest(self, name: str, limit: int = 3) -> list[str]:
        """Return the names most like `name`, the best first. With very many names, only those with the same
        beginning or ending count."""
        return nearest_of(name, self.names, limit)

    def refresh(self) -> StoreChanges:
        """Look at the files again, read those that changed, and return the changes. Any thread may call it.

        A file that can no longer be read keeps the recording of its last good version.
        """
        with self._refreshing:
            return self._refresh()

    def _refresh(self) -> StoreChanges:
        before = self._recordings
        refused_before = {str(refusal.error) for refusal in self.refused}
        self._files = {path: file for path, name in self._find() if (file := self._read(path, name))}
        self._index()
        return StoreChanges(
            changed=[name for name, turns in self._recordings.items() if before.get(name) is not turns],
            removed=sorted(before.keys() - self._recordings.keys()),
            refused=[refusal for refusal in self.refused if str(refusal.error) not in refused_before],
        )

    def reread(self, path: str) -> None:
        """Read one file, known or new, and no other."""
        name = next((file.name for known, file in self._files.items() if known == path), Path(path).stem)
        if (file := self._read(path, name)) is not None:
            self._files[path] = file
        self._index()

    def add(self, name: str, turns: tuple[Recording, ...]) -> None:
        """Serve `turns` as the recording `name`, from memory only. Raise OptionError if the name is invalid,
        or a file has it."""
        if name in self.sources:
            raise OptionError(f"{printable(name)} is the name of a recording in a file; choose another one")
        check_name(name)
        self._added[name] = turns
        self._index()

    def remove(self, name: str) -> bool:
        """Remove a recording that was added. Return False if there was none."""
        if self._added.pop(name, None) is None:
            return False
        self._index()
        return True

    @property
    def added(self) -> list[str]:
        """The names of the recordings that were added, sorted."""
        return sorted(self._added)

    @property
    def sources(self) -> dict[str, str]:
        """The path of each recording's file, by the recording's name; without added recordings."""
        return {file.name: path for path, file in list(self._files.items()) if not file.ignored}

    def _find(self) -> Iterator[tuple[str, str]]:
        """Yield each file to look at, once, as its path and its name."""
        self._closed = []

        def on_closed(folder: str, error: OSError) -> None:
            self._closed.append(PassedOver(folder, f"a folder, {(error.strerror or str(error)).lower()}"))

        seen: set[tuple[str, str]] = set()
        resolved: dict[str, str] = {}  # the folders: there are fewer of them than files
        for top in map(str, self.paths):
            for path in files_below(top, on_closed):
                # A link to a folder leads to the same files; a link to a file gives it another name.
                folder, file = os.path.split(path)
                if folder not in resolved:
                    resolved[folder] = os.path.realpath(folder)
                place = (resolved[folder], file)
                if place not in seen:
                    seen.add(place)
                    below = file if path == top else path[length_as_prefix(top) :]
                    yield path, formats.without_suffix(below.replace(os.sep, "/"))

    def _read(self, path: str, name: str) -> SourceFile | None:
        return read_source_file(path, name, self._files.get(path), given=path in self._given)

    def _index(self) -> None:
        owners: dict[str, list[str]] = {}
        for path, file in self._files.items():
            if not file.ignored:
                owners.setdefault(file.name, []).append(path)
        self._clashes = [_clash(name, paths) for name, paths in owners.items() if len(paths) > 1]
        found = {
            name: self._files[paths[0]].turns
            for name, paths in owners.items()
            if len(paths) == 1 and self._files[paths[0]].turns
        }
        with self._indexing:
            recordings = dict(sorted({**self._added, **found}.items()))
            rules = {path: file.signature for path, file in self._files.items() if file.rules}
            same = recordings.keys() == self._recordings.keys() and all(
                turns is self._recordings[name] for name, turns in recordings.items()
            )
            if not same or rules != self._rules:
                self.version += 1
            self._recordings, self._rules = recordings, rules


def check_name(name: str) -> None:
    """Raise OptionError for an invalid name of an added recording. Its parts are those of a path, and must
    fit into a URL and a header."""
    if not 0 < len(name) <= LONGEST_NAME or not _NAME.fullmatch(name):
        raise OptionError(
            f"{printable(name) or 'nothing'} is no name of a recording: expected 1 to {LONGEST_NAME} "
            'letters, digits and any of "._-", in parts with "/" between that begin with a letter or digit'
        )


def _clash(name: str, paths: Sequence[str]) -> Refusal:
    others = " and ".join(paths[1:])
    cause = f"its name {name} is also that of {others}; rename one, neither is served"
    return Refusal(name, RecordingError(cause, paths[0]), kept=False)
