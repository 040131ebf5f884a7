"""The command line. Commands import what they need when they run, so that ``--help`` is quick.

Exit codes: 0 fine; 1 it failed while running; 2 wrong usage, or a path that is not there.
"""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from respool import __version__
from respool.errors import OptionError, PathError, RespoolError

if TYPE_CHECKING:
    from rich.console import Console

    from respool.store import Store

FAILED = 1
WRONG_USAGE = 2


class DefaultGroup(click.Group):
    """``respool fixtures/`` is ``respool serve fixtures/``: the commonest thing needs no word."""

    default = "serve"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for param in self.params for name in param.opts} | set(ctx.help_option_names)
        if not args or (args[0] not in self.commands and args[0] not in own):
            args.insert(0, self.default)
        return super().parse_args(ctx, args)


class Number(click.ParamType[float]):
    """A number, or one of some words that stand for a value."""

    def __init__(self, name: str, words: dict[str, Any] | None = None) -> None:
        self.name = name
        self.words = words or {}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in self.words:
            return self.words[value]
        try:
            return float(value)
        except ValueError:
            words = "".join(f" or {word}" for word in self.words)
            self.fail(
                f"{value!r} is neither a number{words}".replace("neither a number", "no number", not words)
            )


SECONDS = Number("S")
GAP = Number("S|typical", {"typical": "typical"})
SPEED = Number("FACTOR|instant", {"instant": math.inf})
SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class Size(click.ParamType[int]):
    """A number of bytes: 1000000, 512K, 32M, 1G."""

    name = "BYTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).lower().removesuffix("b").removesuffix("i")
        number, unit = (text[:-1], text[-1]) if text[-1:] in SIZE_UNITS and text[-1:] else (text, "")
        if not number.isdecimal():
            self.fail(f"{value!r} is no size: expected bytes, or a number with K, M or G")
        return int(number) * SIZE_UNITS[unit]


@click.group(
    cls=DefaultGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "RESPOOL"},
    epilog="Without a command, serve is run. Exit codes: 0 fine, 1 failed, 2 wrong usage.",
)
@click.version_option(__version__, message="respool %(version)s")
def cli() -> None:
    """Replay recorded Responses API event streams, on time and byte for byte."""


@cli.command(
    epilog="""\b
Examples:
  respool fixtures/                       serve a folder on 127.0.0.1:8080
  respool serve a.jsonl b/ --port 0       a file and a folder, on a free port
  respool fixtures/ --speed instant       all at once
  respool fixtures/ --gap typical         recordings without times arrive in bursts
  respool fixtures/ --ttft 2 --max-gap 1  two seconds to the first token, no longer pause
"""
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one."
)
@click.option("--speed", type=SPEED, default=1.0, help="2 is twice as fast; instant sends all at once.")
@click.option("--gap", type=GAP, default=0.02, help="Time before an event which has none [default: 0.02].")
@click.option("--max-gap", type=SECONDS, help="No pause is longer.")
@click.option("--ttft", type=SECONDS, help="Time to first token: when the first delta comes.")
@click.option("--jitter", type=SECONDS, default=0.0, help="Change each gap at random by up to this.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance: same seed, same times.")
@click.option("--default", metavar="NAME", help="The recording that answers what no other does.")
@click.option("--reload", is_flag=True, help="Take up changes of the files while running.")
@click.option("--max-body", type=Size(), default="32M", show_default=True, help="Limit of a request body.")
@click.option("--quiet", "-q", is_flag=True, help="No line for each request.")
def serve(
    paths: Sequence[Path],
    host: str,
    port: int,
    default: str | None,
    reload: bool,
    max_body: int,
    quiet: bool,
    **pace: Any,
) -> None:
    """Serve the recordings in PATHS, folders and files."""
    from respool.http import create_app
    from respool.http.serving import bind, url_of, uvicorn_server
    from respool.pace import Pace
    from respool.server import MockServer
    from respool.store import Store

    store = Store(paths)
    server = MockServer(store, pace=Pace(**pace), default=default)
    app = create_app(server, max_body=max_body, reload=reload)
    try:
        sock = bind(host, port)
    except OSError as error:
        raise RespoolError(
            f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}"
        ) from None
    _log_to_stderr(quiet)
    _greet(store, url_of(sock), server.default)
    with sock:
        uvicorn_server(app).run(sockets=[sock])


@cli.command(
    "list",
    epilog="""\b
Examples:
  respool list fixtures/                  what a server would serve, and what it would refuse
  respool list fixtures/ --names          just the names, for scripts
""",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--names", is_flag=True, help="Print the names only, one a line.")
def list_(paths: Sequence[Path], names: bool) -> None:
    """List the recordings in PATHS, and the files that are refused."""
    from respool.pace import Pace
    from respool.store import Store

    store = Store(paths)
    if names:
        click.echo("".join(f"{name}\n" for name in store.names), nl=False)
        return
    from rich.table import Table

    table = Table("name", "turns", "events", "seconds", "answer", "note", box=None, pad_edge=False)
    for name in store.names:
        turns = store.turns(name)
        events = sum(len(turn.events) for turn in turns)
        timed = any(event.gap is not None for turn in turns for event in turn.events)
        seconds = sum(moments[-1] for turn in turns if (moments := Pace(gap=0.0).moments(turn)))
        ends = [turn.events[-1].event.type if turn.events else str(turn.header.status) for turn in turns]
        table.add_row(
            name,
            str(len(turns)),
            str(events),
            f"{seconds:.2f}" if timed else "-",
            " ".join(end.removeprefix("response.") for end in ends),
            turns[0].header.note,
        )
    console = _console()
    console.print(table, soft_wrap=True)
    _print_refused(store, console)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line. What goes wrong is one line on stderr and an exit code."""
    try:
        # Not standalone, so that click's own errors become one line as well.
        code = cli.main(args, prog_name="respool", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = WRONG_USAGE
    except click.ClickException as error:
        click.echo(f"respool: {error.format_message()}", err=True)
        code = error.exit_code
    except (OptionError, PathError) as error:
        click.echo(f"respool: {error}", err=True)
        code = WRONG_USAGE
    except RespoolError as error:
        click.echo(f"respool: {error}", err=True)
        code = FAILED
    except BrokenPipeError:
        # The reader of our output (`respool list | head`) has left; that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (click.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _log_to_stderr(quiet: bool) -> None:
    import logging

    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("respool").setLevel(logging.INFO)
    logging.getLogger("respool.requests").setLevel(logging.WARNING if quiet else logging.INFO)


def _greet(store: "Store", url: str, default: str | None) -> None:
    console = _console()
    count = len(store.names)
    console.print(f"[bold]respool[/] {__version__} listens on [bold]{url}[/]", soft_wrap=True)
    console.print(f"serving {count} recording{'s' * (count != 1)}, refused {len(store.refused)}")
    _print_refused(store, console)
    if store.names:
        name = default or store.names[0]
        console.print(
            f"try: curl -N {url}/r/{name}/v1/responses -H 'content-type: application/json' "
            """-d '{"stream": true}'""",
            markup=False,
            soft_wrap=True,
        )


def _print_refused(store: "Store", console: "Console") -> None:
    for refusal in store.refused:
        console.print("[red]refused[/]", end=" ")
        console.print(str(refusal.error), markup=False, soft_wrap=True)
