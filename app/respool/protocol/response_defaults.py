"""Defaults for the fields that a Response object lacks.

Recordings are older than some fields, other producers leave some out, and hand-written ones have few. The
strict types of an SDK require them all.
"""

from collections.abc import Mapping
from typing import Any

from respool.protocol.response import CREATED_AT, USUAL, usage_of

_NOT_FILLED = frozenset(
    {"status"}
)  # its value depends on the response's progress, so a default could be wrong
_FILLED = {
    "created_at": CREATED_AT,
    **{name: value for name, value in USUAL.items() if name not in _NOT_FILLED},
}


def lacking(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members to add, so that a Response object has every field that the service sends today.

    They include all members that the strict types of the openai package require, with the service's values
    for a request that sets nothing. Existing members are not returned, except `usage`: if it lacks fields,
    all of it is returned. The id is left to the caller. Source: ``openai.types.responses.Response``; recorded
    streams.
    """
    found = {name: value for name, value in _FILLED.items() if name not in response}
    usage = response.get("usage")
    if isinstance(usage, dict) and (complete := _complete_usage(usage)) != usage:
        found["usage"] = complete
    return found


def _complete_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    usual: Mapping[str, Any] = usage_of(_count(usage, "input_tokens"), _count(usage, "output_tokens"))
    complete = {**usual, **{name: value for name, value in usage.items() if value is not None}}
    for name in ("input_tokens_details", "output_tokens_details"):
        if isinstance(complete[name], dict):
            complete[name] = {**usual[name], **complete[name]}
    return complete


def _count(usage: Mapping[str, Any], name: str) -> int:
    count = usage.get(name)
    return count if type(count) is int else 0
