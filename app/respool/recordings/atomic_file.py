"""Atomic writing of a file: all of it or nothing."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a temporary file in the same folder, and rename it. A link stays one.

    Raise OSError, also if the file exists and `replace` is False, and ValueError for an impossible name. Then
    the old file is unchanged.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe has no content to preserve
        target.write_bytes(data)
        return
    descriptor, beside = tempfile.mkstemp(prefix=".respool-", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        else:
            os.chmod(beside, 0o666 & ~_umask())
        _move(beside, target, replace)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)


def _move(beside: str, target: Path, replace: bool) -> None:
    if not replace:
        with suppress(NotImplementedError, PermissionError):  # a file system without links
            os.link(beside, target)
            return
        if target.exists():
            raise FileExistsError(17, "file exists")
    os.replace(beside, target)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
