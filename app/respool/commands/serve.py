"""respool serve"""

import errno
import gc
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from respool import __version__
from respool.commands.options import (
    GAP,
    MATCHING,
    SECONDS,
    SPEED,
    FaultType,
    Port,
    Size,
    matching_options,
    paths_argument,
)
from respool.commands.output import echo, new_console, print_mistakes, print_passed_over, print_refused
from respool.errors import OptionError, RecordingError, RespoolError, printable
from respool.listening import address_of, bind_each, bind_path, url_of
from respool.logs import log_to_stderr
from respool.protocol.profiles import OPENAI, PROFILES
from respool.recordings.recording import FRAMINGS, IDS, ON_UNKNOWN_ID, REPLAY_WINDOW

if TYPE_CHECKING:
    from socket import socket

    from fastapi import FastAPI

    from respool.faults import Fault
    from respool.recordings.store import PassedOver, Refusal, Store
    from respool.server.mock_server import MockServer


_KEY_VARIABLE = "RESPOOL_API_KEY"
_QUICK = 2.0  # seconds
_GAP = 0.02  # seconds, where a recording has no times


def _join(context: click.Context, option: click.Parameter, value: Any) -> "tuple[Fault, ...]":
    return tuple(fault for faults in value for fault in faults)


@click.command(
    context_settings={"auto_envvar_prefix": "RESPOOL"},
    epilog="""Each option can also be set in the environment: --max-gap as RESPOOL_MAX_GAP.

\b
Examples:
  respool fixtures/                       serve a folder on 127.0.0.1:8080
  respool serve a.jsonl b/ --port 0       a file and a folder, on a free port
  respool fixtures/ --speed instant       all at once
  respool fixtures/ --gap typical         recordings without times arrive in bursts
  respool fixtures/ --fault 'abort(after=5)'   every stream breaks after five events
  respool fixtures/ --ttft 2 --max-gap 1  two seconds to the first token, no longer pause
""",
)
@paths_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=Port.default, show_default=True, type=Port(), help="0 picks a free one.")
@click.option("--speed", type=SPEED, default=1.0, help="2 is twice as fast; instant sends all at once.")
@click.option("--gap", type=GAP, default=0.02, help="Time before an event which has none [default: 0.02].")
@click.option("--max-gap", type=SECONDS, help="No pause is longer.")
@click.option("--ttft", type=SECONDS, help="Time to first token: when the first delta comes.")
@click.option("--jitter", type=SECONDS, default=0.0, help="Change each gap at random by up to this.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance: same seed, same times.")
@click.option(
    "--fault",
    "faults",
    type=FaultType(),
    multiple=True,
    callback=_join,
    envvar="RESPOOL_FAULT",
    help="What goes wrong with every answer, as 'abort(after=5)'.",
)
@click.option(
    "--request-faults/--no-request-faults",
    default=True,
    help="Whether a request may ask for faults, by the header x-respool-fault [default: it may].",
)
@click.option("--default", metavar="NAME", help="The recording that answers what no other does.")
@matching_options
@click.option(
    "--ids",
    type=click.Choice(IDS),
    default=IDS[0],
    show_default=True,
    help="Of responses, items and calls: as recorded, or fresh ones for each request.",
)
@click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    default=OPENAI.name,
    show_default=True,
    help="Whose way of speaking scripts and errors have.",
)
@click.option(
    "--keepalive", type=SECONDS, help="Keep a silent stream alive after so many seconds [default: never]."
)
@click.option(
    "--framing",
    type=click.Choice(FRAMINGS),
    default=FRAMINGS[0],
    show_default=True,
    help="Of what was captured from a wire: as it was there, or as the API frames events.",
)
@click.option(
    "--replay-window",
    type=SECONDS,
    default=REPLAY_WINDOW,
    show_default=True,
    help="How long after its end a background response can be streamed.",
)
@click.option(
    "--on-unknown-id",
    type=click.Choice(ON_UNKNOWN_ID),
    default=ON_UNKNOWN_ID[0],
    show_default=True,
    help="What answers for an id that is not known: a 404, or the default recording's response.",
)
@click.option(
    "--clock",
    "clock_mode",
    type=click.Choice(("real", "frozen", "auto")),
    default="real",
    show_default=True,
    envvar="RESPOOL_CLOCK",
    help="How time passes in sessions: it runs, moves only as the admin API says, or jumps to what is due.",
)
@click.option("--reload", is_flag=True, help="Take up changes of the files while running.")
@click.option(
    "--validate-requests",
    type=click.Choice(["off", "basic", "strict"]),
    help="What to refuse: next to nothing, what is wrong for any model, what the openai package lacks "
    "[default: basic; off with --on-unknown-id default].",
)
@click.option("--max-body", type=Size(), default="32M", show_default=True, help="Limit of a request body.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that serve. Several need --state or --stateless.",
)
@click.option(
    "--state",
    metavar="URL",
    help="Where several servers keep what they remember, as redis://HOST:6379/0 (extra redis) [default: in "
    "the memory of this process].",
)
@click.option("--stateless", is_flag=True, help="Remember nothing, and refuse what needs it.")
@click.option("--api-key", metavar="KEY", multiple=True, help="Answer 401 to other keys. Repeatable.")
@click.option(
    "--cors",
    metavar="ORIGIN",
    multiple=True,
    envvar="RESPOOL_CORS",
    help="Let pages of this origin call the API, as those of loopback origins may; * is any. Repeatable.",
)
@click.option(
    "--websocket/--no-websocket",
    default=True,
    help="Serve the API over WebSocket, too; if not, an upgrade is refused with 426 [default: it is].",
)
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    help="Answer also to this name in Host; '*.NAME' for all below it, '*' for any. Repeatable. On loopback "
    "only its own names are answered to.",
)
@click.option("--uds", metavar="PATH", help="Listen on a Unix socket instead of a port.")
@click.option("--tls-cert", metavar="FILE", help="Serve TLS with this certificate (PEM, with its chain).")
@click.option("--tls-key", metavar="FILE", help="The key of the certificate.")
@click.option(
    "--base-path",
    "base_paths",
    metavar="PATH",
    multiple=True,
    help="Answer below this path, too, as below /v1; / for /responses. Repeatable.",
)
@click.option(
    "--drain",
    type=SECONDS,
    default=0.0,
    help="How long answers may take to end after SIGTERM; /readyz says 503 meanwhile [default: 0].",
)
@click.option("--max-streams", type=click.IntRange(min=1), metavar="N", help="Refuse more streams at once.")
@click.option(
    "--max-connections", type=click.IntRange(min=1), metavar="N", help="Refuse more connections at once."
)
@click.option(
    "--idle-timeout",
    type=SECONDS,
    default=75.0,
    help="Close a connection that nothing was asked on for so long [default: 75].",
)
@click.option("--metrics", is_flag=True, help="Have /metrics for Prometheus (extra metrics).")
@click.option(
    "--head-timeout",
    type=SECONDS,
    default=60.0,
    help="Close a connection whose request's head takes longer [default: 60].",
)
@click.option(
    "--fail-on-refused", is_flag=True, help="Do not start if a file cannot be used: for CI, exit code 1."
)
@click.option(
    "--admin/--no-admin", default=True, help="Whether there is the admin API at /__admin [default: it is]."
)
@click.option("--admin-token", metavar="TOKEN", help="What the admin API needs [default: nothing].")
@click.option("--quiet", "-q", is_flag=True, help="No line for each request.")
def serve(host: str, port: int, quiet: bool, **options: Any) -> None:
    """Serve the recordings in PATHS, folders and files."""
    if options["state"] is not None and options["stateless"]:
        raise OptionError(
            "--state says where to remember, and --stateless to remember nothing: leave one out"
        )
    if options["workers"] > 1 and options["state"] is None and not options["stateless"]:
        raise OptionError(
            f"{options['workers']} workers need a place for what they remember: --state redis://HOST:PORT "
            "(pip install 'respool[redis]'), or --stateless, with which background responses, retrieve, "
            "conversations and previous_response_id are refused"
        )
    if options["workers"] > 1:
        _serve_together(host, port, quiet, options)
        return
    with steady_gc():
        from respool.http.serving import uvicorn_server

        server, app = make_app(options, host)
        (sock,) = _bind(host, port, 1, options["uds"])
    log_to_stderr(quiet)
    _greet(Greeting.of(server), _url_of(sock, options), options["api_key"])
    with sock:
        uvicorn_server(app, **_serving(options)).run(sockets=[sock])


