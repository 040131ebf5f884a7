import builtins
import copy
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocol.request.samples import FULL

from respool.errors import OptionError, RequestError
from respool.protocol.request import ValidationLevel, check_create, sdk_types
from respool.recordings.store import Store

ROOT = Path(__file__).parents[3]
FOLDERS = [path for path in (ROOT / "fixtures", ROOT / "../shared/recordings") if path.is_dir()]


def refusal(**parameters: Any) -> RequestError:
    with pytest.raises(RequestError) as raised:
        check_create({"model": "a", "input": "Hi", **parameters}, ValidationLevel.STRICT)
    return raised.value


def content(*parts: Any, role: str = "user") -> Any:
    return [{"role": role, "content": list(parts)}]


# What the service answers, where the types say it too.
ANSWERS = [
    ({"input": [{"type": "bogus_item"}]}, "invalid_value", "input[0]"),
    ({"input": [{"role": "user", "content": "", "bogus": 1}]}, "unknown_parameter", "input[0].bogus"),
    ({"input": [{"role": "assistant", "content": "", "phase": "x"}]}, "invalid_value", "input[0].phase"),
    ({"input": content({"type": "bogus"})}, "invalid_value", "input[0].content[0].type"),
    ({"input": content({"type": "input_text"})}, "missing_required_parameter", "input[0].content[0].text"),
    (
        {"input": content({"type": "output_text"}, role="assistant")},
        "missing_required_parameter",
        "input[0].content[0].text",
    ),
    (
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
        "invalid_type",
        "input[0].arguments",
    ),
    (
        {"input": [{"type": "function_call", "call_id": "c", "arguments": ""}]},
        "missing_required_parameter",
        "input[0].name",
    ),
    ({"include": ["bogus"]}, "invalid_value", "include[0]"),
    ({"text": {"zzz": 1}}, "unknown_parameter", "text.zzz"),
    ({"text": {"format": {"type": "bogus"}}}, "invalid_value", "text.format.type"),
    ({"text": {"format": {"type": "json_schema"}}}, "missing_required_parameter", "text.format.name"),
    ({"text": {"verbosity": "bogus"}}, "invalid_value", "text.verbosity"),
    ({"reasoning": {"effort": "bogus"}}, "invalid_value", "reasoning.effort"),
    ({"reasoning": {"bogus": 1}}, "unknown_parameter", "reasoning.bogus"),
    ({"tools": [{"type": "bogus"}]}, "invalid_value", "tools[0].type"),
    ({"tools": [{"type": "mcp"}]}, "missing_required_parameter", "tools[0].server_label"),
    ({"tools": [{"type": "function", "name": "f", "zzz": 1}]}, "unknown_parameter", "tools[0].zzz"),
    (
        {"tools": [{"type": "function", "name": "f", "strict": "yes"}]},
        "invalid_type",
        "tools[0].strict",
    ),
    ({"tool_choice": {"type": "bogus"}}, "invalid_value", "tool_choice.type"),
    ({"service_tier": "bogus"}, "invalid_value", "service_tier"),
    ({"prompt_cache_retention": "x"}, "invalid_value", "prompt_cache_retention"),
    ({"prompt_cache_options": {"bogus": 1}}, "unknown_parameter", "prompt_cache_options.bogus"),
    (
        {"stream": True, "stream_options": {"include_usage": True}},
        "unknown_parameter",
        "stream_options.include_usage",
    ),
    ({"context_management": [{}]}, "missing_required_parameter", "context_management[0].type"),
    (
        {"context_management": [{"type": "a", "compact_threshold": 1.0}]},
        "invalid_type",
        "context_management[0].compact_threshold",
    ),
    ({"prompt": {"id": "p", "variables": {"a": 1}}}, "invalid_type", "prompt.variables.a"),
]


@pytest.mark.parametrize(("parameters", "code", "param"), ANSWERS)
def test_what_the_types_do_not_allow_is_refused_as_the_service_does(
    parameters: dict[str, Any], code: str, param: str
) -> None:
    error = refusal(**parameters)
    assert (error.code, error.param) == (code, param)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"reasoning": {"effort": "bogus"}},
            (
                "Invalid value: 'bogus'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', "
                "'xhigh', and 'max'."
            ),
        ),
        (
            {"text": {"format": {"type": "bogus"}}},
            "Invalid value: 'bogus'. Supported values are: 'json_object', 'json_schema', and 'text'.",
        ),
        (
            {"tools": [{"type": "function", "name": "f", "parameters": "x"}]},
            "Invalid type for 'tools[0].parameters': expected an object, but got a string instead.",
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": 1}]},
            (
                "Invalid type for 'input[0].output': expected one of a string or an array, "
                "but got an integer instead."
            ),
        ),
        (
            {"tools": [{"type": "web_search", "search_context_size": 1}]},
            (
                "Invalid type for 'tools[0].search_context_size': expected one of 'low', 'medium', or "
                "'high', but got an integer instead."
            ),
        ),
    ],
)
def test_the_words_are_those_of_the_service(parameters: dict[str, Any], message: str) -> None:
    assert refusal(**parameters).message == message


