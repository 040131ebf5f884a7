"""respool drill"""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from respool.commands.console import echo_rendered, new_console, unwound_by_sigterm, write
from respool.commands.param_types import GAP, SECONDS, SPEED
from respool.errors import OptionError, PathError

if TYPE_CHECKING:
    from rich.table import Table

    from respool.drill.report import DrillReport
    from respool.drill.verdict import Result

DEFAULT_PATH = "fixtures"

_COLOURS = {
    "survived": "green",
    "coped": "green",
    "noticed": "green",
    "lucky": "yellow",
    "gave up": "red",
    "crashed": "red",
    "hung": "red",
    "fooled": "bold red",
}


def _print_cases(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from rich.markup import escape
    from rich.table import Table

    from respool.drill.cases import CASES

    table = Table("case", "category", "set", "expected", "fault", "that is", box=None, pad_edge=False)
    for case in CASES:
        row = (case.name, case.category, "quick" if case.quick else "", case.expect, case.fault, case.why)
        table.add_row(*map(escape, row))
    _print_table(table)
    ctx.exit()


class Command(click.Command):
    """A command whose PATHS end at ``--``; the rest is the command to run, unparsed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            place = args.index("--")
            args, ctx.meta["respool.command"] = args[:place], args[place + 1 :]
        return super().parse_args(ctx, args)


@click.command(
    cls=Command,
    options_metavar="[OPTIONS]",
    epilog="""\b
The command finds the server in OPENAI_BASE_URL, with a key in OPENAI_API_KEY; where it says
{base_url}, the URL is put in.

\b
Exit codes: 0 nothing bad; 1 a bad verdict; 2 wrong usage, or a client that fails without any fault.

\b
Examples:
  respool drill --recording text/hello fixtures/ -- python my_client.py
  respool drill --recording text/hello fixtures/ --set all --jobs 4 --junit drill.xml -- ./client
  respool drill --recording text/hello fixtures/ --cut-everywhere -- node client.mjs
  respool drill --recording text/hello fixtures/ --fault 'abort(after=5)' --show -- ./client
  respool drill --list                                       what there is to choose from
""",
)
@click.argument(
    "paths",
    nargs=-1,
    type=click.Path(path_type=Path),
    envvar="RESPOOL_PATHS",
    metavar="[PATHS...] -- COMMAND...",
)
@click.option("--recording", required=True, metavar="NAME", help="The recording that answers the client.")
@click.option(
    "--set",
    "--cases",
    "sets",
    metavar="NAMES",
    help="Cases to try: quick (the default), all, cuts, categories, names; with commas between.",
)
@click.option("--fault", "faults", multiple=True, help="Try this fault; may be given several times.")
@click.option("--cut-everywhere", is_flag=True, help="End the stream before each of its events.")
@click.option(
    "--cut-with",
    type=click.Choice(["close", "cut", "abort", "reset_peer"]),
    default="close",
    show_default=True,
    help="How --cut-everywhere ends it.",
)
@click.option(
    "--transport",
    type=click.Choice(["http", "websocket"]),
    default="http",
    show_default=True,
    help="The client's transport; impossible cases are left out.",
)
@click.option("--timeout", type=SECONDS, default=15.0, help="A run that takes longer hangs [default: 15].")
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), help="Runs at a time [default: one per processor]."
)
@click.option("--strict", is_flag=True, help="Count lucky runs as bad, too.")
@click.option("--show", is_flag=True, help="Print what bad runs wrote to stdout and stderr.")
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON; - is stdout.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write the report as JUnit XML; - is stdout.")
@click.option("--speed", type=SPEED, default="instant", help="As in serve [default: instant].")
@click.option("--gap", type=GAP, default=0.02, help="As in serve [default: 0.02].")
@click.option("--max-gap", type=SECONDS, help="As in serve.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random values.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_cases, help="List the cases."
)
@click.pass_context
def drill(
    ctx: click.Context,
    /,
    paths: Sequence[Path],
    recording: str,
    sets: str | None,
    faults: Sequence[str],
    cut_everywhere: bool,
    cut_with: str,
    transport: str,
    timeout: float,
    jobs: int | None,
    strict: bool,
    show: bool,
    json_file: str | None,
    junit_file: str | None,
    **pace: Any,
) -> None:
    """Put a client on trial: run it once per fault, and say what it makes of each.

    Without PATHS, the recordings are those of the folder fixtures.
    """
    from respool.drill import cases as chosen_from
    from respool.drill.report import DrillReport, as_json, as_junit
    from respool.drill.running import Trial, drill, reference
    from respool.play.pace import Pace
    from respool.recordings.store import Store

    command = ctx.meta.get("respool.command")
    if not command:
        raise OptionError("there is no command to run; expected it after the paths and '--'")
    paths = paths or [Path(DEFAULT_PATH)]
    store = Store(paths)
    turn = store.get(recording)
    if turn is None:
        nearest = ", ".join(store.nearest(recording))
        raise PathError(f"no recording is called {recording}" + (nearest and f"; nearest: {nearest}"))
    if not 0 < timeout < math.inf:
        raise OptionError(f"timeout is {timeout:g}, expected seconds above 0")
    if sets is None and not faults and not cut_everywhere:
        sets = "quick"
    cases = list(
        dict.fromkeys(
            [
                *chosen_from.choose(sets or ""),
                *map(chosen_from.of_faults, faults),
                *(chosen_from.cuts(turn, cut_with) if cut_everywhere else ()),
            ]
        )
    )
    cases = [case for case in cases if case.happens_over(transport)]
    if not cases:
        raise OptionError(f"none of these cases can happen over {transport}; --list tells what there is")
    trial = Trial(command, paths, recording, Pace(**pace), timeout, transport)
    results = {}
    with unwound_by_sigterm(), _progress(len(cases)) as advance:
        reference_ = reference(trial)
        for result in drill(trial, cases, reference_, jobs or os.cpu_count() or 1):
            results[result.case] = result
            advance()
    report = DrillReport(
        recording, command, reference_.run, reference_.comparable, [results[case] for case in cases], strict
    )
    # A report on stdout is for another program, so nothing else may be printed there.
    if "-" not in (json_file, junit_file):
        _print(report, show)
    if json_file:
        write(json_file, json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n")
    if junit_file:
        write(junit_file, as_junit(report))
    if report.failed:
        raise click.exceptions.Exit(1)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], object]]:
    """Yield a function to call after each case; it moves a progress bar, if there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("drilling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("drilling", total=total)
        yield lambda: bar.advance(task)


def _print(report: "DrillReport", show: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from respool.drill.report import count, explanation

    console = new_console()
    table = Table("case", "verdict", "exit", "seconds", "requests", "seen", box=None, pad_edge=False)
    for category, results in report.categories.items():
        table.add_row(f"[bold]{category}[/]", f"[dim]{_counts(count(results))}[/]")
        for row in _rows(results):
            table.add_row(*row)
    _print_table(table)
    if not report.comparable:
        why = "is not the same in two runs without a fault" if report.reference.output else "is empty"
        console.print(f"[yellow]The client's output {why}: only exit codes are judged.[/]", soft_wrap=True)
    if show:
        for result in report.failed:
            console.print(f"\n[bold]{escape(result.case.name)}[/]")
            console.print(escape(explanation(result)), soft_wrap=True)
            for name, text in (("stdout", result.run.output), ("stderr", result.run.errors)):
                if text:
                    console.print(f"[dim]{name}:[/]")
                    console.print(text.rstrip("\n"), markup=False, soft_wrap=True)
        console.print()
    failed = len(report.failed)
    verdict = f"[bold red]{failed} bad[/]" if failed else "[bold green]nothing bad[/]"
    cases = f"{len(report.results)} case{'s' * (len(report.results) != 1)}"
    console.print(f"{cases}: {_counts(report.totals)}; {verdict}", soft_wrap=True)


def _rows(results: Sequence["Result"]) -> Iterator[Sequence[str]]:
    """Yield a row for each result; neighbours in a series with equal results share one."""
    from rich.markup import escape

    for _, group in groupby(results, lambda result: (result.case.series or result.case.name, result.verdict)):
        first, *others = group
        runs = [first.run, *(other.run for other in others)]
        last = others[-1] if others else first
        name = first.case.name if last is first else f"{first.case.name} ... {last.case.name}"
        # The details differ from one cut to the next; those of the first are enough.
        times = f"{len(runs)} times" + (", first: " if first.reason else "") if others else ""
        seen = times + first.reason
        yield (
            f"  {escape(name)}",
            f"[{_COLOURS[first.verdict]}]{first.verdict}[/]",
            "/".join(sorted({"-" if run.hung else str(run.exit_code) for run in runs})),
            f"{max(run.seconds for run in runs):.1f}",
            "/".join(sorted({str(run.requests) for run in runs})),
            escape(seen),
        )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _print_table(table: "Table") -> None:
    console = new_console()
    with console.capture() as printed:
        console.print(table)
    echo_rendered(line.rstrip() for line in printed.get().splitlines())