def _serve_together(host: str, port: int, quiet: bool, options: Mapping[str, Any]) -> None:
    """Serve with several workers. This process only watches them, and loads nothing that it does not need."""
    from respool.workers import Workers

    socks = _bind(host, port, options["workers"], options["uds"])
    log_to_stderr(quiet)

    def close() -> None:  # or clients would wait for an answer from a socket that nobody accepts from
        for sock in socks:
            sock.close()

    workers = Workers(work, [(sock, quiet, options) for sock in socks])
    url = _url_of(socks[0], options)
    workers.run(ready=lambda greeting: _greet(greeting, url, options["api_key"]), ending=close)


def work(
    number: int, report: "Callable[[Greeting], None]", sock: "socket", quiet: bool, options: Mapping[str, Any]
) -> None:
    """What each worker does; it reports when requests are answered."""
    with steady_gc():
        from respool.http.serving import uvicorn_server

        server, app = make_app(options, None if options["uds"] else sock.getsockname()[0])
    log_to_stderr(quiet, f"worker {number}: ")
    uvicorn_server(app, on_started=lambda: report(Greeting.of(server)), **_serving(options)).run(
        sockets=[sock]
    )


def _serving(options: Mapping[str, Any]) -> dict[str, Any]:
    """How connections are served. Raises OptionError."""
    certificate, key = options["tls_cert"], options["tls_key"]
    if (certificate is None) != (key is None):
        raise OptionError("--tls-cert and --tls-key go together: give both, or none")
    for name, path in (("tls-cert", certificate), ("tls-key", key)):
        if path is not None and not os.path.isfile(path):
            raise OptionError(f"{name} is {printable(path)}, and there is no such file")
    return {
        **{name: options[name] for name in ("head_timeout", "drain", "idle_timeout", "max_connections")},
        "tls": None if certificate is None else (certificate, key),
        "websocket": options["websocket"] and options["state"] is None,  # see `create_app`
    }


