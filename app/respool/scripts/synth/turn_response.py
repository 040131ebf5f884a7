"""The Response object and the usage of a Script's turn."""

from typing import Any

from respool.protocol.response import CREATED_AT, USUAL, count_input, echo, usage_of
from respool.scripts import Turn


def created_at(turn: Turn) -> int:
    """Return the time of the response's creation, in seconds since 1970."""
    given = turn.response.get("created_at", CREATED_AT)
    return given if type(given) is int else CREATED_AT


def new_response(turn: Turn, id: str) -> dict[str, Any]:
    """Return the Response object at the start of a stream."""
    given = {"model": turn.model} if turn.model is not None else {}
    return {"id": id, "object": "response", "created_at": created_at(turn)} | {
        **USUAL,
        **echo(turn.request),
        **given,
        **turn.response,
    }


def usage(turn: Turn, output_tokens: int, reasoning_tokens: int) -> dict[str, Any] | None:
    """Return the usage: from the Script, estimated where it gives none."""
    if turn.usage is None:
        return None
    return usage_of(count_input(turn.request), output_tokens, reasoning_tokens, turn.usage)
