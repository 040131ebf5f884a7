"""respool bench"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from respool.commands.console import echo, unwound_by_sigterm, write
from respool.commands.param_types import DEFAULT_PATH, GAP, SECONDS, SPEED, headers_of
from respool.errors import OptionError, PathError

STARTS = 250  # streams begun each second, unless --ramp says otherwise: docs/performance.md


@click.command(
    epilog="""\b
Without --url it measures a server of its own, which it starts in another process.

\b
Exit codes: 0 no stream failed; 1 some did; 2 wrong usage; 130 ended by Ctrl-C.

\b
Examples:
  respool bench --recording text/hello fixtures/                        how many can this machine hold?
  respool bench --recording text/hello --url http://127.0.0.1:8080/v1 fixtures/
  respool bench --model gpt-5.2 --url http://127.0.0.1:4000/v1 --streams 50 --duration 30
  respool bench --recording text/hello fixtures/ --json -               for another program
"""
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS...]")
@click.option("--recording", metavar="NAME", help="What is played.")
@click.option("--url", help="The base URL of the server to measure: http://127.0.0.1:8080/v1")
@click.option("--model", help="The model to ask for at --url [default: the recording's name].")
@click.option("--input", "input_", default="Say hello.", show_default=True, help="The input to send.")
@click.option("--header", "-H", multiple=True, metavar="NAME:VALUE", help="A header to send.")
@click.option(
    "--streams", type=click.IntRange(1, 20_000), default=100, show_default=True, help="Streams at once."
)
@click.option(
    "--repeat", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Plays of each stream."
)
@click.option("--duration", type=SECONDS, help="Repeat for this long, instead of --repeat.")
@click.option(
    "--ramp", type=SECONDS, help=f"The streams begin spread over this [default: {STARTS} a second]."
)
@click.option(
    "--timeout", type=SECONDS, default=60.0, help="An answer that takes longer fails [default: 60]."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON; - is stdout.")
@click.option("--speed", type=SPEED, default=1.0, help="As in serve [default: 1].")
@click.option("--gap", type=GAP, default=0.02, help="As in serve [default: 0.02].")
@click.option("--max-gap", type=SECONDS, help="As in serve.")
@click.option("--ttft", type=SECONDS, help="As in serve.")
@click.option("--jitter", type=SECONDS, default=0.0, help="As in serve.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random values.")
@click.pass_context
def bench(
    ctx: click.Context,
    /,
    paths: Sequence[Path],
    recording: str | None,
    url: str | None,
    model: str | None,
    input_: str,
    header: Sequence[str],
    streams: int,
    repeat: int,
    duration: float | None,
    ramp: float | None,
    timeout: float,
    json_file: str | None,
    **pace: Any,
) -> None:
    """Measure a server: many streams at once, their first events, and how late each event comes.

    PATHS are where the recording is, from which the moments of its events are known. Without --url
    they are the folder fixtures, if absent.
    """
    try:
        from respool.bench.load import Plan, allow_open_files, load
    except ImportError as error:  # httptools comes with Respool, but not on Windows
        raise OptionError(f"bench needs a package that is not there: pip install {error.name}") from None
    from respool.bench.summary import as_json, as_text
    from respool.bench.target import LoadTarget

    for name, seconds in (("timeout", timeout), ("duration", duration)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise OptionError(f"{name} is {seconds:g}, expected seconds above 0")
    if ramp is not None and not 0 <= ramp < math.inf:
        raise OptionError(f"ramp is {ramp:g}, expected seconds, 0 or more")
    if duration is not None and ctx.get_parameter_source("repeat") is not click.core.ParameterSource.DEFAULT:
        raise OptionError("--repeat and --duration exclude each other: expected one of them")
    model = model or recording
    if model is None or (url is None and recording is None):
        raise OptionError("nothing says what to play; expected --recording NAME, or --url with --model")
    if url is None and model != recording:
        raise OptionError(f"model is {model} without --url; expected --recording only")
    if url is None:
        paths = paths or [Path(DEFAULT_PATH)]
    moments = _moments(paths, recording, pace) if recording and paths else None
    allow_open_files(streams)
    plan = Plan(streams, repeat, duration, streams / STARTS if ramp is None else ramp, timeout, moments)
    with unwound_by_sigterm(), ExitStack() as stack:
        target = LoadTarget(
            url or stack.enter_context(_server(paths, pace)), model, input_, headers_of(header)
        )
        progress = stack.enter_context(_progress(streams))
        report = load(target, plan, progress)
    # A report on stdout is for another program, so nothing else may be printed there.
    if json_file != "-":
        echo("\n".join(as_text(report)))
    if json_file:
        write(json_file, json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n")
    if report.interrupted:
        raise click.exceptions.Exit(130)
    if report.failed:
        raise click.exceptions.Exit(1)


def _moments(paths: Sequence[Path], name: str, pace: Mapping[str, Any]) -> Sequence[float]:
    from respool.play.pace import Pace
    from respool.recordings.store import Store

    store = Store(paths)
    recording = store.get(name)
    if recording is None:
        nearest = ", ".join(store.nearest(name))
        raise PathError(f"no recording is called {name}" + (nearest and f"; nearest: {nearest}"))
    if recording.plain:
        raise OptionError(f"recording is {name}, which has no events; expected one that is streamed")
    return Pace(**pace).moments(recording)


@contextmanager
def _server(paths: Sequence[Path], pace: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URL of a server that runs as long as the block."""
    from respool.bench.servers import respool

    options = [
        f"--{name.replace('_', '-')}={'instant' if value == math.inf else value}"
        for name, value in pace.items()
        if value is not None
    ]
    with respool(paths, options) as server:
        yield f"http://127.0.0.1:{server.port}/v1"


@contextmanager
def _progress(streams: int) -> Iterator[Callable[[Sequence[int]], object]]:
    """Yield a function that shows the progress in one line, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda live: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from respool.bench.load import BEGUN, ENDED, EVENTS, FAILED, PLAYS

    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    began = time.monotonic()
    # Four times a second, so that drawing hardly disturbs the measurement.
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bar:
        task = bar.add_task("starting", total=streams)

        def show(live: Sequence[int]) -> None:
            rate = live[EVENTS] / max(time.monotonic() - began, 0.001)
            text = (
                f"{live[BEGUN] - live[ENDED]:,} open, {live[PLAYS]:,} plays, {rate:,.0f} events/s, "
                f"{live[FAILED]:,} failed"
            )
            bar.update(task, completed=live[ENDED], description=text)

        yield show
