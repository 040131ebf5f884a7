"""respool record"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from respool import __version__
from respool.commands.param_types import Port
from respool.errors import OptionError, RespoolError

if TYPE_CHECKING:
    from respool.record.recording_set import RecordOptions
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
    help="Send the recorded requests of PATH again, and show the differences.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=Port.default, show_default=True, type=Port(), help="0 picks a free one.")
@click.option("--api-key-env", metavar="NAME", help="Send the key in this variable, not the client's.")
@click.option(
    "--name", "template", metavar="TEMPLATE", help="Template of recording names [default: '{model}/{slug}']."
)
@click.option(
    "--mode",
    type=click.Choice(_MODES),
    default="all",
    show_default=True,
    help="Requests to relay to the upstream.",
)
@click.option("--overwrite", is_flag=True, help="Replace recordings of the same name.")
@click.option("--redact", multiple=True, metavar="REGEX", help="Redact matches of this pattern.")
@click.option(
    "--redact-pointer", multiple=True, metavar="POINTER", help="Redact the value at this pointer, as /a/*/b."
)
@click.option("--redact-hook", metavar="MODULE:FUNCTION", help="Redact the secrets that this function finds.")
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
    from respool.record.live_upstream import key_in
    from respool.record.upstream import Upstream

    if (into is None) == (refresh is None):
        raise OptionError("expected --into FOLDER to record, or --refresh PATH to compare")
    key = key_in(api_key_env)
    make = partial(
        _options,
        template=options["template"],
        overwrite=options["overwrite"],
        patterns=options["redact"],
        pointers=options["redact_pointer"],
        hook=options["redact_hook"],
        key=key,
        quiet=options["quiet"],
    )
    target = Upstream(upstream, api_key=key, http2=http2)
    if refresh is not None:
        _refresh(target, refresh, make().redactor)
        return
    assert into is not None
    _serve(target, upstream, into, make, host, port, options["mode"])


def _options(
    template: str | None,
    overwrite: bool,
    patterns: Sequence[str],
    pointers: Sequence[str],
    hook: str | None,
    key: str | None,
    quiet: bool,
) -> "RecordOptions":
    """Return the recorder's options, in the recorder's process."""
    from respool.record.recording_set import RecordOptions
    from respool.record.redaction import Redactor, load_hook

    redactor = Redactor(patterns, pointers, load_hook(hook) if hook else None)
    if key:
        redactor.learn(key)
    return RecordOptions(template, overwrite, redactor, _print_nothing if quiet else _print_recorded)


def _print_recorded(name: str, path: Path, turn: "Recording | None") -> None:
    click.echo(f"recorded {path}: {_summary(turn)}", err=True)


def _print_nothing(name: str, path: Path, turn: "Recording | None") -> None:
    pass


def _both(
    callback: "Callable[[str, Path, Recording | None], None]", refresh: "Callable[[], None]"
) -> "Callable[[str, Path, Recording | None], None]":
    def finished(name: str, path: Path, turn: "Recording | None") -> None:
        callback(name, path, turn)
        refresh()

    return finished


def _serve(
    target: Any,
    upstream: str,
    into: Path,
    make: "Callable[[], RecordOptions]",
    host: str,
    port: int,
    mode: str,
) -> None:
    from respool.commands.serve import steady_gc
    from respool.listening import bind, url_of

    with steady_gc():
        from respool.http.serving import uvicorn_server
        from respool.record.recorder import Recorder
        from respool.record.recorder_process import RecorderProcess
        from respool.record.relay import Relay
        from respool.record.shelf import leftovers

    left = leftovers(into)
    try:
        sock = bind(host, port)
    except OSError as error:
        raise RespoolError(
            f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}"
        ) from None
    recorder: Recorder | RecorderProcess
    with sock:
        if mode == "all":
            recorder, replays = RecorderProcess(into, make), None
        else:
            # A recording can be played at once, so record in the same process.
            options = make()
            into.mkdir(parents=True, exist_ok=True)
            replays = _replays(mode, into)
            recorder = Recorder(
                into, replace(options, on_finished=_both(options.on_finished, replays.refresh))
            )
        _log_to_stderr()
        url = click.style(f"{url_of(sock)}/v1", bold=True)
        click.echo(f"{click.style('respool', bold=True)} {__version__} listens on {url}")
        click.echo(f"recording the answers of {upstream} into {into}")
        for file in left:
            click.echo(f"{file} was left by a recorder that was killed; respool repair closes it")
        uvicorn_server(Relay(target, recorder, replays)).run(sockets=[sock])
    if recorder.stopped:
        raise RespoolError(str(recorder.stopped))


def _replays(mode: str, into: Path) -> "Replays":
    from respool.http import create_app
    from respool.record.replays import Replays
    from respool.recordings.store import Store
    from respool.server.mock_server import MockServer

    store = Store(into)
    return Replays(mode, store, create_app(MockServer(store)))


def _refresh(target: Any, path: Path, redactor: "Redactor") -> None:
    import asyncio

    from respool.diff.text import as_text
    from respool.record.refresh import refresh

    different = 0
    for name, turn, found in asyncio.run(refresh(target, path, redactor)):
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


def _summary(turn: "Recording | None") -> str:
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
