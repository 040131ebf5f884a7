"""respool script"""

import sys
from pathlib import Path

import click

from respool.commands.console import echo, echo_bytes, write_file
from respool.errors import OptionError, PathError, RecordingError


@click.command(
    epilog="""\b
Exit codes: 0 it is written; 1 no script gives this recording; 2 wrong usage, or a path that is not there.

\b
Examples:
  respool script fixtures/text/hello.jsonl                  as YAML on stdout
  respool script capture.sse mine/hello.script.yaml         a file to edit and serve
  respool script capture.jsonl --pace                       with about the recorded times
  curl -N ... | respool script - hello.script.yaml          from what a server sends
"""
)
@click.argument("recording", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("out", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--pace", is_flag=True, help="Also write times, as a pace and pauses.")
def script(recording: Path, out: Path, pace: bool) -> None:
    """Write the script of RECORDING: a few lines of YAML that make the same events again.

    OUT is a file, or - for stdout. It is the quickest way to change what a recording says.
    """
    data, path = _read(recording)
    if str(out) != "-" and out.exists() and recording.exists() and out.samefile(recording):
        raise OptionError(f"{out} is the recording itself; expected another file, or -")
    written, literal = script_of(data, path, pace=pace)
    _write(written, out)
    print_literals(literal)


def script_of(data: bytes, path: str, *, pace: bool = False) -> tuple[str, int]:
    """Return the Script of a file's recording, as YAML, and how many of its events are written one by one,
    since no other step makes them. Raise RecordingError."""
    from respool.play.saved_answers import SavedAnswers
    from respool.protocol.several_responses import run_together
    from respool.recordings import formats
    from respool.recordings.formats import codex_session
    from respool.recordings.formats import script as format_
    from respool.scripts.synth import Expansion, Written
    from respool.scripts.unsynth import UnsynthError, unsynth

    saved = SavedAnswers()
    # A session log that is named is read as one.
    read = codex_session.read if codex_session.is_session(data) else formats.read
    turns = [saved.streamed(turn) for turn in read(data, "recording", path)]
    expansions = [
        Expansion(turn.header.fields, tuple(Written(it.gap, it.event, ()) for it in turn.events))
        for turn in turns
    ]
    for turn in turns:
        if turn.events and run_together(timed.event for timed in turn.events):
            cause = "no script gives this: several responses run at a time in it"
            raise RecordingError(cause, path, turn.events[0].line)
    try:
        found = unsynth(expansions, pace=pace)
    except UnsynthError as error:
        turn = turns[error.turn - 1]
        line = turn.events[0].line if turn.events else None
        raise RecordingError(f"no script gives this: {error}", path, line) from None
    written = format_.write(found)
    format_.read(written.encode(), "script", path)  # raises what a server would refuse
    return written, sum(step.type == "event" for turn in found.turns for step in turn.steps)


def print_literals(count: int) -> None:
    """Print to stderr how many events a Script has one by one."""
    if count:
        echo(f"events written one by one, since no step gives them: {count}", err=True)


def _read(recording: Path) -> tuple[bytes, str]:
    if str(recording) == "-":
        return sys.stdin.buffer.read(), "<stdin>"
    try:
        return recording.read_bytes(), str(recording)
    except OSError as error:
        raise PathError(f"{recording}: {(error.strerror or str(error)).lower()}") from None


def _write(text: str, out: Path) -> None:
    if str(out) == "-":
        echo_bytes(text.encode())
        return
    from respool.recordings.formats.script import SUFFIXES

    write_file(out, text.encode())
    if not out.name.endswith(SUFFIXES):
        echo(f"a server takes {out} for a script only if its name ends in {SUFFIXES[0]}", err=True)
