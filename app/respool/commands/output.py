"""What several commands print."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from respool.errors import PathError

if TYPE_CHECKING:
    from rich.console import Console

    from respool.recordings.store import Refusal


def new_console() -> "Console":
    from rich.console import Console

    # What is piped into a file or a command is not folded to the width of a terminal.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_refused(refused: "Iterable[Refusal]", console: "Console") -> None:
    for refusal in refused:
        console.print("[red]refused[/]", end=" ")
        console.print(str(refusal.error), markup=False, soft_wrap=True)


@contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that no process of ours is left running."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def write(file: str, text: str) -> None:
    """Write a report into `file`, or to stdout for ``-``. Raises PathError."""
    if file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        raise PathError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from None
