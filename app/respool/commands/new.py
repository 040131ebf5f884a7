"""respool new"""

import json
import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from respool.commands.console import DOCS, echo, write_file
from respool.errors import PathError

if TYPE_CHECKING:
    from respool.scripts import Step

SUFFIX = ".script.yaml"


def _print_schema(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from respool.scripts import schema

        echo(json.dumps(schema(), indent=2, ensure_ascii=False))
        ctx.exit()


@click.command(
    epilog="""\b
Exit codes: 0 it is written; 2 wrong usage, or a file that is already there.

\b
Examples:
  respool new hello --text "Hello there!"
  respool new tools/weather --tool get_weather:'{"city":"Paris"}' --into fixtures
  respool new puzzle --reasoning "Let us see." --text "It is 42." --model gpt-5.2
  respool new --schema > script.schema.json       for editors: see docs/scripts.md
"""
)
@click.argument("name")
@click.option("--text", multiple=True, help="A message says this.")
@click.option("--reasoning", multiple=True, help="The model reasons, with this summary.")
@click.option("--refusal", help="The model refuses, in these words.")
@click.option(
    "--tool", "tools", multiple=True, metavar="NAME:JSON", help="A function is called with these arguments."
)
@click.option("--model", help="The model that answers.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder to write below [the current one].",
)
@click.option("--force", is_flag=True, help="Replace a file that is already there.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of scripts instead.",
)
def new(
    name: str,
    text: Sequence[str],
    reasoning: Sequence[str],
    refusal: str | None,
    tools: Sequence[str],
    model: str | None,
    into: Path,
    force: bool,
) -> None:
    """Write a script NAME.script.yaml: a recording by hand, to go on with.

    The response has, in this order: reasoning, messages, a refusal, calls of functions; with none of
    them, a message. --text, --reasoning and --tool may be given several times.
    """
    from respool.recordings.formats import script as format_
    from respool.scripts import Script, Turn

    path = _path(name, into)
    steps = tuple(_steps(text, reasoning, refusal, tools))
    _check_free(path, force)
    written = format_.write(Script((Turn(steps, model=model),)))
    format_.read(written.encode(), name, str(path))  # raises the errors that a server would find
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PathError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    write_file(path, written.encode(), replace=force)
    echo(str(path))
    stem = path.relative_to(into).as_posix().removesuffix(SUFFIX)
    echo(
        f"""serve it:  respool serve {shlex.quote(str(into))}
ask it:    curl -N http://127.0.0.1:8080/r/{quote(stem)}/v1/responses -d '{{"stream": true}}'
go on:     {DOCS}/scripts.md has all that a script can say""",
        err=True,
    )


def _steps(
    text: Sequence[str], reasoning: Sequence[str], refusal: str | None, tools: Sequence[str]
) -> Iterator["Step"]:
    from respool.scripts import Step

    if reasoning:
        yield Step("reasoning", {"summary": tuple(reasoning)})
    something = reasoning or tools or refusal is not None
    for message in text or ([] if something else ["Hello there!"]):
        yield Step("message", {"text": message})
    if refusal is not None:
        yield Step("message", {"content": (("refusal", refusal),)})
    for tool in tools:
        name, arguments = _tool(tool)
        yield Step("function_call", {"name": name, "arguments": arguments})


def _tool(text: str) -> tuple[str, str]:
    name, _, arguments = text.partition(":")
    try:
        parsed = json.loads(arguments or "{}", parse_constant=_no_number, parse_float=_number)
    except RecursionError:
        raise click.BadParameter(
            f"the arguments of {name} are nested too deeply", param_hint="'--tool'"
        ) from None
    except ValueError as error:
        raise click.BadParameter(
            f"the arguments of {name} are not JSON: {error}", param_hint="'--tool'"
        ) from None
    if not name or not isinstance(parsed, dict):
        raise click.BadParameter(f"{text!r}: expected NAME or NAME:{{...}}", param_hint="'--tool'")
    return name, arguments or "{}"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _path(name: str, into: Path) -> Path:
    """Return the path of the script: below `into`, for any name."""
    parts = name.removesuffix(SUFFIX).replace("\\", "/").split("/")
    if not name.isprintable() or any(
        part.strip() in ("", ".", "..") or part.startswith(".") or set(part) & set("#:") for part in parts
    ):
        raise click.BadParameter(
            f"{name!r} is no name: expected words parted by /, without a dot in front, #, : and line ends",
            param_hint="NAME",
        )
    path = into.joinpath(*parts[:-1], parts[-1] + SUFFIX)
    if not path.resolve().is_relative_to(into.resolve()):
        raise PathError(f"{path}: it leads out of {into}")
    return path


def _check_free(path: Path, force: bool) -> None:
    """Raise PathError if the file exists, or another one that a server would give the same name."""
    from respool.recordings.formats import FORMATS

    try:
        taken = path.exists()
    except OSError as error:
        raise PathError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if taken and not force:
        raise PathError(f"{path} is already there; --force replaces it")
    stem = path.name.removesuffix(SUFFIX)
    for format_ in FORMATS.values():
        for suffix in format_.SUFFIXES:
            other = path.with_name(stem + suffix)
            if other != path and other.exists():
                raise PathError(f"{other} has that name already; a server would refuse both")
