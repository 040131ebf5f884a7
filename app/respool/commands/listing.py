"""respool list"""

from collections.abc import Sequence
from pathlib import Path

import click

from respool.commands.console import (
    echo,
    echo_rendered,
    new_console,
    print_mistakes,
    print_passed_over,
    print_refused,
)
from respool.commands.param_types import paths_argument
from respool.errors import escaped, printable
from respool.protocol.events import ENDING_TYPES
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.rule_set import read_rule_set


@click.command(
    "list",
    epilog="""\b
Exit codes: 0 all files can be used; 1 some are refused; 2 wrong usage, or a path that is not there.

\b
Examples:
  respool list fixtures/                  what a server would serve, and what it would refuse
  respool list fixtures/ --names          just the names, for scripts
""",
)
@paths_argument
@click.option("--names", is_flag=True, help="Print the names only, one a line.")
def list_(paths: Sequence[Path], names: bool) -> None:
    """List the recordings in PATHS, the files that are refused, and those that are not read.

    Exits with 1 if a file is refused, or there is a mistake in one of stubs.
    """
    store = Store(paths)
    if names:
        echo("".join(f"{name}\n" for name in store.names), nl=False)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("name", "turns", "events", "seconds", "ends", "note", box=None, pad_edge=False)
    for name in store.names:
        turns = store.turns(name)
        gaps = [timed.gap for turn in turns for timed in turn.events]
        table.add_row(
            escape(escaped(name)),
            str(len(turns)),
            str(len(gaps)),
            f"{sum(gap or 0 for gap in gaps):.2f}" if any(gap is not None for gap in gaps) else "-",
            ", ".join(dict.fromkeys(map(_end, turns))),
            escape(escaped(turns[0].header.note)),
        )
    console = new_console()
    with console.capture() as printed:
        console.print(table)
    echo_rendered(line.rstrip() for line in printed.get().splitlines())
    print_refused(store.refused, console)
    rules = read_rule_set(store)
    for stub in rules.stubs:
        click.echo(f"stub {printable(stub.name, 4096)} plays {printable(str(stub.play))}")
    print_mistakes(rules.problems, rules.warnings)
    print_passed_over(store.passed_over, all_of_them=True)
    if store.refused or rules.problems:
        raise click.exceptions.Exit(1)


def _end(recording: Recording) -> str:
    """Return how a recording ends: completed, failed, ..., an HTTP status, or cut."""
    if recording.plain:
        return str(recording.header.status)
    for timed in reversed(recording.events):
        if timed.event.type in ENDING_TYPES:
            return timed.event.type.removeprefix("response.")
    return "cut"
