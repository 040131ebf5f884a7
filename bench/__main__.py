"""``python -m bench``: measure, print, and write results.md.

Exit codes: 0 fine; 1 a stream failed, so the figures are worth nothing; 2 wrong usage; 3 with --check,
Respool is not as much better as it should be.
"""

import argparse
import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import client, report
from bench.measure import PARTS, QUICK, Bench, Plan, steps

RESULTS = Path(__file__).with_name("results.md")
MOST_STREAMS = 1000
# At most half the ratios of a quick run on a busy machine: lower ones are no accident.
FLOORS = {"CPU per timed event": 1.0, "events a second, untimed": 30.0, "requests a second": 2.0}


def main(arguments: Sequence[str]) -> int:
    """Run the bench; return the exit code."""
    options = _parse(arguments)
    plan = QUICK if options.quick else Plan()
    if options.streams:
        plan = dataclasses.replace(plan, streams=options.streams, clients=options.streams)
    parts = [options.part] if options.part else list(PARTS)

    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    server_cpu, client_cpu = (cpus[0], cpus[-1]) if len(cpus) > 1 else (None, None)
    load = report.load_average()
    ticks, own = report.cpu_ticks(), os.times()[:4]
    with (
        _progress(sum(steps(part, plan) for part in parts)) as step,
        # A fresh interpreter, not a fork: nothing of this process runs beside the measuring.
        ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=client.pin, initargs=(client_cpu,)
        ) as pool,
    ):
        bench = Bench(plan, pool, server_cpu, step)
        tables = [PARTS[part](bench) for part in parts]

    used = sum(os.times()[:4]) - sum(own)
    stolen, others = report.disturbance(ticks, report.cpu_ticks(), used)
    machine = report.Machine(
        command=report.command_line(arguments),
        pinned=f"servers to CPU {server_cpu}, client to CPU {client_cpu}" if cpus[1:] else "no",
        load=f"{load} before, {report.load_average()} after",
        stolen=stolen,
        others=others,
    )
    text = "\n".join([_head(), machine.render(), *map(report.render, tables)])
    print(text)
    failed = sum(table.failed for table in tables)
    if failed:
        print(f"{failed} streams failed: these figures are worth nothing", file=sys.stderr)
        return 1
    if options.check:
        slow = below_floors({name: value for table in tables for name, value in table.ratios.items()})
        for line in slow:
            print(line, file=sys.stderr)
        return 3 if slow else 0
    if options.write or not (options.part or options.streams or options.quick):
        RESULTS.write_text(text)
        print(f"wrote {RESULTS}", file=sys.stderr)
    return 0


def below_floors(ratios: Mapping[str, float]) -> list[str]:
    """Return a line for each ratio that is too low."""
    return [
        f"{name}: {ratios[name]:.2f} times better than the plain app, expected {least:g} or more"
        for name, least in FLOORS.items()
        if name in ratios and not ratios[name] >= least
    ]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure Respool beside a plain FastAPI app, over loopback.",
        epilog="A full run, without arguments, writes bench/results.md; any other only with --write.",
    )
    parser.add_argument("part", nargs="?", choices=list(PARTS), help="only this one (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter: is all in order?")
    parser.add_argument(
        "--streams",
        type=_counts,
        metavar="N,N,...",
        help=f"how many streams or clients at once, up to {MOST_STREAMS}",
    )
    parser.add_argument("--write", action="store_true", help="write bench/results.md whatever was run")
    parser.add_argument(
        "--check", action="store_true", help="fail where Respool is not clearly better than the plain app"
    )
    return parser.parse_args(arguments)


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or not all(1 <= count <= MOST_STREAMS for count in counts):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of numbers from 1 to {MOST_STREAMS}, such as 1,100"
        )
    return counts


def _head() -> str:
    return (
        f"# Results of {datetime.now(UTC):%Y-%m-%d}\n\n"
        "Written by `python -m bench`; [README.md](README.md) says how to read it.\n"
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on stderr, if that is a terminal; give the function to call for each step."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Refreshed seldom: this process shares the CPUs with the measured ones.
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal, refresh_per_second=1
    ) as progress:
        task = progress.add_task("starting", total=total)
        begun = 0

        def step(description: str) -> None:
            nonlocal begun
            progress.update(task, description=description, completed=begun)
            begun += 1

        yield step


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
