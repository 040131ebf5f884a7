"""The Response object of a synthesised stream, its usage, and the errors that come instead of one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from respool.protocol import api_errors
from respool.protocol.events import compact

CREATED_AT = 1767225600  # 2026-01-01T00:00:00Z: a Script that says nothing is always made then
MODEL = "gpt-5.2"

# Every field that the service sends today, with what it sends when the request says nothing.
# Source: recorded streams; `billing` and `conversation` are there only sometimes.
USUAL: Mapping[str, Any] = {
    "object": "response",
    "status": "in_progress",
    "background": False,
    "completed_at": None,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": MODEL,
    "moderation": None,
    "output": [],
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "auto",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tool_usage": {
        "image_gen": {
            "input_tokens": 0,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"image_tokens": 0, "text_tokens": 0},
            "total_tokens": 0,
        },
        "web_search": {"num_requests": 0},
    },
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
}


# Parameters of a request which the Response object repeats.
ECHOED = (
    "background conversation frequency_penalty instructions max_output_tokens max_tool_calls metadata "
    "model parallel_tool_calls presence_penalty previous_response_id prompt prompt_cache_key "
    "prompt_cache_retention reasoning safety_identifier service_tier store temperature text tool_choice "
    "tools top_logprobs top_p truncation user"
).split()


def echo(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the Response object repeats of a request, as the service repeats it."""
    return {
        name: _ECHOES.get(name, _same)(value)
        for name, value in request.items()
        if name in ECHOED and value is not None
    }


def _same(value: Any) -> Any:
    return value


def _over(usual: Mapping[str, Any]) -> Callable[[Any], Any]:
    return lambda value: {**usual, **value} if isinstance(value, dict) else value


def _tools(tools: Any) -> Any:
    """Tools as the service repeats them: a function's parameters and strictness are always told."""
    return (
        tools
        if not isinstance(tools, list)
        else [
            {"description": None, "parameters": None, "strict": True, **tool}
            if isinstance(tool, dict) and tool.get("type") == "function"
            else tool
            for tool in tools
        ]
    )


_ECHOES: Mapping[str, Callable[[Any], Any]] = {
    "conversation": lambda value: {"id": value} if isinstance(value, str) else value,
    "reasoning": _over(USUAL["reasoning"]),
    "text": _over(USUAL["text"]),
    "tools": _tools,
}


def count_tokens(text: str) -> int:
    """About how many tokens a text has: four characters each."""
    return (len(text) + 3) // 4


def count_input(request: Mapping[str, Any]) -> int:
    """About how many tokens a request's instructions, input and tools have. Pictures and files that
    are given as data are not counted."""
    tools = request.get("tools")
    described = [compact(tools)] if isinstance(tools, list) and tools else []
    return sum(map(count_tokens, [*_texts([request.get("instructions"), request.get("input")]), *described]))


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for element in value for text in _texts(element)]
        case dict():
            return [text for key, element in value.items() if key not in _LABELS for text in _texts(element)]
        case _:
            return []


# Fields of input items which the model does not read as text.
_LABELS = ("type", "id", "call_id", "role", "status", "image_url", "file_data", "file_url", "file_id")


def usage_of(
    input_tokens: int,
    output_tokens: int,
    reasoning_tokens: int = 0,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The `usage` of a Response with these numbers of tokens, in place of which come those that are given."""
    found = {
        "input_tokens": given.get("input_tokens", input_tokens),
        "input_tokens_details": {
            "cache_write_tokens": 0,
            "cached_tokens": 0,
            **given.get("input_tokens_details", {}),
        },
        "output_tokens": given.get("output_tokens", output_tokens),
        "output_tokens_details": {
            "reasoning_tokens": reasoning_tokens,
            **given.get("output_tokens_details", {}),
        },
    }
    total = found["input_tokens"] + found["output_tokens"]
    return {**found, "total_tokens": given.get("total_tokens", total)}


_FAILURE = {
    "type": "server_error",
    "code": "server_error",
    "message": api_errors.FAILURE,
    "param": None,
}


def error_event(given: Mapping[str, Any]) -> dict[str, Any]:
    """The `error` of an error event, which nests it as the service does."""
    return {**_FAILURE, **given}


def failure(given: Mapping[str, Any]) -> dict[str, Any]:
    """The `error` of a Response that failed."""
    return {name: {**_FAILURE, **given}[name] for name in ("code", "message")}


def http_error(status: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an answer that is an error: what the service says with this status, and what is `given`."""
    return {"error": {**api_errors.to_api(api_errors.of_status(status))["error"], **given}}
