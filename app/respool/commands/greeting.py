"""Greeting: what a server prints when it starts."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from respool import __version__
from respool.commands.console import echo, new_console, print_mistakes, print_passed_over, print_refused
from respool.errors import RecordingError, printable

if TYPE_CHECKING:
    from respool.recordings.source_files import PassedOver
    from respool.recordings.store import Refusal, Store
    from respool.server.mock_server import MockServer

KEY_VARIABLE = "RESPOOL_API_KEY"
_QUICK = 2.0  # seconds
_GAP = 0.02  # seconds, for a recording without times


@dataclass(frozen=True, slots=True)
class Greeting:
    """The details that a server prints when it starts."""

    recordings: int
    refused: "tuple[Refusal, ...]"
    example: str | None  # the name of a recording to try
    warning: str  # what several workers do not support
    passed_over: "tuple[PassedOver, ...]" = ()
    stubs: int = 0
    problems: tuple[RecordingError, ...] = ()  # in files of stubs and rules
    warnings: tuple[str, ...] = ()  # about stubs
    improvises: bool = False
    asks_upstream: str = "never"  # which requests go to the upstream

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
            server.indexes.options.asks_upstream,
        )


_UPSTREAM_LINES = {
    "stubs": "stubs with proxy ask {}",
    "misses": "{} is asked for what is not recorded, and its answers are recorded",
    "always": "{} is asked for everything, and its answers are recorded",
}


def greet(greeting: Greeting, url: str, keys: Sequence[str] = (), upstream: str = "") -> None:
    count, refused = greeting.recordings, greeting.refused
    click.echo(f"{click.style('respool', bold=True)} {__version__} listens on {click.style(url, bold=True)}")
    click.echo(f"serving {count} recording{'s' * (count != 1)}, refused {len(refused)}")
    if refused:
        # Importing the console takes as long as reading fifty recordings, so it is not done before the start.
        print_refused(refused, new_console())
    if greeting.stubs:
        echo(f"{greeting.stubs} stub{'s' * (greeting.stubs != 1)}")
    print_mistakes(greeting.problems, greeting.warnings)
    if greeting.improvises:
        echo("what nothing answers is improvised")
    if line := _UPSTREAM_LINES.get(greeting.asks_upstream):
        echo(line.format(printable(upstream)))
    elif count == 0 and not greeting.stubs and not greeting.improvises:
        echo("warning: there is no recording in what was given, and every request gets a 404")
    print_passed_over(greeting.passed_over)
    if greeting.warning:
        echo(greeting.warning)
    if greeting.example:
        path = f"{url}/r/{quote(greeting.example)}/v1/responses"
        echo(f"""try: curl -N {path} {_key_header(keys)}-d '{{"stream": true}}'""")


def _key_header(keys: Sequence[str]) -> str:
    """Return the part of a curl command that sends the key, if one is needed."""
    if not keys:
        return ""
    if os.environ.get(KEY_VARIABLE) == keys[0]:
        return f'-H "authorization: Bearer ${KEY_VARIABLE}" '
    return f"-H {shlex.quote(f'authorization: Bearer {keys[0]}')} "


def _completes(store: "Store", name: str) -> bool:
    events = store.turns(name)[0].events
    return bool(events) and events[-1].event.type == "response.completed"


def _is_quick(store: "Store", name: str) -> bool:
    """Return True if a recording is a text of less than two seconds: a good one to try."""
    events = store.turns(name)[0].events
    return (
        _completes(store, name)
        and sum(_GAP if timed.gap is None else timed.gap for timed in events) < _QUICK
        and any(timed.event.type == "response.output_text.delta" for timed in events)
    )
