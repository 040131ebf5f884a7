"""respool show"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from respool import show as view
from respool.commands.console import echo, new_console
from respool.errors import PathError
from respool.recordings import formats
from respool.recordings.recording import Recording
from respool.recordings.store import Store

if TYPE_CHECKING:
    from rich.text import Text

PIPED_WIDTH = 100  # characters, without a terminal
_LEAST_BAR = 10
_MOST_LABEL = 36
_COLOURS = {"completed": "green", "incomplete": "yellow"}


@click.command(
    epilog="""\b
Exit codes: 0 it is shown; 1 a file that is damaged; 2 wrong usage, or a path or name that is not there.

\b
Examples:
  respool show fixtures/text/hello.jsonl            one file, all of its turns
  respool show fixtures tools/get_weather#2         one turn, by its name in a folder
  respool show capture.sse --events                 one line for each event
  curl -N ... | respool show - --types              what a server sends
"""
)
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("names", nargs=-1, metavar="[NAME[#TURN]...]")
@click.option("--events", is_flag=True, help="A line for each event, as in a log.")
@click.option("--types", is_flag=True, help="Count the events of each type.")
@click.option("--width", type=click.IntRange(40, 1000), help="Characters in a line [the terminal's].")
def show(path: Path, names: Sequence[str], events: bool, types: bool, width: int | None) -> None:
    """Show recordings as timelines: what happens in them, and when.

    PATH is a file, a folder, or - for stdin. Without a NAME, all recordings in it are shown.
    """
    turns = _turns(path, names)
    console = new_console()
    console.soft_wrap = True
    if width is None:
        width = console.width if sys.stdout.isatty() else PIPED_WIDTH
    timelines = [view.timeline(turn) for turn in turns]
    for timeline in timelines:
        for line in _lines(timeline, width, events=events, types=types):
            line.rstrip()
            console.print(line)
        console.print()
    if len(timelines) > 1:
        count = sum(len(timeline.lines) for timeline in timelines)
        size = sum(timeline.size for timeline in timelines)
        seconds = sum(timeline.seconds for timeline in timelines)
        console.print(f"{len(timelines)} turns, {count} events, {_size(size)}, {seconds:.2f} s")


def _turns(path: Path, names: Sequence[str]) -> list[Recording]:
    """Return the turns to show. Raise PathError and RecordingError."""
    if str(path) == "-":
        turns = list(formats.read(sys.stdin.buffer.read(), "stdin", "<stdin>"))
        return [turn for turn in turns if not names or turn.name in names]
    store = Store([path])
    if path.is_file() and store.refused:
        raise store.refused[0].error
    if not names:
        for refusal in store.refused:
            echo(f"refused: {refusal.error}", err=True)
        return [turn for name in store.names for turn in store.turns(name)]
    return [turn for name in names for turn in _named(store, name)]


def _named(store: Store, name: str) -> Sequence[Recording]:
    """Return all turns of a NAME, or the one of NAME#TURN."""
    if turns := store.turns(name):
        return turns
    if turn := store.get(name):
        return [turn]
    nearest = ", ".join(store.nearest(name))
    raise PathError(f"no recording is called {name}" + (nearest and f"; nearest: {nearest}"))


def _lines(timeline: view.Timeline, width: int, *, events: bool, types: bool) -> Iterator["Text"]:
    from rich.text import Text

    yield Text.assemble(
        (timeline.name, "bold"),
        " ",
        (timeline.end, _COLOURS.get(timeline.end, "red")),
        f": {_summary(timeline)}",
    )
    if timeline.note:
        yield Text(f"  {timeline.note}", "italic")
    if timeline.untimed:
        of = "" if timeline.untimed == len(timeline.lines) else f" of {timeline.untimed} events"
        yield Text(f"  no times are recorded{of}: at the default pace", "yellow")
    if events:
        yield from _log(timeline, width)
    elif timeline.rows:
        yield from _chart(timeline, width)
    if types:
        yield from (Text(f"{count:7} {name}") for name, count in timeline.types.items())


def _summary(timeline: view.Timeline) -> str:
    """Return the figures of a turn, in one line."""
    if not timeline.lines:
        return f"no events, {_size(timeline.size)}"
    parts = [f"{len(timeline.lines)} events", _size(timeline.size), f"{timeline.seconds:.2f} s"]
    if timeline.first_token is not None:
        parts.append(f"first token at {timeline.first_token:.2f} s")
    if timeline.events_per_second is not None:
        parts.append(f"{timeline.events_per_second:.0f} events/s")
    return ", ".join(parts)


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e3:.1f} KB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def _chart(timeline: view.Timeline, width: int) -> Iterator["Text"]:
    from rich.text import Text

    labels = [f"{'  ' * (row.depth + 1)}{row.label}"[:_MOST_LABEL] for row in timeline.rows]
    numbers = [f"{row.moments[0]:.2f}-{row.moments[-1]:.2f} s" for row in timeline.rows]
    left, right = max(map(len, labels)), max(map(len, numbers))
    room = max(_LEAST_BAR, width - left - right - 2)
    for row, label, number in zip(timeline.rows, labels, numbers, strict=True):
        bar = view.bar(row, timeline.seconds, room)
        yield Text.assemble(
            label.ljust(left + 1), (bar, "dim" if row.depth else "cyan"), f" {number:>{right}}"
        )


def _log(timeline: view.Timeline, width: int) -> Iterator["Text"]:
    from rich.text import Text

    shown = [line.type.removeprefix("response.") for line in timeline.lines]
    longest = max(map(len, shown), default=0)
    for line, name in zip(timeline.lines, shown, strict=True):
        number = "-" if line.sequence_number is None else line.sequence_number
        text = Text.assemble(
            f"{line.moment:9.3f} {number:>5} ", (name.ljust(longest), "cyan"), f" {line.gist}"
        )
        text.truncate(width, overflow="ellipsis")
        yield text
