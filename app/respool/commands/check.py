"""respool check"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from respool import __version__
from respool.check.files import (
    DAMAGED,
    TIMEOUT,
    FileReport,
    Located,
    check_data,
    check_file,
    check_url,
    find,
    unreadable,
)
from respool.check.findings import RULES, Finding, Level
from respool.commands.console import echo, new_console, print_passed_over
from respool.commands.param_types import SECONDS, Age, headers_of
from respool.errors import OptionError, PathError, RecordingError
from respool.recordings.rule_files import is_rule_file, is_stubs_file
from respool.recordings.source_files import PassedOver

_LEVELS = list(Level)  # the worst first
_LEVEL = click.Choice([level.value for level in _LEVELS])
_COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: "cyan"}


@click.command(
    epilog="""\b
Exit codes: 0 nothing to complain about; 1 findings of the level --fail-on or worse;
2 wrong usage, a path that is not there, or nothing to check.

\b
Examples:
  respool check fixtures/                       all recordings of a folder
  curl -N ... | respool check -                 what a server sends
  respool check http://127.0.0.1:8080/v1 --model text/hello
  respool check fixtures/ --format github       annotations for a pull request
  respool check fixtures/ --max-age 90d         nothing that was recorded longer ago
  respool check a.jsonl --schema --level info   also against the openai package's types
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="PATH|URL|-...")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["human", "json", "github"]),
    default="human",
    help="What to print.",
)
@click.option("--level", type=_LEVEL, default="warning", help="The lowest level to show [warning].")
@click.option("--fail-on", type=_LEVEL, default="error", help="The lowest level that fails [error].")
@click.option("--schema", is_flag=True, help="Also validate fields by the openai package's models.")
@click.option("--max-age", type=Age(), help="Report older recordings as errors, as 90d.")
@click.option("--model", default="gpt-5.2", show_default=True, help="For a URL: the model to ask for.")
@click.option(
    "--input", "input_", default="Say hello.", show_default=True, help="For a URL: the input to send."
)
@click.option("--header", "-H", multiple=True, metavar="NAME:VALUE", help="For a URL: a header to send.")
@click.option("--timeout", type=SECONDS, default=TIMEOUT, help="For a URL: seconds for all of it [120].")
def check(
    sources: Sequence[str],
    format_: str,
    level: str,
    fail_on: str,
    schema: bool,
    max_age: float | None,
    model: str,
    input_: str,
    header: Sequence[str],
    timeout: float,
) -> None:
    """Say whether recordings are legal Responses streams and, if not, where and why."""
    if schema:
        from respool.check.schema import sdk_version

        sdk = sdk_version()
    else:
        sdk = None
    headers = headers_of(header)
    if not 0 < timeout < math.inf:
        raise OptionError(f"timeout is {timeout:g}, expected seconds above 0")
    checks: list[Callable[[], FileReport | None]] = []
    passed_over: list[PassedOver] = []
    closed: list[FileReport] = []

    def on_closed(folder: str, error: OSError) -> None:
        closed.append(unreadable(folder, error))

    for source in sources:
        if source == "-":
            checks.append(
                lambda: check_data(sys.stdin.buffer.read(), "<stdin>", schema=schema, max_age=max_age)
            )
        elif source.startswith(("http://", "https://")):
            body = {"model": model, "input": input_}
            checks.append(partial(check_url, source, body, headers, schema=schema, timeout=timeout))
        else:
            top = Path(source)
            checks += [
                partial(check_rules, path)
                if is_rule_file(str(path))
                else partial(
                    check_file,
                    path,
                    named=path == top,
                    schema=schema,
                    max_age=max_age,
                    passed_over=passed_over,
                )
                for path in find([top], on_closed)
            ]
    reports = [*closed, *(report for report in _with_progress(checks) if report is not None)]
    shown = [
        located
        for report in reports
        for located in report.findings
        if _LEVELS.index(located.finding.level) <= _LEVELS.index(Level(level))
    ]
    _FORMATS[format_](reports, shown, sdk)
    if format_ == "human":
        print_passed_over(passed_over, err=True)
    if not reports:
        raise PathError(
            f"{', '.join(sources)}: nothing to check, no recording in it; `respool list` says why"
        )
    worst = [report.count(one) for report in reports for one in _LEVELS[: _LEVELS.index(Level(fail_on)) + 1]]
    if any(worst):
        raise click.exceptions.Exit(1)


