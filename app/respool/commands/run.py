"""respool run"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from respool.commands.console import write
from respool.commands.drill import Command
from respool.commands.serve import make_lazy_app, serve, steady_gc
from respool.errors import OptionError, PathError, RespoolError
from respool.listening import bind, url_of

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

API_KEY = "respool"  # the key for SDKs, if the server takes any
_HEALTH_CHECK_SECONDS = 10
_SHOWN = 20  # lines of a list
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # exit codes, as in shells

# Options of serve that make no sense for a server of one command.
_LEFT_OUT = {"host", "port", "workers", "reload", "quiet"}
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


@click.command(
    cls=Command,
    options_metavar="[OPTIONS]",
    params=[
        *(param for param in serve.params if param.name not in _LEFT_OUT),
        click.Option(["--log"], is_flag=True, help="A line on stderr for each request."),
        click.Option(
            ["--journal"], metavar="FILE", help="Write a JSON line for each request into FILE, at the end."
        ),
        click.Option(
            ["--summary"], metavar="FILE", help="Append a summary in Markdown to FILE, for a page of a CI."
        ),
        click.Option(["--strict"], is_flag=True, help="Fail if no recording answered some request."),
        click.Option(
            ["--strict-unplayed"], is_flag=True, help="Fail if some turn of a recording was never played."
        ),
    ],
    context_settings={"auto_envvar_prefix": "RESPOOL"},
    epilog="""\b
The command finds the server in OPENAI_BASE_URL, with a key in OPENAI_API_KEY; RESPOOL_URL is the same
without /v1. Options are those of serve.

\b
Exit codes: that of the command; 126 it cannot be run; 127 it is not there; 1 --strict found something;
2 wrong usage.

\b
Examples:
  respool run fixtures/ -- npm test
  respool run fixtures/ --speed instant --default text/hello -- pytest -q
  respool run fixtures/ --fault 'status(code=503, times=2)' --strict -- ./client
""",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    log: bool,
    journal: str | None,
    summary: str | None,
    strict: bool,
    strict_unplayed: bool,
    **options: Any,
) -> None:
    """Run a command while a server plays the recordings in PATHS for it.

    What follows "--" is run when the server answers, and the server ends with it.
    """
    command = ctx.meta.get("respool.command")
    if not command:
        raise OptionError("there is no command to run; expected it after the paths and '--'")
    with _serving({**options, "workers": 1, "reload": False}, log) as (server, url):
        for refusal in server.store.refused:
            click.echo(f"respool: refused {refusal.error}", err=True)
        key = (options["api_keys"] or [API_KEY])[0]
        code = run_command(
            command, {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key, "RESPOOL_URL": url}
        )
        exchanges = list(server.journal)
        unplayed = server.unplayed()
    unmatched = [str(exchange) for exchange in exchanges if exchange.unmatched]
    _list("answered by no recording", unmatched)
    _list("never played", unplayed)
    if journal:
        write(journal, "".join(f"{json.dumps(exchange.to_log())}\n" for exchange in exchanges))
    if summary:
        _append(summary, _summary(len(exchanges), unmatched, unplayed))
    if code == 0 and ((strict and unmatched) or (strict_unplayed and unplayed)):
        code = 1
    raise click.exceptions.Exit(code)


@contextmanager
def _serving(options: Mapping[str, Any], log: bool) -> Iterator[tuple["MockServer", str]]:
    """Run a server in a thread on a free port; yield it and its URL when it answers."""
    import logging
    import threading

    if log:
        logging.basicConfig(format="%(asctime)s respool: %(message)s", datefmt="%H:%M:%S")
        logging.getLogger("respool").setLevel(logging.INFO)
    started = threading.Event()
    with steady_gc():
        from respool.http.serving import uvicorn_server

        server, app = make_lazy_app(options)
    uvicorn = uvicorn_server(app, grace=0, on_started=started.set)

    def serve() -> None:
        try:
            uvicorn.run(sockets=[sock])
        finally:
            started.set()

    with bind("127.0.0.1", 0) as sock:
        url = url_of(sock)
        thread = threading.Thread(target=serve, name="respool", daemon=True)
        thread.start()
        try:
            started.wait()
            _check_health(url)
            yield server, url
        finally:
            uvicorn.should_exit = True
            thread.join()


def _check_health(url: str) -> None:
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    connection = HTTPConnection(urlsplit(url).netloc, timeout=_HEALTH_CHECK_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise RespoolError(f"the server does not answer at {url}: {error}") from None
    finally:
        connection.close()
    if status != 200:
        raise RespoolError(f"the server at {url} is not healthy: status {status}")


def run_command(command: Sequence[str], more: Mapping[str, str]) -> int:
    """Run a command with `more` in its environment until it ends, and return its exit code as a shell does.
    Signals to this process are forwarded to it."""
    early: list[int] = []  # signals that came before the process started
    process: subprocess.Popen[bytes] | None = None

    def forward(number: int, frame: object) -> None:
        if process is None:
            early.append(number)
        elif number != signal.SIGINT or not _in_foreground():  # otherwise the terminal has sent it already
            with suppress(OSError):
                process.send_signal(number)

    numbers = [signal.SIGINT, *(getattr(signal, name) for name in _FORWARDED if hasattr(signal, name))]
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        process = subprocess.Popen([_found(command[0]), *command[1:]], env={**os.environ, **more})
        for number in early:
            forward(number, None)
        code = process.wait()
    except FileNotFoundError:
        click.echo(f"respool: {command[0]}: no such command", err=True)
        return NOT_FOUND
    except OSError as error:
        click.echo(f"respool: {command[0]}: {(error.strerror or str(error)).lower()}", err=True)
        return NOT_EXECUTABLE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _found(name: str) -> str:
    """Return a command's path. On Windows, npm is ``npm.cmd``, found only through PATHEXT."""
    from shutil import which

    return (which(name) or name) if os.name == "nt" else name


def _in_foreground() -> bool:
    """Return True if the terminal sends its Ctrl-C to the command, too."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except (OSError, AttributeError):  # there is no terminal
        return False


def _summary(requests: int, unmatched: Sequence[str], unplayed: Sequence[str]) -> str:
    lists = (("Answered by no recording", unmatched), ("Never played", unplayed))
    lines = [f"### Respool: {requests} request{'s' * (requests != 1)}", ""]
    for title, found in lists:
        lines.append(f"{title}: {len(found)}")
        if found:
            lines += ["", "```text", *found[:_SHOWN], *(["..."] if len(found) > _SHOWN else []), "```"]
        lines.append("")
    return "\n".join(lines)


def _append(file: str, text: str) -> None:
    try:
        with open(file, "a", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise PathError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from None


def _list(what: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    click.echo(f"respool: {what}:", err=True)
    for line in lines[:_SHOWN]:
        click.echo(f"  {line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"  and {len(lines) - _SHOWN} more", err=True)
