"""respool scan"""

import gzip
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import click

from respool.commands.console import echo
from respool.errors import OptionError, PathError, printable

MAX_INFLATED = 1 << 30  # bytes of a gzip file that are searched


@click.command(
    epilog="""\b
Exit codes: 0 no secret was found; 1 some were; 2 wrong usage, or a path that is not
there or cannot be read.

\b
Examples:
  respool scan fixtures/                        all files of a folder
  git diff --cached | respool scan -            what is about to be committed
  respool scan . --redact 'cust-[0-9]{8}'       look for this, too
  respool scan . --allow 'sk-test-.*'           what is known to be no secret
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="PATH|-...")
@click.option("--redact", multiple=True, metavar="REGEX", help="Also find matches of this pattern.")
@click.option("--allow", multiple=True, metavar="REGEX", help="Full matches of this pattern are no secrets.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing if nothing is found.")
def scan(sources: Sequence[str], redact: Sequence[str], allow: Sequence[str], quiet: bool) -> None:
    """Find secrets in recordings and other files: keys, tokens, passwords, cookies, private keys.

    They are found in JSON, in base64, and cut across the deltas of a stream. A secret is never printed, only
    where it is.
    """
    from respool.record.redaction import user_rule
    from respool.record.scan import scan_stream
    from respool.record.search import Search
    from respool.record.secrets import RULES

    search = Search((*map(user_rule, redact), *RULES), allowed=tuple(map(_allowed, allow)))
    files = secrets = 0
    for name, file in _opened(sources):
        files += 1
        try:
            for found in scan_stream(file, search):
                secrets += 1
                at = f" at {printable(found.pointer)}" if found.pointer else ""
                echo(f"{printable(name, 4096)}:{found.place}: {found.rule}: {found.masked}{at}")
        except (OSError, EOFError, zlib.error) as error:
            raise PathError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    if secrets or not quiet:
        echo(f"{files} file{'s' * (files != 1)}, {secrets} secret{'s' * (secrets != 1)}")
    if secrets:
        raise click.exceptions.Exit(1)


def _allowed(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise OptionError(f"--allow {pattern!r} is no regular expression: {error}") from None


def _opened(sources: Sequence[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield each file once, open for reading; gzip files are decompressed."""
    from respool.recordings.source_files import files_below

    seen: set[str] = set()
    for source in sources:
        if source == "-":
            yield "<stdin>", sys.stdin.buffer
            continue
        if not Path(source).exists():
            raise PathError(f"{source}: no such file or folder")
        for path in files_below(source):
            if path in seen:
                continue
            seen.add(path)
            try:
                with open(path, "rb") as file:
                    packed = file.read(2) == b"\x1f\x8b"
                    file.seek(0)
                    yield path, cast("IO[bytes]", _Inflated(file)) if packed else file
            except OSError as error:
                raise PathError(f"{path}: {error.strerror or error}") from None


class _Inflated:
    """The content of a gzip file, up to MAX_INFLATED bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = gzip.GzipFile(fileobj=file)
        self._left = MAX_INFLATED

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data
