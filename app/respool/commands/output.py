"""What several commands print, and how files are written.

All that comes from elsewhere (names of files, content of recordings, answers of servers) goes through
`echo` or `new_console`: there it is escaped, and a reader that has left (`respool list | head`) is no error.
"""

import codecs
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from respool.errors import PathError, RecordingError, escaped, printable

if TYPE_CHECKING:
    from rich.console import Console

    from respool.recordings.store import PassedOver, Refusal

# What is drawn where a console cannot show the characters for it.
_PLAIN = {"█": "#", "─": "-", **dict.fromkeys("▋▊▉", "#"), **dict.fromkeys("▏▎▍▌", "."), "…": "..."}
_ERRORS = "respool-plain"

# Where the documentation is that messages point to.
DOCS = "https://github.com/respool/respool/blob/main/docs"


def prepare_streams() -> None:
    """Make stdin, stdout and stderr fit for all that is to come: open, and able to write any character."""
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        try:
            os.fstat(number)
        except OSError:  # closed: else the next socket that is opened would take its place
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
    """Print a text that may come from elsewhere, without what would steer a terminal."""
    try:
        # The stream is named since click itself writes UTF-8 to a console of ASCII.
        click.echo(escaped(text), file=sys.stderr if err else sys.stdout, nl=nl)
    except BrokenPipeError:
        _leave(sys.stderr if err else sys.stdout)


def echo_rendered(lines: Iterable[str]) -> None:
    """Print lines that a console of `new_console` has made, with their colours."""
    try:
        click.echo("\n".join(lines), file=sys.stdout)
    except BrokenPipeError:
        _leave(sys.stdout)


def echo_bytes(data: bytes) -> None:
    """Write a recording, or what becomes of one, to stdout as it is."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave(sys.stdout)


def flush_stdout() -> None:
    """Write what is left. Raises OSError where that is not possible; not if the reader has left."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave(sys.stdout)
    except OSError:
        _leave(sys.stdout)  # or Python would try again at its end
        raise


def _leave(stream: TextIO) -> None:
    """The reader of our output has left: the command goes on to its own exit code, and nobody hears it."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def new_console() -> "Console":
    """A console on stdout, which escapes what it prints."""
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

    # What is piped into a file or a command is not folded to the width of a terminal.
    return Escaping(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_refused(refused: "Iterable[Refusal]", console: "Console") -> None:
    """Print a line for each file that cannot be used."""
    for refusal in refused:
        console.print("[red]refused[/]", end=" ")
        console.print(str(refusal.error), markup=False, soft_wrap=True)


def print_mistakes(problems: Iterable[RecordingError], warnings: Iterable[str]) -> None:
    """Say what is wrong in files of stubs and rules, and which stubs never answer."""
    for problem in problems:
        click.echo(f"{click.style('mistake', fg='red')} {problem}")
    for line in warnings:
        click.echo(f"{click.style('warning:', fg='yellow')} {line}")


MOST_SHOWN = 10  # of the files that are passed over


def print_passed_over(
    passed_over: "Sequence[PassedOver]", *, all_of_them: bool = False, err: bool = False
) -> None:
    """Say which files are not read, and why: those of which something is known come first. With `err`, on
    stderr."""
    if not passed_over:
        return
    count = len(passed_over)
    echo(f"{count} file{'s' * (count != 1)} not read", err=err)
    # What is known of a file comes first: "no recording" says the least.
    ordered = sorted(passed_over, key=lambda one: one.why == "no recording")
    shown = ordered if all_of_them else ordered[:MOST_SHOWN]
    for one in shown:
        echo(f"  {one}", err=err)
    if len(shown) < count:
        echo(f"  and {count - len(shown)} more; respool list names all", err=err)


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
        echo_bytes(text.encode("utf-8", "backslashreplace"))
    else:
        write_file(Path(file), text.encode("utf-8", "backslashreplace"))


def write_file(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file whole or not at all: beside it first, and then under its name.

    Raises PathError; so too if it is there already and not to be replaced. What was there stays then.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():  # a device or a pipe: there is nothing to keep
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
    except (OSError, ValueError) as error:
        problem = (getattr(error, "strerror", None) or str(error)).lower()
        raise PathError(f"cannot write {printable(str(path), 300)}: {problem}") from None


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
