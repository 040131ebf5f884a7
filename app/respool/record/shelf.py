"""Shelf: the folder that recordings are written into. It loses and overwrites no other recording.

A turn is appended to ``NAME.jsonl.partial`` while it comes, whole lines at a time. When it is finished, the
recording's file is written beside the old one, and renamed.
"""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from respool.errors import RespoolError
from respool.record.redaction import create_private
from respool.recordings.formats import without_suffix
from respool.recordings.source_files import PARTIAL

SUFFIX = ".jsonl"


class RecordingStopped(RespoolError):
    """Recordings cannot be written any more. The message has the cause, and what to do."""


@dataclass(slots=True)
class Slot:
    """One turn that is being recorded: its recording's name, and its partial file."""

    name: str
    partial: Path
    descriptor: int | None = None
    size: int = 0  # bytes of whole lines


@dataclass(slots=True)
class Shelf:
    """The recordings below a folder. One thread uses it.

    With `overwrite`, an existing recording is replaced by the first new one that gets its name.
    Raises RecordingStopped if a file cannot be written.
    """

    folder: Path
    overwrite: bool = False
    _reserved: dict[str, int] = field(default_factory=dict)  # names in use, and the number of their turns
    _finished: dict[str, list[int]] = field(
        default_factory=dict
    )  # the sizes of the turns written in this run

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _stopped(self.folder, error) from None

    def path(self, name: str) -> Path:
        """Return the file of a recording."""
        return self.folder / f"{name}{SUFFIX}"

    def free(self, name: str) -> str:
        """Return the name, or ``NAME-2``, ``NAME-3`` ... if it is taken."""
        number, found = 1, name
        while self._is_taken(found):
            number += 1
            found = f"{name}-{number}"
        return found

    def append_to(self, name: str, turns: int) -> bool:
        """Append further turns to the `turns` in the recording's file. Return False if that is impossible."""
        try:
            content = self.path(name).read_bytes()
        except OSError:
            return False
        if name in self._reserved or name in self._finished or not content.endswith(b"\n") or not turns:
            return False
        self._finished[name] = [len(content), *[0] * (turns - 1)]
        return True

    def reserve(self, name: str) -> None:
        """Keep this name from other conversations."""
        self._reserved[name] = self._reserved.get(name, 0) + 1

    def release(self, name: str) -> None:
        """Undo `reserve`: the turn was not written."""
        self._reserved[name] -= 1
        if not self._reserved[name]:
            del self._reserved[name]

    def begin(self, name: str, opening: str) -> Slot:
        """Begin a turn of the recording `name`, with `opening` as the beginning of its file."""
        path = self.path(name)
        partial = path.with_name(f"{path.name}{PARTIAL}")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _stopped(partial, error) from None
        number = 1
        while True:
            try:
                with create_private(str(partial)) as file:
                    descriptor = os.dup(file.fileno())
                break
            except FileExistsError:  # another turn of the same recording, or a killed recorder's file
                number += 1
                partial = path.with_name(f"{path.stem}.{number}{path.suffix}{PARTIAL}")
            except OSError as error:
                raise _stopped(partial, error) from None
        slot = Slot(name, partial, descriptor)
        self.append(slot, opening)
        return slot

    def append(self, slot: Slot, text: str) -> None:
        """Append whole lines to the partial file. After an error, it ends with its last whole line."""
        if slot.descriptor is None or not text:
            return
        data = text.encode()
        try:
            _append(slot.descriptor, data)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(slot.descriptor, slot.size)
            self._close(slot)
            raise _stopped(slot.partial, error) from None
        slot.size += len(data)

    def finish(self, slot: Slot, text: str) -> Path:
        """Append the finished turn, `text`, to the recording's file."""
        self._close(slot)
        data = text.encode()
        try:
            path = self._write(slot.name, [*self._read(slot.name), data])
        except OSError as error:
            raise _stopped(self.path(slot.name), error, kept=slot.partial) from None
        with contextlib.suppress(OSError):
            slot.partial.unlink(missing_ok=True)
        self._finished.setdefault(slot.name, []).append(len(data))
        return path

    def replace_turn(self, name: str, turn: int, text: str) -> Path | None:
        """Rewrite the `turn`-th finished turn of a recording after more of it has come. Return None, and
        write nothing, if another process has changed the file."""
        sizes = self._finished.get(name, [])
        data = text.encode()
        try:
            content = b"".join(self._read(name))
            if len(content) != sum(sizes):
                return None
            start = sum(sizes[: turn - 1])
            path = self._write(name, [content[:start], data, content[start + sizes[turn - 1] :]])
        except OSError as error:
            raise _stopped(self.path(name), error) from None
        sizes[turn - 1] = len(data)
        return path

    def finished_turns(self, name: str) -> int:
        """Return the number of turns of a recording that were finished in this run."""
        return len(self._finished.get(name, ()))

    def _read(self, name: str) -> list[bytes]:
        """Return the file's content, in one part, if this run has written to it."""
        if name not in self._finished:
            return []
        try:
            return [self.path(name).read_bytes()]
        except FileNotFoundError:  # it was moved away
            return []

    def _write(self, name: str, parts: list[bytes]) -> Path:
        """Write a temporary file and rename it: after any error the file is the old or the new one."""
        path = self.path(name)
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            with create_private(str(new), overwrite=True) as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            if self.overwrite or name in self._finished:
                os.replace(new, path)
            else:
                _rename_new(new, path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        return path

    def abandon(self, slot: Slot, *, keep: bool) -> None:
        """Give up a turn. With `keep` its partial file stays."""
        self._close(slot)
        if not keep:
            with contextlib.suppress(OSError):
                slot.partial.unlink(missing_ok=True)

    def _is_taken(self, name: str) -> bool:
        if name in self._reserved or self.overwrite:
            return name in self._reserved
        path = self.path(name)
        files = (entry for entry in _entries(path.parent) if entry.is_file())
        return any(without_suffix(entry.name) == path.name.removesuffix(SUFFIX) for entry in files)

    def _close(self, slot: Slot) -> None:
        if slot.descriptor is not None:
            os.close(slot.descriptor)
            slot.descriptor = None


def leftovers(folder: Path) -> list[Path]:
    """Return the partial files of an earlier recorder."""
    return sorted(folder.rglob(f"*{SUFFIX}{PARTIAL}"))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _append(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _rename_new(new: Path, path: Path) -> None:
    """Rename a file, but never onto an existing one."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(17, "File exists", str(path)) from None
        os.rename(new, path)
        return
    new.unlink()


def _stopped(path: Path, error: OSError, kept: Path | None = None) -> RecordingStopped:
    problem = (error.strerror or str(error)).lower()
    rest = f"; what came is in {kept}" if kept is not None and kept.exists() else ""
    return RecordingStopped(
        f"cannot write {path}: {problem}{rest}; nothing more is recorded, requests are still relayed"
    )
