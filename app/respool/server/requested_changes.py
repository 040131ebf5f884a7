"""requested_changes: what differs from a recording in the answer to one request."""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from respool.play.rendition import UNCHANGED, Changes
from respool.protocol.events import compact
from respool.recordings.recording import Recording
from respool.server.request import Request


def requested_changes(request: Request, recording: Recording, ids: str, *, whole: bool) -> Changes:
    """Return the changes to a recording that a request asks for.

    `ids` is ``recorded`` or ``fresh``, unless the recording sets it; `whole`: add the missing fields of
    the Response object.
    """
    fresh = ids == "fresh"
    if not (fresh or whole or recording.scripted) and request.include_obfuscation:
        return UNCHANGED  # one object for all, which costs less to make and to compare
    return Changes(
        obfuscation=request.include_obfuscation,
        request=_echoed(request.body, recording, fresh=fresh),
        ids=(request.seed or token_hex(16)) if fresh else "",
        whole=whole,
    )


def _echoed(body: Mapping[str, Any], recording: Recording, *, fresh: bool) -> str:
    """Return the request parameters that the Response object must repeat, unless the recording has them
    already."""
    if not (recording.scripted or fresh):
        return ""
    # Late: servers without Scripts do not need it.
    from respool.protocol.response import ECHOED, echo

    if recording.scripted:
        known = recording.scripted.turn.request
        # A template may take anything from the request.
        names = body if recording.scripted.turn.template else (*ECHOED, "input")
        echoed = {name: body[name] for name in names if body.get(name) is not None}
    else:
        known = echo(recording.header.request)
        echoed = echo(body)
        if echoed.get("service_tier") == "auto":  # the response ends with another tier
            del echoed["service_tier"]
    new = {name: value for name, value in echoed.items() if known.get(name) != value}
    return compact(new) if new else ""