def _url_of(sock: "socket", options: Mapping[str, Any]) -> str:
    if options["uds"]:
        return f"unix:{options['uds']}"
    return url_of(sock).replace("http:", "https:" if options["tls_cert"] else "http:", 1)


def _bind(host: str, port: int, count: int, path: str | None = None) -> "list[socket]":
    if path is not None:
        try:
            return [bind_path(path)] * count
        except OSError as error:
            raise RespoolError(f"cannot listen on {printable(path)}: {error.strerror or error}") from None
    if not host:
        raise OptionError("host is empty; expected 127.0.0.1 for this machine only, or 0.0.0.0 for all")
    try:
        return bind_each(host, port, count)
    except (OSError, UnicodeError, TypeError) as error:  # a name that is none
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        problem = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "; --port takes another one, --port 0 any that is free" if taken else ""
        raise RespoolError(f"cannot listen on {printable(host)}:{port}: {problem}{hint}") from None


@contextmanager
def steady_gc() -> Iterator[None]:
    """Keep garbage collection from stopping all streams at once, in a process that loads in this block, and
    then only serves.

    What is loaded (modules, recordings, the app) is not looked at, now or later: nearly all of it stays, and
    to find that out takes as long as half of the loading. A stream is some 60 objects, and a collection takes
    up to a microsecond for each that it looks at: so it looks at 500 when they are new, once more at 2,500
    (with 25,000, as it was, it stopped all streams for 20 ms), and at all of them hardly ever. A request
    leaves nothing in cycles.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
        gc.set_threshold(500, 4, 10_000)
    finally:
        gc.enable()


def make_app(options: Mapping[str, Any], host: str | None = None) -> tuple["MockServer", "FastAPI"]:
    """The server and the app that options of this command ask for, for one that listens on `host`."""
    from respool.http import create_app
    from respool.http.hosts import allowed_hosts
    from respool.play.pace import Pace
    from respool.recordings.store import Store
    from respool.server.mock_server import MockServer
    from respool.server.state.opening import open_state

    if not options["api_key"] and os.environ.get(_KEY_VARIABLE, "x").strip() == "":
        raise OptionError(f"{_KEY_VARIABLE} is empty; unset it to serve without keys")
    if "*" in options["cors"]:
        click.echo(
            "warning: with --cors '*' any web page that a browser here shows may call the API", err=True
        )
    pace = Pace(**{field.name: options[field.name] for field in fields(Pace)})
    store = Store(options["paths"])
    if options["fail_on_refused"] and (refused := store.refused):
        raise RespoolError(f"files that cannot be used: {len(refused)}; the first: {refused[0].error}")
    server = MockServer(
        store,
        pace=pace,
        default=options["default"],
        ids=options["ids"],
        replay_window=options["replay_window"],
        validate=options["validate_requests"],
        faults=options["faults"],
        profile=options["profile"],
        keepalive=options["keepalive"],
        framing=options["framing"],
        on_unknown_id=options["on_unknown_id"],
        stateless=options["stateless"],
        state=open_state(options["state"]),
        **{name: options[name] for name in MATCHING},
        clock_mode=options["clock_mode"],
    )
    app = create_app(
        server,
        max_body=options["max_body"],
        reload=options["reload"],
        api_keys=options["api_key"],
        request_faults=options["request_faults"],
        cors=options["cors"],
        websocket=options["websocket"],
        hosts=allowed_hosts(address_of(host) if host else None, options["allow_host"]),
        admin=options["admin"],
        admin_token=options["admin_token"],
        metrics=options["metrics"],
        base_paths=options["base_paths"],
        max_streams=options["max_streams"],
    )
    return server, app


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server tells of itself when it starts."""

    recordings: int
    refused: "tuple[Refusal, ...]"
    example: str | None  # the name of a recording to try
    warning: str  # what it does not do with several workers
    passed_over: "tuple[PassedOver, ...]" = ()
    stubs: int = 0
    problems: tuple[RecordingError, ...] = ()  # in files of stubs and rules
    warnings: tuple[str, ...] = ()  # about stubs
    improvises: bool = False

    @classmethod
    def of(cls, server: "MockServer") -> "Greeting":
        store = server.store
        names = store.names
        rules = server.indexes.rule_set
        choices = (name for fits in (_is_quick, _completes) for name in names if fits(store, name))
        example = server.default or next(choices, None)
        return cls(
            len(names),
            tuple(store.refused),
            example or (names[0] if names else None),
            server.memory.warning,
            tuple(store.passed_over),
            len(rules.stubs),
            rules.problems,
            rules.warnings,
            server.indexes.options.on_miss == "improvise",
        )


