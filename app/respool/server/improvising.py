"""Improvising: a recording made from a request, if no other answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from respool.match.request import items_of
from respool.protocol.items import Item
from respool.recordings.recording import Recording

IMPROVISED = "improvised"  # the name of such a recording


def improvised(body: Mapping[str, Any], before: Sequence[Item] = ()) -> Recording:
    """Return the recording that answers a request. `before` are the items that it continues.

    The same request gives the same recording. Raise RequestError for a request that cannot be answered.
    """
    # Imported late: a server with recordings does not need these modules.
    from respool.recordings.formats.script_file import expand
    from respool.scripts import ScriptError
    from respool.scripts.improvise import NAME, improvise

    def fail(error: ScriptError) -> None:
        raise AssertionError(f"an improvised answer contradicts itself: {error}")

    whole = {**body, "input": [*before, *items_of(body)]} if before else body
    (recording,) = expand(improvise(whole), NAME, fail)
    return recording
