"""respool repair"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from respool.commands.console import echo, echo_bytes, write_file
from respool.errors import OptionError, PathError


@click.command(
    epilog="""\b
Exit codes: 0 it is written, repaired or as it was; 1 it cannot be repaired, or only
with an option which the message names, and nothing is written; 2 wrong usage, or a
path that is not there.

\b
Examples:
  respool repair cut.jsonl whole.jsonl            make what is missing, and list it in the header
  respool repair cut.jsonl whole.jsonl --as failed
  respool repair a.jsonl --in-place --renumber    also where the numbers of sound events change
  curl -N ... | respool repair - - > a.jsonl      what a server sent before it was cut
"""
)
@click.argument("source", metavar="IN")
@click.argument("target", metavar="[OUT]", required=False)
@click.option(
    "--as",
    "ending",
    type=click.Choice(["completed", "incomplete", "failed"]),
    help="How a response that was cut ends [completed if all of it is known, else incomplete].",
)
@click.option("--renumber", is_flag=True, help="Change the sequence_number of sound events where it must be.")
@click.option("--drop-duplicates", is_flag=True, help="Leave out events that have come before.")
@click.option("--drop-after-end", is_flag=True, help="Leave out events that come after the end.")
@click.option("--in-place", is_flag=True, help="Replace IN by the result.")
def repair(
    source: str,
    target: str | None,
    ending: str | None,
    renumber: bool,
    drop_duplicates: bool,
    drop_after_end: bool,
    in_place: bool,
) -> None:
    """Make a legal recording, OUT, of one that was cut or has damaged lines, IN.

    Sound events are kept as they are. What was made, changed or left out is told, and listed in the
    header. - is stdin or stdout. OUT is in the native format.
    """
    from respool import repair as repairing

    data, path = _read(source)
    target = _target(source, target, in_place)
    drop = {"--drop-duplicates": drop_duplicates, "--drop-after-end": drop_after_end}
    options = repairing.Options(
        ending=repairing.ResponseEnd(ending) if ending else None,
        renumber=renumber,
        drop=frozenset(name for name, given in drop.items() if given),
    )
    with _uncollected():
        repaired = repairing.repair(data, path, options)
    if in_place and repaired.done:
        _check_native(data, path)
    for line in repaired.done or ("nothing to repair",):
        echo(line, err=True)
    if repaired.done or not in_place:
        _write(target, repaired.data)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Turn off garbage collection: a repair makes many values and no cycles, and a collection takes a third
    of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(source: str) -> tuple[bytes, str]:
    if source == "-":
        return sys.stdin.buffer.read(), "<stdin>"
    try:
        return Path(source).read_bytes(), source
    except OSError as error:
        raise PathError(f"{source}: {(error.strerror or str(error)).lower()}") from None


def _target(source: str, target: str | None, in_place: bool) -> str:
    if in_place:
        if source == "-" or target not in (None, source):
            raise OptionError("--in-place is for one file, which is IN and OUT")
        return source
    if target is None:
        raise OptionError("expected OUT, or --in-place")
    if "-" not in (source, target) and os.path.exists(target) and os.path.samefile(source, target):
        raise OptionError(f"{target} is IN, too; --in-place allows to replace it")
    return target


def _check_native(data: bytes, path: str) -> None:
    from respool.recordings import formats

    if (format_ := formats.sniff(data, path)) != "jsonl":
        raise OptionError(f"{path} is {format_}, and what is written is jsonl: name another file as OUT")


def _write(target: str, data: bytes) -> None:
    if target == "-":
        echo_bytes(data)
    else:
        write_file(Path(target), data)