# Objects of FULL whose keys the types list, and some which may hold anything.
TYPED = (
    "text text.format stream_options background_options reasoning prompt_cache_options moderation "
    "moderation.policy moderation.policy.input access_programs image tool_choice prompt "
    "context_management.0 tools.0 tools.1 tools.3.container tools.5 tools.6.format "
    "input.0 input.1 input.1.content.0 input.1.content.1 input.2 input.3 input.4 input.5 input.6 input.7"
).split()
FREE = (
    "metadata tools.0.parameters tools.0.parameters.properties.a text.format.schema prompt.variables"
).split()


def with_key(path: str, key: str) -> tuple[dict[str, Any], str]:
    """FULL with one key more in the object at a path, and how an error names it."""
    body = copy.deepcopy(FULL)
    holder: Any = body
    name = ""
    for part in path.split("."):
        holder = holder[int(part)] if part.isdecimal() else holder[part]
        name += f"[{part}]" if part.isdecimal() else f".{part}" if name else part
    holder[key] = "x"
    return body, f"{name}.{key}"


@pytest.mark.parametrize("path", TYPED)
@settings(max_examples=settings.default.max_examples // 10)
@given(key=st.text("abcdefg", min_size=5, max_size=5))
def test_an_unknown_key_at_one_place_of_a_legal_body_is_found_there(path: str, key: str) -> None:
    body, name = with_key(path, key)
    with pytest.raises(RequestError) as raised:
        check_create(body, ValidationLevel.STRICT)
    assert (raised.value.code, raised.value.param) == ("unknown_parameter", name)
    check_create(body, ValidationLevel.BASIC)


@pytest.mark.parametrize("path", FREE)
def test_what_is_free_may_hold_any_key(path: str) -> None:
    check_create(with_key(path, "own")[0], ValidationLevel.STRICT)


def items() -> list[Any]:
    """Every item that recordings have in their output, of those whose bodies the service itself wrote."""
    store = Store(FOLDERS)
    responses = [
        timed.event.data["response"]
        for name in store.names
        for turn in store.turns(name)
        for timed in turn.events
        if timed.event.type == "response.completed"
    ]
    return [item for response in responses for item in response.get("output") or ()]


def test_every_recorded_item_can_be_sent_back() -> None:
    found = items()
    assert len(found) > 20
    for item in found:
        check_create({"model": "a", "input": [item]}, ValidationLevel.STRICT)


def test_what_only_the_service_fills_in_need_not_be_sent_back() -> None:
    call = {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": [], "env": {}}}
    check_create({"model": "a", "input": [call]}, ValidationLevel.STRICT)


def test_a_long_array_of_wrong_values_costs_little() -> None:
    tracemalloc.start()
    try:
        assert refusal(include=["bogus"] * 100_000).param == "include[0]"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_deep_nesting_is_not_followed_where_the_types_leave_it_free() -> None:
    filters: dict[str, Any] = {"type": "and", "filters": []}
    for _ in range(5000):
        filters = {"type": "and", "filters": [filters]}
    tool = {"type": "file_search", "vector_store_ids": ["vs_1"], "filters": filters}
    check_create({"model": "a", "input": "Hi", "tools": [tool]}, ValidationLevel.STRICT)


def file_search(*filters: Any) -> Any:
    return [
        {
            "type": "file_search",
            "vector_store_ids": ["vs_1"],
            "filters": {"type": "and", "filters": list(filters)},
        }
    ]


@pytest.mark.parametrize("value", [None, "x", 1, [None], {}, {"own": None}])
def test_an_element_of_an_array_that_may_be_anything_may_be_null_too(value: Any) -> None:
    check_create({"model": "a", "input": "Hi", "tools": file_search(value)}, ValidationLevel.STRICT)


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"input": content(None)}, "input[0].content[0]"),
        ({"tools": [None]}, "tools[0]"),
        ({"include": [None]}, "include[0]"),
    ],
)
def test_null_is_refused_in_an_array_whose_elements_have_a_type(
    parameters: dict[str, Any], param: str
) -> None:
    error = refusal(**parameters)
    assert (error.code, error.param) == ("invalid_type", param)


def test_without_the_openai_package_strict_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("openai"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    sdk_types._requests.cache_clear()
    with pytest.raises(OptionError, match=r"needs the openai package.*pip install 'respool\[schema\]'"):
        ValidationLevel.read("strict")
