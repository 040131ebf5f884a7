"""respool record"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from respool import __version__
from respool.commands.options import Port
from respool.errors import OptionError, RespoolError

if TYPE_CHECKING:
    from respool.record.redaction import Redactor
    from respool.record.replays import Replays
    from respool.recordings.recording import Recording

_MODES = ("all", "once", "new_episodes", "none")


@click.command(
    context_settings={"auto_envvar_prefix": "RESPOOL_RECORD"},
    epilog="""\b
Exit codes: 0 ended by SIGTERM; 1 it cannot listen or write, or --refresh found a difference;
2 wrong usage; 130 ended by Ctrl-C.

\b
Examples:
  respool record --upstream https://api.openai.com/v1 --into fixtures/
  respool record ... --api-key-env OPENAI_API_KEY      clients need no key
  respool record ... --mode new_episodes               ask only for what is not recorded yet
  respool record ... --redact 'cust-[0-9]{8}'          keep this out of the files, too
  respool record --upstream https://api.openai.com/v1 --refresh fixtures/ --api-key-env OPENAI_API_KEY
""",
)
@click.option("--upstream", required=True, metavar="URL", help="The base URL to ask, as SDKs take it.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="The folder to write into.")
@click.option(
    "--refresh",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Send the recorded requests of PATH again, and show what is different.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=Port.default, show_default=True, type=Port(), help="0 picks a free one.")
@click.option("--api-key-env", metavar="NAME", help="Send the key in this variable, not the client's.")
@click.option("--name", "template", metavar="TEMPLATE", help="Of recordings [default: '{model}/{slug}'].")
@click.option(
    "--mode", type=click.Choice(_MODES), default="all", show_default=True, help="What is asked upstream."
)
@click.option("--overwrite", is_flag=True, help="Replace recordings of the same name.")
@click.option("--redact", multiple=True, metavar="REGEX", help="Keep out of files what this matches.")
@click.option("--redact-pointer", multiple=True, metavar="POINTER", help="Keep out what is at /a/*/b.")
@click.option("--redact-hook", metavar="MODULE:FUNCTION", help="Keep out the secrets that this finds.")
@click.option("--http2", is_flag=True, help="Speak HTTP/2 with the upstream, if it does.")
@click.option("--quiet", "-q", is_flag=True, help="No line for each recording.")
def record(
    upstream: str,
    into: Path | None,
    refresh: Path | None,
    host: str,
    port: int,
    api_key_env: str | None,
    http2: bool,
    **options: Any,
) -> None:
    """Relay requests to an upstream server, and record its answers.

    Point your client's base URL at what is printed. The client's key goes through, and into no file.
    """
    from respool.record.upstream import Upstream

    if (into is None) == (refresh is None):
        raise OptionError("expected --into FOLDER to record, or --refresh PATH to compare")
    key = _key(api_key_env)
    redactor = _redactor(options["redact"], options["redact_pointer"], options["redact_hook"])
    if key:
        redactor.learn(key)
    asked = Upstream(upstream, api_key=key, http2=http2)
    if refresh is not None:
        _refresh(asked, refresh, redactor)
        return
    assert into is not None
    _serve(asked, upstream, into, redactor, host, port, options)


def _serve(
    asked: Any, upstream: str, into: Path, redactor: "Redactor", host: str, port: int, options: Any
) -> None:
    from respool.http.serving import uvicorn_server
    from respool.listening import bind, url_of
    from respool.record.recorder import Recorder, RecordOptions
    from respool.record.relay import Relay

    replays: Replays | None = None

    def finished(name: str, path: Path, turn: "Recording | None") -> None:
        if replays is not None:
            replays.refresh()
        if not options["quiet"]:
            click.echo(f"recorded {path}: {_told(turn)}", err=True)

    recorder = Recorder(into, RecordOptions(options["template"], options["overwrite"], redactor, finished))
    if options["mode"] != "all":
        replays = _replays(options["mode"], into)
    _log_to_stderr()
    try:
        sock = bind(host, port)
    except OSError as error:
        raise RespoolError(
            f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}"
        ) from None
    with sock:
        url = click.style(f"{url_of(sock)}/v1", bold=True)
        click.echo(f"{click.style('respool', bold=True)} {__version__} listens on {url}")
        click.echo(f"recording the answers of {upstream} into {into}")
        for left in recorder.recordings.shelf.leftovers():
            click.echo(f"{left} was left by a recorder that was killed; respool repair closes it")
        uvicorn_server(Relay(asked, recorder, replays)).run(sockets=[sock])
    if recorder.stopped:
        raise recorder.stopped


def _replays(mode: str, into: Path) -> "Replays":
    from respool.http import create_app
    from respool.record.replays import Replays
    from respool.recordings.store import Store
    from respool.server.mock_server import MockServer

    store = Store(into)
    return Replays(mode, store, create_app(MockServer(store)))


def _refresh(asked: Any, path: Path, redactor: "Redactor") -> None:
    import asyncio

    from respool.diff.text import as_text
    from respool.record.refresh import refresh

    different = 0
    for name, turn, found in asyncio.run(refresh(asked, path, redactor)):
        if isinstance(found, str):
            different += 1
            click.echo(f"{name}#{turn}: {found}")
            continue
        different += bool(found.changes)
        click.echo(f"{name}#{turn}: {'different' if found.changes else 'as recorded'}")
        if found.changes:
            click.echo("\n".join(f"  {line}" for line in as_text(found)))
    if different:
        raise click.exceptions.Exit(1)


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise OptionError(f"--api-key-env {variable}: the variable is not set")
    return key


def _redactor(patterns: Sequence[str], pointers: Sequence[str], hook: str | None) -> "Redactor":
    from respool.record.redaction import Redactor, load_hook

    return Redactor(patterns, pointers, load_hook(hook) if hook else None)


def _told(turn: "Recording | None") -> str:
    if turn is None:
        return "one turn"
    ended = turn.header.fields.get("ended")
    how = "" if ended == "complete" else f" ({ended})"
    if turn.plain:
        return f"turn with status {turn.header.status}{how}"
    seconds = sum(timed.gap or 0.0 for timed in turn.events)
    return f"{len(turn.events)} events, {seconds:.2f} s{how}"


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
