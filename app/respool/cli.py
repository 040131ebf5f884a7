"""The command line: the group of all commands, and how errors end.

Exit codes: 0 fine; 1 it failed while running; 2 wrong usage, or a path that is not there.
"""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click

from respool import __version__
from respool.commands import COMMANDS
from respool.commands.console import echo, flush_stdout, prepare_streams
from respool.errors import OptionError, PathError, RespoolError, printable

FINE = 0
FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

# If this variable is set, an internal error prints its traceback.
TRACEBACK = "RESPOOL_TRACEBACK"


class Commands(click.Group):
    """The commands of the table, imported when they are used.

    ``respool fixtures/`` is ``respool serve fixtures/``: the commonest thing needs no word.
    """

    default = "serve"

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"respool.commands.{module}"), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for param in self.params for name in param.opts} | set(ctx.help_option_names)
        if args[:1] == ["help"] and not os.path.exists("help"):
            args = [*args[1:], "--help"]
        # No default command during completion: the shell then offers the commands.
        if not ctx.resilient_parsing and (not args or (args[0] not in COMMANDS and args[0] not in own)):
            _check_is_path(args)
            args.insert(0, self.default)
        return super().parse_args(ctx, args)


def _check_is_path(args: Sequence[str]) -> None:
    """Raise UsageError for a single word that is nearly a command and no path."""
    word = args[0] if args else ""
    nearest = get_close_matches(word[:50], COMMANDS, n=1, cutoff=0.7)
    if nearest and not os.path.exists(word):
        raise click.UsageError(f"no command or folder {word}; did you mean {nearest[0]}?")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Without a command, serve is run. Exit codes: 0 fine, 1 failed, 2 wrong usage.",
)
@click.version_option(__version__, message="respool %(version)s")
def cli() -> None:
    """Replay recorded Responses API event streams, on time and byte for byte."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line. What goes wrong is one line on stderr and an exit code."""
    prepare_streams()
    code, message = _run(args)
    try:
        flush_stdout()
    except OSError as error:
        code, message = FAILED, message or _cannot_write(error)
    if message:
        echo(f"respool: {message}", err=True)
    sys.exit(code)


def _run(args: Sequence[str] | None) -> tuple[int, str]:
    """Run a command; its exit code, and what went wrong."""
    try:
        # Not standalone, so that click's own errors become one line as well.
        code = cli.main(args, prog_name="respool", standalone_mode=False)
        return code or FINE, ""
    except click.ClickException as error:
        message = error.format_message().rstrip(".")
        hint = "; see 'respool --help'" if isinstance(error, click.UsageError) else ""
        return error.exit_code, f"{message[:1].lower()}{message[1:]}{hint}"
    except (OptionError, PathError) as error:
        return WRONG_USAGE, str(error)
    except RespoolError as error:
        return FAILED, str(error)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED, ""
    except RecursionError:
        return FAILED, "something is nested too deeply to be read"
    except MemoryError:
        return FAILED, "out of memory"
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:
            return FAILED, _cannot_write(error)
        if isinstance(error, OSError):
            problem = (error.strerror or str(error)).lower()
            return WRONG_USAGE, f"{printable(str(error.filename), 300)}: {problem}"
        if os.environ.get(TRACEBACK):
            raise
        return (
            FAILED,
            f"internal error: {type(error).__name__}: {printable(str(error))}; {TRACEBACK}=1 shows it",
        )


def _cannot_write(error: OSError) -> str:
    return f"cannot write: {(error.strerror or str(error)).lower()}"
