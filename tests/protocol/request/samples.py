"""Legal bodies: one that has every parameter, and a strategy of all that the openai package's types allow."""

import math
from functools import cache
from types import NoneType
from typing import Any, Literal, Required, get_args, get_origin

from hypothesis import strategies as st
from openai.types.responses import response_create_params
from typing_extensions import get_type_hints, is_typeddict

# Every parameter at once, but for those which exclude each other; each as a client would send it.
FULL: dict[str, Any] = {
    "model": "gpt-6-astra",
    "input": [
        {"role": "user", "content": "Hi"},
        {
            "type": "message",
            "role": "developer",
            "content": [
                {"type": "input_text", "text": "See this:"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
                {"type": "input_file", "file_id": "file_1"},
            ],
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "1"},
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_2"},
    ],
    "previous_response_id": "resp_1",
    "prompt": {"id": "pmpt_1", "version": "2", "variables": {"name": "x"}},
    "moderation": {"model": "omni-moderation-latest", "policy": {"input": {"mode": "score"}}},
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "tools": [
        {
            "type": "function",
            "name": "f",
            "description": "does it",
            "parameters": {"type": "object", "properties": {"a": {"type": "string", "x-own": 1}}},
        },
        {"type": "web_search", "search_context_size": "low"},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation", "quality": "low"},
        {"type": "mcp", "server_label": "s", "server_url": "https://example.com/mcp"},
        {"type": "custom", "name": "c", "format": {"type": "text"}},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "metadata": {"run": "1"},
    "text": {
        "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    },
    "temperature": 1,
    "top_p": 0.5,
    "parallel_tool_calls": True,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "background": True,
    "background_options": {"completion_window": "soonest", "continuation_id": "c"},
    "max_output_tokens": 16,
    "max_tool_calls": 1,
    "reasoning": {"effort": "low", "summary": "auto"},
    "user": "u",
    "safety_identifier": "s",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m", "prewarm": False},
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "truncation": "auto",
    "instructions": "Be brief.",
    "store": True,
    "service_tier": "flex",
    "top_logprobs": 20,
    "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    "access_programs": {"cyber": "standard"},
    "image": {"context_compression": "auto"},
}

_TEXT = st.text(max_size=5)
_BOUNDED: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.floats(0, 2) | st.integers(0, 2),
    "top_p": st.floats(0, 1) | st.integers(0, 1),
    "top_logprobs": st.integers(0, 20),
    "max_output_tokens": st.integers(16),
    "max_tool_calls": st.integers(1),
    "metadata": st.dictionaries(st.text(max_size=64), st.text(max_size=20), max_size=16),
    "input": st.just("Hi"),
    "model": st.just("gpt-6-astra"),
}


@cache
def _sample(hint: Any) -> st.SearchStrategy[Any]:
    """Values of one of the package's types."""
    origin, args = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return st.deferred(lambda: _object(hint))
    if origin is Literal:
        return st.sampled_from(args)
    if origin is Required:
        return _sample(args[0])
    if origin is dict:
        return st.dictionaries(_TEXT, _sample(args[1]), max_size=2)
    if isinstance(origin, type) and len(args) == 1:
        return st.lists(_sample(args[0]), max_size=2)
    if args:
        return st.one_of([_sample(member) for member in args])
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: _TEXT,
        bool: st.booleans(),
        int: st.integers(),
        float: st.floats(allow_nan=False) | st.integers(),
        NoneType: st.none(),
        object: _TEXT | st.none() | st.lists(st.integers(), max_size=1),
    }
    return simple[hint]


def _object(typed_dict: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(typed_dict, include_extras=True)
    required = {name: hint for name, hint in hints.items() if get_origin(hint) is Required}
    optional = {name: hint for name, hint in hints.items() if name not in required}
    return st.fixed_dictionaries(
        {name: _sample(hint) for name, hint in required.items()},
        optional={name: _sample(hint) for name, hint in optional.items()},
    )


_HINTS = get_type_hints(response_create_params.ResponseCreateParamsBase, include_extras=True)
NAMES = frozenset(_HINTS) | {"stream"}


def parameter(name: str) -> st.SearchStrategy[Any]:
    """Legal values of one parameter."""
    return _BOUNDED[name] if name in _BOUNDED else _sample(_HINTS[name])


def input_items() -> st.SearchStrategy[Any]:
    """Legal values of the parameter `input`."""
    return _sample(_HINTS["input"])


def wrong(types: tuple[type, ...]) -> Any:
    """A JSON value of none of these types."""
    values: list[Any] = [True, 1, 1.5, "x", [], {}]
    return next(value for value in values if type(value) not in types and not _near(value, types))


def _near(value: Any, types: tuple[type, ...]) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and bool({int, float} & set(types))