def check_rules(path: Path) -> FileReport:
    """Check a file of stubs or of matching rules. Raise PathError."""
    from respool.match.rules import read_rules
    from respool.match.stubs_file import read_stubs

    damages: list[RecordingError] = []
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PathError(f"{path}: {error.strerror or error}") from None
    read = read_stubs if is_stubs_file(path.name) else read_rules
    read(data, str(path), damages.append)
    found = [Finding(DAMAGED, Level.ERROR, damage.cause) for damage in damages]
    located = [
        Located(finding, str(path), damage.line, damage.column)
        for finding, damage in zip(found, damages, strict=True)
    ]
    return FileReport(str(path), findings=located)


def _with_progress(checks: Sequence[Callable[[], FileReport | None]]) -> Iterable[FileReport | None]:
    """Run the checks; with a progress bar if there are many, and a terminal to show it."""
    if len(checks) < 20 or not sys.stderr.isatty():
        return [check() for check in checks]
    from rich.console import Console
    from rich.progress import track

    return [check() for check in track(checks, "checking", console=Console(stderr=True), transient=True)]


def _totals(reports: Sequence[FileReport]) -> Mapping[str, int]:
    return {
        "files": len(reports),
        "streams": sum(report.streams for report in reports),
        "events": sum(report.events for report in reports),
        **{f"{level}s": sum(report.count(level) for report in reports) for level in _LEVELS},
    }


def _print_human(reports: Sequence[FileReport], shown: Sequence[Located], sdk: str | None) -> None:
    console = new_console()
    for located in shown:
        finding = located.finding
        console.print(f"{located.place}:", style="bold", markup=False, soft_wrap=True, end=" ")
        console.print(f"{finding.level} {finding.code}:", style=_COLOURS[finding.level], end=" ")
        console.print(finding.message, markup=False, soft_wrap=True)
    counts = _totals(reports)
    by = f", fields by openai {sdk}" if sdk else ""
    console.print(", ".join(f"{count} {_plural(name, count)}" for name, count in counts.items()) + by)


def _plural(name: str, count: int) -> str:
    return name.removesuffix("s") if count == 1 else name


def _print_json(reports: Sequence[FileReport], shown: Sequence[Located], sdk: str | None) -> None:
    findings = [
        {
            "path": located.path,
            "line": located.line,
            "column": located.column,
            "turn": located.turn,
            "event": located.finding.event,
            "code": located.finding.code,
            "level": located.finding.level,
            "message": located.finding.message,
        }
        for located in shown
    ]
    versions = {"respool": __version__, "openai": sdk}
    click.echo(json.dumps({"versions": versions, "totals": _totals(reports), "findings": findings}, indent=1))


def _print_github(reports: Sequence[FileReport], shown: Sequence[Located], sdk: str | None) -> None:
    """Print workflow commands, which GitHub shows as annotations at the line."""
    names = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}
    for located in shown:
        finding = located.finding
        fields = {"file": located.path, "line": located.line, "col": located.column}
        title = f"{finding.code} {RULES[finding.code].title}" if finding.code in RULES else finding.code
        where = ",".join(f"{name}={_escape(str(value), ':,')}" for name, value in fields.items() if value)
        echo(f"::{names[finding.level]} {where},title={_escape(title, ':,')}::{_escape(finding.message)}")


def _escape(text: str, also: str = "") -> str:
    """Escape a text for workflow commands: percent-encoded line ends and, in properties, colons and
    commas."""
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


_FORMATS = {"human": _print_human, "json": _print_json, "github": _print_github}
