"""Defaults for the fields that a Response object lacks.

Recordings are older than some fields, other producers leave some out, and hand-written ones have few. The
strict types of an SDK require them all.
"""

from collections.abc import Mapping
from typing import Any

from respool.protocol.response import CREATED_AT, USUAL, usage_of

_NOT_FILLED = frozenset({"status"})  # it says how far the response is, so a default could be wrong
_FILLED = {
    "created_at": CREATED_AT,
    **{name: value for name, value in USUAL.items() if name not in _NOT_FILLED},
}


def lacking(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members to add, so that a Response object has every field that the service sends today.

    They include all that the strict types of the openai package require, with the service's values for a
    request that sets nothing. Members that the object has are not returned, except `usage`: it is returned
    whole if it lacks anything. The id is left to the caller. Source: ``openai.types.responses.Response``;
    recorded streams.
    """
    found = {name: value for name, value in _FILLED.items() if name not in response}
    usage = response.get("usage")
    if isinstance(usage, dict) and (whole := _whole_usage(usage)) != usage:
        found["usage"] = whole
    return found


def _whole_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    usual: Mapping[str, Any] = usage_of(_count(usage, "input_tokens"), _count(usage, "output_tokens"))
    whole = {**usual, **{name: value for name, value in usage.items() if value is not None}}
    for name in ("input_tokens_details", "output_tokens_details"):
        if isinstance(whole[name], dict):
            whole[name] = {**usual[name], **whole[name]}
    return whole


def _count(usage: Mapping[str, Any], name: str) -> int:
    count = usage.get(name)
    return count if type(count) is int else 0
