"""respool diff"""

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import click

from respool.commands.console import write
from respool.errors import PathError

if TYPE_CHECKING:
    from respool.recordings.recording import Recording

_KINDS = ("status", "events", "fields", "items", "text", "value")


@click.command(
    epilog="""\b
Exit codes: 0 no difference; 1 there are some; 2 wrong usage, or a path that is not there.

\b
Examples:
  respool diff old.jsonl new.jsonl                 what is different, item by item
  respool diff a.jsonl b.jsonl --ignore text       the words may differ
  respool diff a.jsonl b.jsonl --html diff.html    side by side, for a browser
  respool diff a.jsonl b.har --json -              for another program
"""
)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--ignore", multiple=True, type=click.Choice(_KINDS), help="Ignore differences of this kind.")
@click.option("--strict", is_flag=True, help="Compare ids and dates, too.")
@click.option("--html", "html_file", metavar="FILE", help="Write a page; - is stdout.")
@click.option("--json", "json_file", metavar="FILE", help="Write JSON; - is stdout.")
def diff(
    a: Path,
    b: Path,
    ignore: Sequence[str],
    strict: bool,
    html_file: str | None,
    json_file: str | None,
) -> None:
    """Show what is different between the recordings A and B, in any format that is read.

    Output items are aligned by type and name. How a text was cut into deltas is no difference; times are
    shown, and never count.
    """
    from respool.diff import Change, TurnDiff, compare
    from respool.diff.page import page
    from respool.diff.text import as_json, as_text

    turns: dict[int, TurnDiff] = {}
    for number, (before, now) in enumerate(zip_longest(_turns(a), _turns(b)), 1):
        if before is None or now is None:
            missing = Change("items", "turn", "there" if before else None, "there" if now else None)
            turns[number] = TurnDiff((missing,))
        else:
            turns[number] = compare(before, now, ignore, strict=strict)
    different = sum(len(one.changes) for one in turns.values())
    if json_file:
        report = {"a": str(a), "b": str(b), "turns": [as_json(one) for one in turns.values()]}
        write(json_file, json.dumps(report, indent=1) + "\n")
    if html_file:
        write(html_file, page(str(a), str(b), turns))
    if "-" not in (json_file, html_file):
        for number, one in turns.items():
            if len(turns) > 1:
                click.echo(f"turn {number}:")
            for line in as_text(one):
                click.echo(line)
        click.echo(f"{different} difference{'s' * (different != 1)}")
    if different:
        raise click.exceptions.Exit(1)


def _turns(path: Path) -> "Sequence[Recording]":
    from respool.recordings import formats
    from respool.recordings.source_files import MAX_FILE_SIZE

    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            raise PathError(f"{path}: expected at most {MAX_FILE_SIZE} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise PathError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return formats.read(data, path.stem, str(path))
