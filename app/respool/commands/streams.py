"""respool streams, respool hold, respool release: control live streams of a running server"""

import json
from collections.abc import Mapping
from typing import Any

import click

from respool.commands.admin_client import AdminClient, admin_options
from respool.commands.console import new_console
from respool.commands.param_types import SECONDS
from respool.recordings.hold_points import TTL, parse

_COLORS = {"running": "green", "held": "yellow", "done": "dim", "aborted": "red", "cancelled": "red"}


@click.command(
    epilog="""\b
Examples:
  respool streams                   what is under way, and what has ended
  respool streams --state held      only what waits for a release
  respool streams --json            for another program
"""
)
@admin_options
@click.option("--session", help="Only of this session.")
@click.option(
    "--state", type=click.Choice(tuple(_COLORS)), multiple=True, help="Only in this state. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def streams(
    url: str, admin_token: str | None, session: str | None, state: tuple[str, ...], as_json: bool
) -> None:
    """List the streams of a running server: how far each is, and what comes next."""
    found = AdminClient(url, admin_token).request("GET", "/playbacks", session=session, state=state or None)
    if as_json:
        click.echo(json.dumps(found["playbacks"], indent=2))
        return
    if not found["playbacks"]:
        click.echo("no streams")
    console = new_console()
    for one in found["playbacks"]:
        console.print(f"{one['id']:<7}[{_COLORS[one['state']]}]{one['state']:<10}[/]", end="")
        console.print(_line(one), markup=False, soft_wrap=True)


@click.command(
    epilog="""\b
Examples:
  respool hold after=response.created                      each stream, after its first event
  respool hold 'before=terminal' --recording 'tools/*'     these, before they end
  respool hold 'after=output_text.delta#3' --once          the next one, after three deltas
  respool hold after=start --stub weather                  what this stub answers
  respool hold --remove h1                                 hold no more
"""
)
@click.argument("point", required=False)
@admin_options
@click.option("--session", default="", help="The session whose streams are held.")
@click.option(
    "--recording", metavar="NAME", help="Only streams of this recording; * stands for any characters."
)
@click.option("--stub", metavar="NAME", help="Only streams of this stub; * stands for any characters.")
@click.option("--once", is_flag=True, help="Only the next one.")
@click.option(
    "--ttl", type=SECONDS, default=TTL, help="Cut the stream if it is not released in time [default: 30]."
)
@click.option("--keepalive", type=SECONDS, help="Send a comment after each period of this length.")
@click.option("--remove", metavar="ID", help="Remove this hold instead.")
def hold(
    point: str | None,
    url: str,
    admin_token: str | None,
    session: str,
    recording: str | None,
    stub: str | None,
    once: bool,
    ttl: float,
    keepalive: float | None,
    remove: str | None,
) -> None:
    """Hold streams that will begin, at a POINT: after= or before= an event type (response.created,
    output_text.delta#3), a number of events, seq:N, item:N, text:TEXT, start or terminal."""
    client = AdminClient(url, admin_token)
    if (point is None) == (remove is None):
        raise click.UsageError("give a POINT, or --remove with the id of a hold")
    if remove is not None:
        client.request("DELETE", f"/holds/{remove}", session=session)
        click.echo(f"removed {remove}")
        return
    for one in parse(point or ""):
        at = str(one).partition("=")[2]
        body = {
            "session": session,
            "match": {"recording": recording, "stub": stub},
            "at": {"text": one.value} if one.kind == "text" else at,
            "when": "after" if one.after else "before",
            "ttl": ttl,
            "keepalive": keepalive,
            "times": 1 if once else None,
        }
        made = client.request("PUT", "/holds", body)
        what = " ".join(
            [
                recording or ("every stream" if stub is None else "streams"),
                *([f"of stub {stub}"] if stub else []),
            ]
        )
        click.echo(f"{made['id']}: holds {what} {one}; see: respool streams")


@click.command(
    epilog="""\b
Examples:
  respool release pb_1                          go on at its own pace
  respool release pb_1 --events 1               one event
  respool release pb_1 --until response.output_item.done
  respool release pb_1 --finish                 all that is left, at once
  respool release pb_1 --finish cut             the connection breaks here
"""
)
@click.argument("id")
@admin_options
@click.option("--events", type=click.IntRange(min=1), help="Release this many events.")
@click.option(
    "--until",
    metavar="EVENT",
    help="Release all events up to this one: output_text.delta#3, seq:7, terminal, ...",
)
@click.option(
    "--finish",
    is_flag=False,
    flag_value="terminal",
    type=click.Choice(("terminal", "cut", "reset", "error_event", "close")),
    help="End the stream: with all remaining events, or broken off in this way.",
)
def release(
    id: str, url: str, admin_token: str | None, events: int | None, until: str | None, finish: str | None
) -> None:
    """Let the held stream ID go on."""
    if sum(one is not None for one in (events, until, finish)) > 1:
        raise click.UsageError("give one of --events, --until and --finish")
    client = AdminClient(url, admin_token)
    if finish:
        changed = client.request("POST", f"/playbacks/{id}/finish", {"how": finish})
    else:
        changed = client.request("POST", f"/playbacks/{id}/release", {"events": events, "until": until})
    for one in changed["sent"]:
        click.echo(f"  sent {one['seq']:>5} {one['type']}")
    click.echo(f"{id} {changed['playback']['state']}: {_line(changed['playback'])}")


def _line(one: Mapping[str, Any]) -> str:
    """Return one stream as a line of text."""
    parts = [one["recording"], f"{one['sent']}/{one['events']} events"]
    if (following := one["next"]) is not None:
        due = following["due"]
        when = "when released" if due is None else f"in {due:.3f} s"
        parts.append(f"next {following['seq']} {following['type']} {when}")
    if one["held_at"]:
        parts.append(f"held {one['held_at']}")
    if one["ended"]:
        parts.append(f"({one['ended']})")
    if one["session"]:
        parts.append(f"session {one['session']}")
    return ", ".join(parts)
