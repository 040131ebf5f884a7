"""Comparison of a Script's response with the recorded one."""

from collections.abc import Mapping, Sequence
from typing import Any

from respool.protocol.events import TERMINAL_TYPES, Event
from respool.protocol.snapshot import fold

# Fields that a Script makes anew, or that the service itself sends differently each time.
_OF_A_RESPONSE = ("id", "completed_at")
_OF_AN_ITEM = ("id", "encrypted_content")


def final_response(events: Sequence[Event]) -> dict[str, Any]:
    """Return the final Response object: from the last event, or else folded from the events."""
    if events and events[-1].type in TERMINAL_TYPES:
        response = events[-1].data.get("response")
        if isinstance(response, dict):
            return response
    return fold(events)


def same_item(made: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Return True if two items are the same, except for their ids."""
    return bool(bare({**made, "id": None}) == bare({**recorded, "id": None}))


def same_response(made: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Return True if a Response has all recorded fields.

    Ignored are ids, `completed_at`, and `encrypted_content`, which the service encrypts anew for each event.
    `made` may have more fields: the service has added some since the recording.
    """
    return _covers(_comparable(made), _comparable(recorded))


def _comparable(response: Mapping[str, Any]) -> Any:
    output = response.get("output") or []
    if isinstance(output, list):
        output = [
            {**item, **dict.fromkeys(_OF_AN_ITEM)} if isinstance(item, dict) else item for item in output
        ]
    return {**bare({**response, **dict.fromkeys(_OF_A_RESPONSE)}), "output": bare(output)}


def bare(value: Any) -> Any:
    """Return a value without its null and empty fields, which to clients are the same as absent ones."""
    match value:
        case dict():
            stripped = {name: bare(inner) for name, inner in value.items()}
            return {name: inner for name, inner in stripped.items() if inner not in (None, "", [], {})}
        case list():
            return [bare(inner) for inner in value]
        case _:
            return value


def _covers(made: Any, recorded: Any) -> bool:
    if isinstance(made, dict) and isinstance(recorded, dict):
        return all(name in made and _covers(made[name], inner) for name, inner in recorded.items())
    if isinstance(made, list) and isinstance(recorded, list) and len(made) == len(recorded):
        return all(map(_covers, made, recorded))
    return bool(made == recorded)
