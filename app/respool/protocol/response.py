"""The Response object of a stream made from a Script, its usage, and its errors."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from respool.protocol import api_errors
from respool.protocol.events import compact

CREATED_AT = 1767225600  # 2026-01-01T00:00:00Z: the default of a Script
MODEL = "gpt-5.2"

# Every field that the service sends today, with its value when the request does not set it. Source: recorded
# streams; `billing` and `conversation` are only sometimes there.
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


# Parameters of a request that the Response object repeats.
ECHOED = (
    "background conversation frequency_penalty instructions max_output_tokens max_tool_calls metadata "
    "model parallel_tool_calls presence_penalty previous_response_id prompt prompt_cache_key "
    "prompt_cache_retention reasoning safety_identifier service_tier store temperature text tool_choice "
    "tools top_logprobs top_p truncation user"
).split()


def echo(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request that the Response object repeats, as the service writes them."""
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
    """Return tools as the service repeats them: a function always has its parameters and `strict`."""
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
    """Estimate the number of tokens of a text: four characters each."""
    return (len(text) + 3) // 4


def count_input(request: Mapping[str, Any]) -> int:
    """Estimate the number of tokens of a request's instructions, input and tools. Pictures and files given as
    data are not counted."""
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
    """Return the `usage` of a Response with these numbers of tokens. The `given` fields replace them."""
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
    """Return the `error` of an error event, nested as by the service."""
    return {**_FAILURE, **given}


def failure(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `error` of a Response that failed."""
    return {name: {**_FAILURE, **given}[name] for name in ("code", "message")}


def http_error(status: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of an error answer: the service's error for this status, with the `given` fields."""
    return {"error": {**api_errors.to_api(api_errors.of_status(status))["error"], **given}}
