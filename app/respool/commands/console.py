"""Output of the commands, to the terminal and to files.

All text from elsewhere (names of files, content of recordings, answers of servers) is printed by `echo` or
`new_console`, which escape it. A reader that has closed the pipe (`respool list | head`) is no error.
"""

import codecs
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from respool.errors import PathError, RecordingError, escaped, printable

if TYPE_CHECKING:
    from rich.console import Console

    from respool.recordings.source_files import PassedOver
    from respool.recordings.store import Refusal

# Replacements for the characters that a console cannot show.
_PLAIN = {"█": "#", "─": "-", **dict.fromkeys("▋▊▉", "#"), **dict.fromkeys("▏▎▍▌", "."), "…": "..."}
_ERRORS = "respool-plain"

# The address of the documentation that messages link to.
DOCS = "https://github.com/respool/respool/blob/main/docs"


def prepare_streams() -> None:
    """Make stdin, stdout and stderr usable: open, and able to write any character."""
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        try:
            os.fstat(number)
        except OSError:  # closed: otherwise the next socket that is opened would get its number
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    codecs.register_error(_ERRORS, _plainly)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a test's stream may have none
        if reconfigure is not None:
            reconfigure(errors=_ERRORS)


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    shown = "".join(
        _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode() for character in text
    )
    return shown, error.end


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text that may come from elsewhere, without its terminal control characters."""
    try:
        # The stream is passed because click itself writes UTF-8 to an ASCII console.
        click.echo(escaped(text), file=sys.stderr if err else sys.stdout, nl=nl)
    except BrokenPipeError:
        _leave(sys.stderr if err else sys.stdout)


def echo_rendered(lines: Iterable[str]) -> None:
    """Print lines rendered by a console of `new_console`, with their colours."""
    try:
        click.echo("\n".join(lines), file=sys.stdout)
    except BrokenPipeError:
        _leave(sys.stdout)


def echo_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave(sys.stdout)


def flush_stdout() -> None:
    """Flush stdout. Raise OSError if that fails, except when the reader has closed the pipe."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave(sys.stdout)
    except OSError:
        _leave(sys.stdout)  # so that Python does not try again at exit
        raise


def _leave(stream: TextIO) -> None:
    """Discard further output, since its reader has closed the pipe. The command's exit code stays its own."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def new_console() -> "Console":
    """Return a console on stdout that escapes what it prints."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Escaping(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                text = segment.text if segment.control else escaped(segment.text)
                yield segment if text == segment.text else Segment(text, segment.style)

        def on_broken_pipe(self) -> None:
            self.quiet = True
            _leave(sys.stdout)

    # Output to a file or a pipe is not wrapped to the width of a terminal.
    return Escaping(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_refused(refused: "Iterable[Refusal]", console: "Console") -> None:
    """Print a line for each file that cannot be used."""
    for refusal in refused:
        console.print("[red]refused[/]", end=" ")
        console.print(str(refusal.error), markup=False, soft_wrap=True)


def print_mistakes(problems: Iterable[RecordingError], warnings: Iterable[str]) -> None:
    """Print the errors in files of stubs and rules, and the stubs that never answer."""
    for problem in problems:
        click.echo(f"{click.style('mistake', fg='red')} {problem}")
    for line in warnings:
        click.echo(f"{click.style('warning:', fg='yellow')} {line}")


MOST_SHOWN = 10  # of the files that are skipped


def print_passed_over(
    passed_over: "Sequence[PassedOver]", *, all_of_them: bool = False, err: bool = False
) -> None:
    """Print the files that are not read, and why: those with a known reason first. With `err`, on stderr."""
    if not passed_over:
        return
    count = len(passed_over)
    echo(f"{count} file{'s' * (count != 1)} not read", err=err)
    # Files with a known reason come first: "no recording" is the least useful.
    ordered = sorted(passed_over, key=lambda one: one.why == "no recording")
    shown = ordered if all_of_them else ordered[:MOST_SHOWN]
    for one in shown:
        echo(f"  {one}", err=err)
    if len(shown) < count:
        echo(f"  and {count - len(shown)} more; respool list names all", err=err)


@contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that no child process is left running."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def write(file: str, text: str) -> None:
    """Write a report into `file`, or to stdout for ``-``. Raise PathError."""
    if file == "-":
        echo_bytes(text.encode("utf-8", "backslashreplace"))
    else:
        write_file(Path(file), text.encode("utf-8", "backslashreplace"))


def write_file(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file whole or not at all: first beside it, then under its name.

    Raise PathError, also if the file exists and `replace` is False. Then the old file is unchanged.
    """
    from respool.recordings.atomic_file import write_atomically  # imported late: it takes its time

    try:
        write_atomically(path, data, replace=replace)
    except (OSError, ValueError) as error:
        problem = (getattr(error, "strerror", None) or str(error)).lower()
        raise PathError(f"cannot write {printable(str(path), 300)}: {problem}") from None
