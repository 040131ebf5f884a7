"""Writing rules: additions to the ``match.yaml`` of the server's own folder, made on the web page."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from respool.errors import OptionError, RequestError
from respool.match.patterns import Pattern
from respool.match.pointers import parse
from respool.match.rules import MAX_SIZE
from respool.match.rules_edit import with_rules
from respool.recordings.atomic_file import write_atomically
from respool.recordings.rule_files import MATCH, is_match_file
from respool.recordings.store import Store


def match_file(store: Store) -> Path:
    """Return the path of the ``match.yaml`` that holds for a store: the one it has, or one in its first
    folder.

    Raise RequestError if it has no folder, or the file is a link that leads out of its folders.
    """
    known = [path for path in store.rule_files if is_match_file(os.path.basename(path))]
    folders = [path for path in store.paths if path.is_dir()]
    if not (known or folders):
        raise RequestError(
            "This server has no folder of its own, only files that were named: write the rules into a "
            "match.yaml, and give it to respool serve.",
            status=409,
            code="no_folder",
        )
    path = Path(known[0]) if known else folders[0] / MATCH[0]
    inside = any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)
    if not (inside or path in store.paths):
        raise RequestError(
            f"{path} is a link that leads out of the server's folders; it is not written to.",
            status=409,
            code="outside_of_folder",
        )
    return path


class WrittenFile(NamedTuple):
    """The ``match.yaml`` of a store: its path, if there is one, and the problem with writing it, or ""."""

    path: Path | None
    problem: str


def written_file(store: Store) -> WrittenFile:
    """Return the file into which rules of a store are written."""
    try:
        path = match_file(store)
    except RequestError as error:
        return WrittenFile(None, error.message)
    return WrittenFile(path, "" if _writable(path) else _read_only(path).message)


def add_rules(store: Store, exclude: Sequence[str], masks: Mapping[str, str]) -> tuple[Path, str]:
    """Add pointers to leave out and masks to the ``match.yaml`` of a store, which takes it up. Return its
    path and its text.

    Raise RequestError for what is no pointer or pattern, and where the file cannot be written or added to.
    """
    try:
        for pointer in exclude:
            parse(pointer)
        for pattern in masks.values():
            Pattern(pattern)
    except ValueError as error:
        raise RequestError(f"The rules cannot be used: {error}.", code="invalid_rules") from None
    path = match_file(store)
    if not _writable(path):
        raise _read_only(path)
    try:
        text = path.read_bytes().decode() if path.exists() else ""
        changed = with_rules(text, str(path), exclude, masks)
        if len(changed.encode()) > MAX_SIZE:
            raise OptionError(f"{path} would have more than {MAX_SIZE} bytes")
        if changed != text:
            write_atomically(path, changed.encode())
    except OptionError as error:
        raise RequestError(f"{error}.", status=409, code="cannot_be_added") from None
    except UnicodeDecodeError:
        raise RequestError(f"{path} is not UTF-8.", status=409, code="cannot_be_added") from None
    except OSError as error:
        raise _read_only(path, (error.strerror or str(error)).lower()) from None
    store.reread(str(path))
    return path, changed


def _writable(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _read_only(path: Path, why: str = "it is read-only") -> RequestError:
    return RequestError(
        f"{path} cannot be written: {why}. Copy the rules, and add them by hand.",
        status=409,
        code="read_only",
    )
