"""Source files: those below a folder, and the recordings of each, or the reason why it has none."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from respool.errors import NotARecording, RecordingError, printable
from respool.recordings import formats
from respool.recordings.formats.turn_builder import refuse
from respool.recordings.recording import Recording
from respool.recordings.rule_files import is_rule_file

PARTIAL = ".partial"  # the suffix of a file that is being recorded
# Limits of a file: larger ones are refused, not read into memory.
MAX_FILE_SIZE = 256 * 1024 * 1024  # bytes
# Suffixes of editors' backups and temporary files.
_LEFT_BEHIND = ("~", ".bak", ".orig", ".swp", ".tmp", PARTIAL)
MOST_NOTES = 100  # kept of one file
NO_RECORDING = "no recording"  # the reason for a file of an unknown kind


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file or folder, below a given folder, that is not read, and why."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{printable(self.path, 4096)}: {self.why}"


class Signature(NamedTuple):
    """The properties that change when a file is written."""

    mtime_ns: int
    size: int
    inode: int


_UNREADABLE = Signature(0, 0, 0)  # unlike any file's, so each refresh tries again


@dataclass(slots=True)
class SourceFile:
    """A file of a store, with what was read from it."""

    name: str
    signature: Signature
    turns: tuple[Recording, ...] = ()  # of the last readable version
    error: RecordingError | None = None  # of the newest version
    ignored: bool = False  # no recording, and no sign that it was meant to be one
    why: str = ""  # the reason for ignoring it
    notes: tuple[RecordingError, ...] = ()  # oddities of a file that is used nevertheless
    rules: bool = False  # holds rules, and no recording


def read_source_file(path: str, name: str, last: SourceFile | None, *, given: bool) -> SourceFile | None:
    """Read a file, or return `last` if it has not changed since; None if it has just been deleted.

    `given` is True if the path itself was given, not a folder above it.
    """
    turns = last.turns if last else ()
    # A folder may hold any file. These are meant to be recordings: a file that was given itself, one that
    # was a recording before, and one with a recording's suffix.
    meant = given or bool(turns) or formats.by_suffix(path) is not None
    signature = _UNREADABLE
    data = b""
    try:
        status = os.stat(path)
        signature = Signature(status.st_mtime_ns, status.st_size, status.st_ino)
        if last and last.signature == signature:
            return last
        if is_rule_file(path):
            return SourceFile(name, signature, ignored=True, rules=True)
        if signature.size > MAX_FILE_SIZE:
            problem = f"{signature.size} bytes, expected at most {MAX_FILE_SIZE}"
            if not meant:
                return SourceFile(name, signature, ignored=True, why=problem)
            raise RecordingError(problem, path)
        if not meant and (why := why_not(path)):
            return SourceFile(name, signature, ignored=True, why=why)
        data = _content(path)
        if not meant and formats.sniff(data, path) is None:
            why = formats.foreign.name_of(data[: formats.encodings.HEAD], path) or NO_RECORDING
            return SourceFile(name, signature, ignored=True, why=why)
        if not _is_utf8(name):
            raise RecordingError("the file's name is not UTF-8", path)
        notes: list[RecordingError] = []

        def on_damage(damage: RecordingError) -> None:
            refuse(damage)
            if len(notes) < MOST_NOTES:
                notes.append(damage)

        return SourceFile(name, signature, formats.read(data, name, path, on_damage), notes=tuple(notes))
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        if not meant:
            return SourceFile(name, _UNREADABLE, ignored=True, why=problem)
        return SourceFile(name, _UNREADABLE, turns, RecordingError(problem, path))
    except RecordingError as error:
        if not meant and (isinstance(error, NotARecording) or not formats.shows_a_stream(data, path)):
            return SourceFile(name, signature, ignored=True, why=str(error).removeprefix(f"{path}:").strip())
        # Kept until the file changes: without the traceback's frames, which hold the file's content.
        error.__context__ = None
        return SourceFile(name, signature, turns, error.with_traceback(None))


def why_not(path: str) -> str | None:
    """Return the reason not to read a file, from its first 64 KiB; None if there is none. Raise OSError."""
    with open(path, "rb", buffering=0) as file:
        head = file.read(formats.encodings.HEAD) or b""
    if formats.worth_reading(head, path):
        return None
    return formats.foreign.name_of(head, path) or NO_RECORDING


def files_below(top: str, on_closed: Callable[[str, OSError], None] | None = None) -> list[str]:
    """Return the paths of a folder's files, sorted part by part. Names that begin with a dot, or end with a
    tilde, are other tools' files; one that ends with ``.partial`` is a recorder's. They are left out.

    A folder that cannot be read goes to `on_closed` and is skipped; so are links to folders.
    """
    if not os.path.isdir(top):
        return [top]
    found: list[str] = []
    waiting = _entries(top, on_closed)  # the next one is the last
    while waiting:
        entry = waiting.pop()
        try:
            if entry.is_dir(follow_symlinks=False):
                waiting += _entries(entry.path, on_closed)
            elif not entry.name.endswith(_LEFT_BEHIND) and entry.is_file():
                found.append(entry.path)
        except OSError:  # a link to nothing, or to itself
            continue
    # As elsewhere, no path begins with "./".
    return [path[2:] for path in found] if top == os.curdir else found


def _entries(folder: str, on_closed: Callable[[str, OSError], None] | None = None) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        if on_closed is not None:
            on_closed(folder, error)
        return []
    return sorted(shown, key=lambda entry: entry.name, reverse=True)


def length_as_prefix(folder: str) -> int:
    """Return the length of the prefix that the paths of the folder's files share."""
    return 0 if folder == os.curdir else len(os.path.join(folder, ""))


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # read at once, so a buffer is no use
        return file.readall()


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
