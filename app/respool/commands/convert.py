"""respool convert"""

import sys
from pathlib import Path

import click

from respool.commands.console import echo, echo_bytes, write_file
from respool.errors import OptionError, PathError


@click.command(
    epilog="""\b
Exit codes: 0 it is written; 1 IN is no recording, or OUT cannot hold it; 2 wrong usage, or a path
that is not there.

\b
Examples:
  respool convert session.har hello.jsonl             what a browser saved, as a native recording
  respool convert tests/cassettes/a.yaml a.jsonl      all exchanges of a cassette, as turns
  respool convert a.jsonl a.har                       for tools that read HAR
  respool convert a.jsonl - --to sse                  what is sent, on stdout
  respool convert a.har a.script.yaml                 a few lines that make the same events, to edit
"""
)
@click.argument("in_", metavar="IN", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("out", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--to",
    type=click.Choice(["native", "sse", "har", "vcrpy", "script"]),
    help="The format to write [default: as OUT's suffix says, else native].",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if there is one.")
def convert(in_: Path, out: Path, to: str | None, overwrite: bool) -> None:
    """Write the recording IN in another format. No event's text is changed.

    A Script makes the same events, with ids of its own: as `respool script` writes it. A Script as IN is
    written out as events.
    """
    from respool.recordings import formats
    from respool.recordings.formats import writing

    data, path = _read(in_)
    if str(out) != "-" and out.exists() and not overwrite:
        raise OptionError(f"{out} is there already; expected a new file, or --overwrite")
    to = to or writing.format_of(out.name) or "native"
    if to == "script":
        _script(data, path, out)
        return
    turns = formats.read(data, out.stem, path)
    written = writing.WRITERS[to](turns)
    if str(out) == "-":
        echo_bytes(written)
        return
    write_file(out, written)
    echo(f"{len(turns)} turn{'s' * (len(turns) != 1)} written to {out}", err=True)


def _script(data: bytes, path: str, out: Path) -> None:
    from respool.commands.script import print_literals, script_of

    written, literal = script_of(data, path)
    if str(out) == "-":
        echo_bytes(written.encode())
    else:
        write_file(out, written.encode())
        echo(f"the script is written to {out}", err=True)
    print_literals(literal)


def _read(path: Path) -> tuple[bytes, str]:
    from respool.recordings.source_files import MAX_FILE_SIZE

    if str(path) == "-":
        return sys.stdin.buffer.read(MAX_FILE_SIZE), "<stdin>"
    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            raise PathError(f"{path}: expected at most {MAX_FILE_SIZE} bytes")
        return path.read_bytes(), str(path)
    except OSError as error:
        raise PathError(f"{path}: {(error.strerror or str(error)).lower()}") from None
