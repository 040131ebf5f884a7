"""respool explain-request"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from respool.commands.console import print_mistakes
from respool.commands.param_types import paths_argument
from respool.commands.setting_options import MATCHING, matching_options
from respool.errors import OptionError, PathError, printable

_MOST_BYTES = 64 * 1024 * 1024  # of a request


@click.command(
    "explain-request",
    epilog="""\b
Exit codes: 0 something answers; 1 nothing does; 2 wrong usage, a path that is not
there, or a request that is no JSON object.

\b
Examples:
  respool explain-request request.json fixtures/
  pbpaste | respool explain-request - fixtures/ --match strict
""",
)
@click.argument("request_file", metavar="REQUEST.json|-")
@paths_argument
@click.option("--default", metavar="NAME", help="The recording that answers all other requests.")
@matching_options
def explain_request(request_file: str, paths: Sequence[Path], default: str | None, **options: Any) -> None:
    """Say what answers a request to create a response, and why; if nothing does, what is nearest.

    It is asked as the first request of a session.
    """
    from respool.errors import NoMatchingRecording, RequestError
    from respool.play.clock import SystemClock
    from respool.recordings.store import Store
    from respool.server.choosing import decide
    from respool.server.history import Budget
    from respool.server.indexes import Indexes, MatchOptions
    from respool.server.memory import Memory
    from respool.server.misses import near_misses
    from respool.server.request import Request

    body = _body(request_file)
    store = Store(paths)
    matching = MatchOptions(default, **{name: options[name] for name in MATCHING})
    indexes = Indexes(store, matching)
    print_mistakes(indexes.rule_set.problems, indexes.rule_set.warnings)
    session = Memory().session("", clock=SystemClock(), seed=0, budget=Budget(1))
    request = Request(body)
    try:
        request.check()
        decision = decide(request, session, 0.0, indexes)
    except RequestError as error:
        click.echo(f"refused with {error.status}: {printable(error.message, 1000)}")
    except NoMatchingRecording as error:
        click.echo(f"nothing answers: {error}")
        near = near_misses(request, session, 0.0, indexes)
        for one in near.recordings:
            click.echo(f"near: {one.line}")
            for differing in one.differences[1:]:
                recorded, received = _shown(differing.recorded), _shown(differing.received)
                click.echo(f"  {printable(differing.pointer)} is {received}, recorded {recorded}")
            click.echo(f"  to have it match: {one.hint}")
        for stub in near.stubs:
            click.echo(f"near: {stub.line}")
    else:
        name = decision.recording.name if decision.recording else "an improvised answer"
        click.echo(f"{printable(name)} answers, by {decision.line}")
        return
    raise click.exceptions.Exit(1)


def _body(file: str) -> Any:
    from respool.protocol.events import loads

    try:
        data = sys.stdin.buffer.read(_MOST_BYTES + 1) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise PathError(f"{printable(file, 4096)}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > _MOST_BYTES:
        raise OptionError(f"{file}: expected at most {_MOST_BYTES} bytes")
    try:
        body = loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{file}: not JSON: {error}") from None
    if not isinstance(body, dict):
        raise OptionError(f"{file}: expected a JSON object, the body of a request")
    return body


def _shown(value: str | None) -> str:
    return "absent" if value is None else f'"{printable(value, 80)}"'
