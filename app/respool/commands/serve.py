"""respool serve"""

import errno
import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import click

from respool.commands.greeting import KEY_VARIABLE, Greeting, greet
from respool.commands.param_types import paths_argument
from respool.commands.setting_options import setting_options, warn_of_misspelt_variables
from respool.errors import OptionError, RespoolError, printable
from respool.listening import address_of, bind_each, bind_path, url_of
from respool.logs import log_to_stderr
from respool.server.settings import Part, of_part

if TYPE_CHECKING:
    from socket import socket

    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from respool.record.live_upstream import UpstreamPlan
    from respool.server.mock_server import MockServer
    from respool.server.server_options import UpstreamOptions


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
@setting_options
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
    if options["upstream"] is not None and (options["workers"] > 1 or options["state"] is not None):
        raise OptionError("--upstream needs one process that remembers: leave --workers and --state out")
    if options["workers"] > 1:
        _serve_together(host, port, quiet, options)
        return
    with steady_gc():
        from respool.http.serving import uvicorn_server

        server, app = make_lazy_app(options, host)
        (sock,) = _bind(host, port, 1, options["uds"])
    log_to_stderr(quiet, form=options["log_format"])
    greet(Greeting.of(server), _url_of(sock, options), options["api_keys"], options["upstream"] or "")
    with sock:
        uvicorn_server(app, **_serving(options)).run(sockets=[sock])


def _serve_together(host: str, port: int, quiet: bool, options: Mapping[str, Any]) -> None:
    """Serve with several workers. This process only supervises them, and imports only what that needs."""
    from respool.workers import Workers

    socks = _bind(host, port, options["workers"], options["uds"])
    log_to_stderr(quiet, form=options["log_format"])

    def close() -> None:  # otherwise clients would wait on a socket from which nothing is accepted
        for sock in socks:
            sock.close()

    workers = Workers(work, [(sock, quiet, options) for sock in socks])
    url = _url_of(socks[0], options)
    workers.run(ready=lambda greeting: greet(greeting, url, options["api_keys"]), ending=close)


def work(
    number: int, report: "Callable[[Greeting], None]", sock: "socket", quiet: bool, options: Mapping[str, Any]
) -> None:
    """Run one worker; call `report` when it answers requests."""
    with steady_gc():
        from respool.http.serving import uvicorn_server

        server, app = make_lazy_app(options, None if options["uds"] else sock.getsockname()[0])
    log_to_stderr(quiet, f"worker {number}: ", options["log_format"])
    uvicorn_server(app, on_started=lambda: report(Greeting.of(server)), **_serving(options)).run(
        sockets=[sock]
    )


def _serving(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the connections. Raise OptionError."""
    certificate, key = options["tls_cert"], options["tls_key"]
    if (certificate is None) != (key is None):
        raise OptionError("--tls-cert and --tls-key go together: give both, or none")
    for name, path in (("tls-cert", certificate), ("tls-key", key)):
        if path is not None and not os.path.isfile(path):
            raise OptionError(f"{name} is {printable(path)}, and there is no such file")
    return {
        **of_part(Part.PROCESS, options),
        "tls": None if certificate is None else (certificate, key),
        "websocket": options["websocket"],
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
    except (OSError, UnicodeError, TypeError) as error:  # an invalid name
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        problem = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "; --port takes another one, --port 0 any that is free" if taken else ""
        raise RespoolError(f"cannot listen on {printable(host)}:{port}: {problem}{hint}") from None


_SWITCH = 0.001  # seconds after which a thread at heavy work lets the event loop go on; Python's own is 0.005


@contextmanager
def steady_gc() -> Iterator[None]:
    """Keep garbage collection from stopping all streams at once, in a process that loads in this block, and
    then only serves.

    Loaded objects (modules, recordings, the app) are never collected: nearly all of them stay, and finding
    that out takes as long as half of the loading. A stream is some 60 objects, and a collection takes up to a
    microsecond for each that it visits: so it visits 500 when they are new, once more at 2,500 (at 25,000,
    the former value, it stopped all streams for 20 ms), and all of them hardly ever. Requests and connections
    leave no cycles, so there is little to find.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
        gc.set_threshold(500, 4, 1_000)
        sys.setswitchinterval(_SWITCH)
    finally:
        gc.enable()


def make_app(options: Mapping[str, Any], host: str | None = None) -> tuple["MockServer", "FastAPI"]:
    """Return the server and the app for these options of the command: a FastAPI app, which can be changed.
    `host` is the address that it listens on."""
    from respool.http.app import create_app

    server, of_app = _server_and_options(options, host)
    return server, create_app(server, **of_app)


def make_lazy_app(options: Mapping[str, Any], host: str | None = None) -> tuple["MockServer", "ASGIApp"]:
    """Return the server, and the same app, most of it made on first use."""
    from respool.http.lazy_app import LazyApp

    if options["metrics"] or options["traces"]:
        return make_app(options, host)
    server, of_app = _server_and_options(options, host)
    del of_app["metrics"], of_app["traces"]
    return server, LazyApp(server, **of_app)


def _server_and_options(options: Mapping[str, Any], host: str | None) -> tuple["MockServer", dict[str, Any]]:
    """Return the server, and the options of `create_app`."""
    from respool.http.hosts import allowed_hosts
    from respool.play.pace import Pace
    from respool.recordings.store import Store
    from respool.server.mock_server import MockServer
    from respool.server.state.opening import open_state

    if not options["api_keys"] and os.environ.get(KEY_VARIABLE, "x").strip() == "":
        raise OptionError(f"{KEY_VARIABLE} is empty; unset it to serve without keys")
    if "*" in options["cors"]:
        click.echo(
            "warning: with --cors '*' any web page that a browser here shows may call the API", err=True
        )
    warn_of_misspelt_variables()
    plan = _upstream(options)
    store = Store(plan.paths if plan else options["paths"])
    if options["fail_on_refused"] and (refused := store.refused):
        raise RespoolError(f"files that cannot be used: {len(refused)}; the first: {refused[0].error}")
    pace = Pace(**of_part(Part.PACE, options))
    state = open_state(options["state"])
    asks = plan.asks(empty=not store.names) if plan else "never"
    server = MockServer(store, pace=pace, state=state, asks_upstream=asks, **of_part(Part.SERVER, options))
    upstream = plan.open(server) if plan else None
    hosts = allowed_hosts(address_of(host) if host else None, options["allow_host"])
    return server, {"hosts": hosts, "upstream": upstream, **of_part(Part.APP, options)}


def _upstream(options: Mapping[str, Any]) -> "UpstreamPlan | None":
    """Return the plan of the requests to an upstream; None if there are none. Raise OptionError."""
    if options["upstream"] is None and options["on_miss"] != "record":
        if options["record_into"] is not None:
            raise OptionError("--record-into needs an upstream to record from: give --upstream URL")
        return None
    if options["api_keys"] and options["api_key_env"] is None:
        raise OptionError(
            "--api-key is for this server, and would go to the upstream: --api-key-env names the variable "
            "that holds the upstream's key"
        )
    from respool.record.live_upstream import UpstreamPlan  # late: few servers have one

    given = cast("UpstreamOptions", of_part(Part.UPSTREAM, options))
    return UpstreamPlan.of(options["paths"], options["on_miss"], given)
