"""What several commands print."""

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from respool.errors import PathError

if TYPE_CHECKING:
    from rich.console import Console

    from respool.recordings.store import PassedOver, Refusal


def new_console() -> "Console":
    from rich.console import Console

    # What is piped into a file or a command is not folded to the width of a terminal.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_refused(refused: "Iterable[Refusal]", console: "Console") -> None:
    for refusal in refused:
        console.print("[red]refused[/]", end=" ")
        console.print(str(refusal.error), markup=False, soft_wrap=True)


MOST_SHOWN = 10  # of the files that are passed over


def print_passed_over(
    passed_over: "Sequence[PassedOver]", *, all_of_them: bool = False, err: bool = False
) -> None:
    """Say which files are not read, and why: those of which something is known come first. With `err`, on
    stderr."""
    if not passed_over:
        return
    count = len(passed_over)
    click.echo(f"{count} file{'s' * (count != 1)} not read", err=err)
    # What is known of a file comes first: "no recording" says the least.
    ordered = sorted(passed_over, key=lambda one: one.why == "no recording")
    shown = ordered if all_of_them else ordered[:MOST_SHOWN]
    for one in shown:
        click.echo(f"  {one}", err=err)
    if len(shown) < count:
        click.echo(f"  and {count - len(shown)} more; respool list names all", err=err)


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