def _greet(greeting: Greeting, url: str, keys: Sequence[str] = ()) -> None:
    count, refused = greeting.recordings, greeting.refused
    click.echo(f"{click.style('respool', bold=True)} {__version__} listens on {click.style(url, bold=True)}")
    click.echo(f"serving {count} recording{'s' * (count != 1)}, refused {len(refused)}")
    if refused:
        # To import the console takes as long as to read fifty recordings: the start should not wait for it.
        print_refused(refused, new_console())
    if greeting.stubs:
        echo(f"{greeting.stubs} stub{'s' * (greeting.stubs != 1)}")
    print_mistakes(greeting.problems, greeting.warnings)
    if greeting.improvises:
        echo("what nothing answers is improvised")
    elif count == 0 and not greeting.stubs:
        echo("warning: there is no recording in what was given, and every request gets a 404")
    print_passed_over(greeting.passed_over)
    if greeting.warning:
        echo(greeting.warning)
    if greeting.example:
        path = f"{url}/r/{quote(greeting.example)}/v1/responses"
        echo(f"""try: curl -N {path} {_key_header(keys)}-d '{{"stream": true}}'""")


def _key_header(keys: Sequence[str]) -> str:
    """What makes a curl command carry the key, if one is needed."""
    if not keys:
        return ""
    if os.environ.get(_KEY_VARIABLE) == keys[0]:
        return f'-H "authorization: Bearer ${_KEY_VARIABLE}" '
    return f"-H {shlex.quote(f'authorization: Bearer {keys[0]}')} "


def _completes(store: "Store", name: str) -> bool:
    events = store.turns(name)[0].events
    return bool(events) and events[-1].event.type == "response.completed"


def _is_quick(store: "Store", name: str) -> bool:
    """Whether a recording is a text that takes under two seconds: a good one to try."""
    events = store.turns(name)[0].events
    return (
        _completes(store, name)
        and sum(_GAP if timed.gap is None else timed.gap for timed in events) < _QUICK
        and any(timed.event.type == "response.output_text.delta" for timed in events)
    )
