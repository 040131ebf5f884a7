"""What a Response object lacks of those fields that every one has today.

Recordings are older than some fields, other producers leave some out, and what is written by hand has few.
The strict types of an SDK want them all.
"""

from collections.abc import Mapping
from typing import Any

from respool.protocol.response import CREATED_AT, USUAL, usage_of

_NOT_FILLED = frozenset({"status"})  # it says how far the response is: the usual one could be wrong
_FILLED = {
    "created_at": CREATED_AT,
    **{name: value for name, value in USUAL.items() if name not in _NOT_FILLED},
}


def lacking(response: Mapping[str, Any]) -> dict[str, Any]:
    """The members to set, so that a Response object has every field that the strict types of the openai
    package require, and the others that the service sends: as it sends them when the request says nothing.

    What the object has is not among them; but of `usage`, all is told if anything is lacking. The id is its
    owner's business. Source: ``openai.types.responses.Response``; recorded streams.
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
