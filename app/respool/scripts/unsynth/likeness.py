"""Whether what a Script makes is what was recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

from respool.protocol.events import TERMINAL_TYPES, Event
from respool.protocol.snapshot import fold

# What a Script decides otherwise, or what the service itself tells differently each time.
_OF_A_RESPONSE = ("id", "completed_at")
_OF_AN_ITEM = ("id", "encrypted_content")


def final_response(events: Sequence[Event]) -> dict[str, Any]:
    """The Response object in the end: as the last event tells it, or else as far as the events go."""
    if events and events[-1].type in TERMINAL_TYPES:
        told = events[-1].data.get("response")
        if isinstance(told, dict):
            return told
    return fold(events)


def same_item(made: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether two items are the same, but for their ids."""
    return bool(bare({**made, "id": None}) == bare({**recorded, "id": None}))


def same_response(made: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether a Response has all that was recorded.

    Ids and `completed_at` aside, and `encrypted_content`, which the service encrypts anew for each event.
    What is made may have more fields: those which the service sends today.
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
    """A value without the fields that are null or empty: the same as absent, to all clients."""
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
