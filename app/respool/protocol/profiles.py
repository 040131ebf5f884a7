"""PROFILES: how other producers of the Responses API differ from OpenAI's service.

A profile applies to streams made from Scripts, and to errors; a recording already has what its producer sent.
Every row has its source; where nothing is known of a producer, it sends what OpenAI's service sends.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.errors import OptionError
from respool.protocol.event_types import ITEM_TYPES
from respool.protocol.events import Event, compact_recorded

ErrorFields = Mapping[str, Any]  # message, type, param, code


def _as_openai(status: int, error: ErrorFields) -> dict[str, Any]:
    return {"error": dict(error)}


@dataclass(frozen=True, slots=True)
class Profile:
    """The conventions of one producer.

    sources             of these conventions
    event_lines         whether an event's type is in an ``event:`` line as well
    done                whether the stream ends with ``[DONE]``
    comment             the comment that keeps a silent stream alive; "": the event ``keepalive`` does
    headers             HTTP headers; ``{uuid}`` stands for a fresh one, ``{model}`` for the Response's model
    obfuscation         whether deltas may be padded
    statuses            the types of items that always have a status
    names               the types of events that have another name
    failed_after_error  whether an error event is always followed by ``response.failed``
    error_body          the body of an HTTP error, from its status and the error's fields at OpenAI
    """

    name: str
    sources: str
    event_lines: bool = True
    done: bool = False
    comment: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    obfuscation: bool = True
    statuses: Collection[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    failed_after_error: bool = False
    error_body: Callable[[int, ErrorFields], dict[str, Any]] = _as_openai


# The error types of Open Responses, by HTTP status.
_OPEN_RESPONSES_TYPES = {404: "not_found", 429: "too_many_requests"}


def _open_responses_error(status: int, error: ErrorFields) -> dict[str, Any]:
    usual = "server_error" if status >= 500 else "invalid_request"
    return {"error": {**error, "type": _OPEN_RESPONSES_TYPES.get(status, usual)}}


_AZURE_ACCESS_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
    "for an active subscription and use a correct regional API endpoint for your resource."
)


def _azure_error(status: int, error: ErrorFields) -> dict[str, Any]:
    if status == 401:  # the gateway's, which has fewer fields
        return {"error": {"code": "401", "message": _AZURE_ACCESS_DENIED}}
    if error["code"] == "404":
        return {"error": {"code": "404", "message": error["message"]}}
    return _as_openai(status, error)


_OPENROUTER_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}


def _openrouter_error(status: int, error: ErrorFields) -> dict[str, Any]:
    # The page on the Responses API documents no other statuses; in other APIs the code is the status.
    code = "server_error" if status >= 500 else _OPENROUTER_CODES.get(status, status)
    return {"error": {"code": code, "message": error["message"]}, "metadata": None}


OPENAI = Profile("openai", "recorded streams")

_ROWS = (
    OPENAI,
    Profile(
        "openresponses",
        "the Open Responses specification of 2026-01-15: Streaming, Errors, Items",
        done=True,
        comment="keepalive",  # its types of events are a closed list, without one for this
        statuses=frozenset(ITEM_TYPES),
        names={
            "response.reasoning_text.delta": "response.reasoning.delta",
            "response.reasoning_text.done": "response.reasoning.done",
        },
        failed_after_error=True,
        error_body=_open_responses_error,
    ),
    Profile(
        "azure",
        "recorded streams; the 401 from a recorded answer of the gateway",
        headers={"apim-request-id": "{uuid}", "x-ms-region": "East US 2", "x-ms-served-model": "{model}"},
        error_body=_azure_error,
    ),
    Profile(
        "openrouter",
        "recorded streams; OpenRouter's pages on streaming and on errors of the Responses API",
        event_lines=False,
        done=True,
        comment="OPENROUTER PROCESSING",
        error_body=_openrouter_error,
    ),
    Profile(
        "xai",
        "recorded streams",
        comment="keepalive",
        headers={"content-type": "text/event-stream", "cache-control": "no-cache"},
        obfuscation=False,
        statuses=frozenset({"reasoning"}),
    ),
)
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in _ROWS}


def find(name: str) -> Profile:
    """Return the profile of this name. Raise OptionError, which lists the names."""
    try:
        return PROFILES[name]
    except KeyError:
        raise OptionError(f"profile is {name}, expected one of {', '.join(PROFILES)}") from None


def spoken(events: Iterable[Event], profile: Profile) -> Iterator[Event]:
    """Yield the events of a Script as that producer would send them."""
    if not (profile.statuses or profile.names):
        yield from events
        return
    for event in events:
        type_ = profile.names.get(event.type, event.type)
        data = {**event.data, "type": type_}
        _add_statuses(data, profile.statuses)
        # The text of a Script's event has no spaces, so compact JSON of an unchanged event is the same text.
        yield Event(compact_recorded(data), type_)


def _add_statuses(data: dict[str, Any], types: Collection[str]) -> None:
    response = data.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    status = "in_progress" if data["type"] == "response.output_item.added" else "completed"
    for item in (data.get("item"), *(output if isinstance(output, list) else ())):
        if isinstance(item, dict) and item.get("type") in types:
            item.setdefault("status", status)
