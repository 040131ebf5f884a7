import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.request.samples import FULL, NAMES, input_items, parameter, wrong

from respool.errors import RequestError
from respool.protocol.request import (
    ValidationLevel,
    check_compact,
    check_conversation,
    check_conversation_update,
    check_create,
    check_input_tokens,
    check_items,
)
from respool.protocol.request.parameters import CREATE, NEEDED, PARAMETERS

SHARED = Path(__file__).parents[4] / "shared/recordings"
OFF, BASIC, STRICT = ValidationLevel
CHECKED = (BASIC, STRICT)
ASKED: dict[str, Any] = {"model": "gpt-6-astra", "input": "Hi"}


def refusal(
    body: Mapping[str, Any], level: ValidationLevel = BASIC, check: Any = check_create
) -> RequestError:
    with pytest.raises(RequestError) as raised:
        check(body, level)
    return raised.value


def fixed(body: dict[str, Any]) -> dict[str, Any]:
    """Without what excludes each other, as a client would ask for it."""
    body = copy.deepcopy(body)
    if body.get("previous_response_id"):
        body.pop("conversation", None)
    if not body.get("stream"):
        body.pop("stream_options", None)
    if body.get("background"):
        body.pop("store", None)
    if body.get("stream") or not body.get("background"):
        body.pop("background_options", None)
    return body


# What the service answers. "input": "Hi" and a model go with each.
ANSWERS = [
    ({"input": {"a": 1}}, "input", "expected one of a string or array of input items, but got an object"),
    ({"input": [7]}, "input[0]", "expected an input item, but got an integer"),
    ({"input": [None]}, "input[0]", "expected an input item, but got null"),
    ({"input": [{}]}, "input[0]", "Invalid value: ''. Supported values are: 'assistant', 'system', "),
    ({"input": [{"role": "tool", "content": ""}]}, "input[0]", "Invalid value: 'tool'. Supported values"),
    ({"input": [{"role": "user"}]}, "input[0].content", "Missing required parameter: 'input[0].content'."),
    (
        {"input": [{"role": "user", "content": 1}]},
        "input[0].content",
        "expected one of an array of objects or string, but got an integer instead.",
    ),
    ({"input": [{"role": "user", "content": ["Hi"]}]}, "input[0].content[0]", "expected an object, but"),
    ({"input": [{"type": 7}]}, "input[0].type", "expected a string, but got an integer"),
    ({"previous_response_id": {}}, "previous_response_id", "expected a string, but got an object instead."),
    ({"prompt": "x"}, "prompt", "expected an object, but got a string instead."),
    ({"prompt": {"version": "1"}}, "prompt.id", "Missing required parameter: 'prompt.id'."),
    ({"conversation": {}}, "conversation.id", "Missing required parameter: 'conversation.id'."),
    ({"include": "x"}, "include", "expected an array of strings, but got a string"),
    ({"include": [1]}, "include[0]", "expected a string, but got an integer"),
    ({"tools": "x"}, "tools", "expected an array of tools, but got a string instead."),
    ({"tools": [1]}, "tools[0]", "expected an object, but got an integer"),
    ({"tools": [{}]}, "tools[0].type", "Missing required parameter: 'tools[0].type'."),
    ({"tools": [{"type": "function"}]}, "tools[0].name", "Missing required parameter: 'tools[0].name'."),
    ({"tools": [{"type": "function", "name": 1}]}, "tools[0].name", "expected a string, but got an integer"),
    (
        {"tool_choice": 7},
        "tool_choice",
        "expected one of an object or 'none', 'auto', or 'required', but got an integer instead.",
    ),
    (
        {"tool_choice": "bogus"},
        "tool_choice",
        "Invalid value: 'bogus'. Supported values are: 'none', 'auto', and 'required'.",
    ),
    (
        {"tool_choice": {"type": "function"}},
        "tool_choice.name",
        "Missing required parameter: 'tool_choice.name'.",
    ),
    ({"metadata": "x"}, "metadata", "expected a metadata object, but got a string instead."),
    ({"metadata": {"k": 1}}, "metadata.k", "expected a string, but got an integer instead."),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "maximum length 512, but got a string with length 513"),
    (
        {"metadata": {"k" * 65: ""}},
        "metadata." + "k" * 65,
        "maximum length 64, but got a string with length 65",
    ),
    (
        {"metadata": {str(number): "" for number in range(17)}},
        "metadata",
        "at most 16 properties, but got an object with 17 properties instead.",
    ),
    ({"text": "x"}, "text", "expected an object, but got a string instead."),
    ({"text": {"format": {}}}, "text.format.type", "Missing required parameter: 'text.format.type'."),
    ({"temperature": "hot"}, "temperature", "expected a decimal, but got a string instead."),
    (
        {"temperature": 100.5},
        "temperature",
        "decimal above maximum value. Expected a value <= 2, but got 100.5 instead.",
    ),
    ({"top_p": -1}, "top_p", "decimal below minimum value. Expected a value >= 0, but got -1 instead."),
    (
        {"max_output_tokens": 15},
        "max_output_tokens",
        "integer below minimum value. Expected a value >= 16, but got 15 instead.",
    ),
    ({"max_output_tokens": 16.0}, "max_output_tokens", "expected an integer, but got a decimal number"),
    ({"max_tool_calls": 0}, "max_tool_calls", "Expected a value >= 1, but got 0 instead."),
    ({"top_logprobs": 21}, "top_logprobs", "integer above maximum value. Expected a value <= 20, but got 21"),
    ({"stream": "yes"}, "stream", "expected a boolean, but got a string instead."),
    ({"truncation": "x"}, "truncation", "Invalid value: 'x'. Supported values are: 'auto' and 'disabled'."),
    ({"truncation": {}}, "truncation", "expected one of 'auto' or 'disabled', but got an object instead."),
    ({"context_management": "x"}, "context_management", "expected an array of objects, but got a string"),
    ({"previous_response_id": "a", "conversation": "b"}, None, "Mutually exclusive parameters. Ensure you"),
    ({"background": True, "store": False}, "background", "Unsupported parameter: 'background' is not"),
    ({"stream_options": {}}, "stream_options", "parameter is only allowed when 'stream' is enabled."),
    (
        {"background_options": {"completion_window": "2h"}},
        "background_options.completion_window",
        "is only supported with 'background' and without 'stream'.",
    ),
    (
        {"background_options": {"completion_window": "8h"}, "background": True, "stream": True},
        "background_options.completion_window",
        "is only supported with 'background' and without 'stream'.",
    ),
]


@pytest.mark.parametrize("level", CHECKED)
@pytest.mark.parametrize(("change", "param", "message"), ANSWERS)
def test_what_is_wrong_for_any_model_is_refused_as_the_service_does(
    change: dict[str, Any], param: str | None, message: str, level: ValidationLevel
) -> None:
    error = refusal({**ASKED, **change}, level)
    assert error.param == param
    assert message in error.message
    assert (error.status, error.type) == (400, "invalid_request_error")


@pytest.mark.parametrize("level", CHECKED)
@pytest.mark.parametrize("body", [{}, {"model": None}, {"prompt": None}, {"prompt": {}}])
def test_a_model_is_needed_unless_something_else_names_what_plays(
    body: dict[str, Any], level: ValidationLevel
) -> None:
    error = refusal({"input": "Hi", **body}, level)
    assert (error.code, error.param) == ("missing_required_parameter", "model")
    check_create({"input": "Hi", "model": body.get("model")}, level, named=True)
    check_create({"prompt": {"id": "pmpt_1"}}, level)


def test_an_empty_model_does_not_exist() -> None:
    assert refusal({"model": ""}).code == "model_not_found"


def test_what_is_missing_is_told_before_what_is_wrong() -> None:
    assert refusal({"stream": 1, "zzz": 1}, STRICT).param == "model"


@pytest.mark.parametrize("level", ValidationLevel)
def test_a_body_with_all_parameters_at_once_is_legal(level: ValidationLevel) -> None:
    check_create(FULL, level)
    background = {**FULL, "stream": False, "background_options": {"completion_window": "8h"}}
    check_create({name: background[name] for name in background if name != "stream_options"}, level)


def test_all_parameters_of_the_openai_package_are_known_to_basic() -> None:
    assert NAMES <= CREATE
    assert NAMES - set(FULL) == {"conversation"}  # which excludes previous_response_id


# Requests as real clients send them; their texts are ours.
CLIENTS = {
    "codex": {
        "model": "gpt-5.2",
        "input": [
            {
                "type": "message",
                "role": "developer",
                "content": [{"type": "input_text", "text": "Be brief."}],
                "internal_chat_message_metadata_passthrough": {"kind": "user_instructions"},
            },
            {"type": "message", "role": "user", "content": None},
            {"type": "compaction_trigger"},
            {"type": "of_the_future", "content": 7},
        ],
        "tools": [{"type": "local_shell"}, {"type": "of_the_future", "x": 1}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": None,
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199",
        "client_metadata": {"originator": "codex"},
    },
    "agents": {
        "model": "gpt-5.2",
        "input": [{"role": "user", "content": "Hi"}],
        "include": [],
        "tools": [],
        "metadata": None,
        "temperature": None,
        "stream": False,
    },
    "xai": {"model": "grok", "input": "Hi", "include": ["inline_citations"], "service_tier": "own"},
    "prewarm": {**ASKED, "generate": False, "prompt_cache_options": {"prewarm": True}},
}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("level", [OFF, BASIC])
def test_what_real_clients_send_passes(name: str, level: ValidationLevel) -> None:
    check_create(CLIENTS[name], level)


def requests_in(value: Any) -> Iterator[dict[str, Any]]:
    """The bodies of requests anywhere in what a cassette holds, also in JSON texts."""
    match value:
        case {"model": _, "input": _, **rest}:
            if "object" not in rest and "type" not in rest:  # no Response, and no frame of a WebSocket
                yield value
        case dict():
            for inner in value.values():
                yield from requests_in(inner)
        case list():
            for inner in value:
                yield from requests_in(inner)
        case str() if value.lstrip().startswith("{"):
            with suppress(ValueError):
                yield from requests_in(json.loads(value))


CASSETTES = [path for path in sorted(SHARED.rglob("*")) if path.suffix in (".yaml", ".yml", ".har")]


@pytest.mark.skipif(not CASSETTES, reason="no ../shared/recordings")
@pytest.mark.parametrize("level", ValidationLevel)
def test_what_was_recorded_of_real_clients_passes(level: ValidationLevel) -> None:
    bodies = [body for path in CASSETTES for body in requests_in(yaml.safe_load(path.read_text()))]
    assert len(bodies) > 5
    for body in bodies:
        check_create(body, level)


@pytest.mark.parametrize("level", ValidationLevel)
def test_null_is_the_same_as_absent(level: ValidationLevel) -> None:
    check_create({**dict.fromkeys(CREATE), **ASKED}, level)


@given(
    st.fixed_dictionaries({}, optional={name: parameter(name) for name in NAMES - {"stream"}}), st.booleans()
)
def test_whatever_the_types_of_the_openai_package_allow_passes(body: dict[str, Any], stream: bool) -> None:
    legal = fixed({**body, **ASKED, "stream": stream})
    for level in ValidationLevel:
        check_create(legal, level)


@given(input_items())
def test_every_input_that_the_types_allow_passes(items: Any) -> None:
    for level in ValidationLevel:
        check_create({"model": "a", "input": items or "Hi"}, level)


# The rows of what FULL has.
PLACES = [name for name in PARAMETERS if name.partition(".")[0] in FULL]


def change(path: str, value: Any, base: dict[str, Any] = FULL) -> dict[str, Any]:
    body = copy.deepcopy(base)
    holder = body
    *parents, key = path.split(".")
    for parent in parents:
        holder = holder.setdefault(parent, {})
    holder[key] = value
    return body


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("level", CHECKED)
def test_a_wrong_type_at_one_place_of_a_legal_body_is_found_there(name: str, level: ValidationLevel) -> None:
    error = refusal(change(name, wrong(PARAMETERS[name].types)), level)
    assert (error.code, error.param) == ("invalid_type", name)


@pytest.mark.parametrize("name", sorted(NEEDED.keys() & CREATE))
def test_off_finds_wrong_types_of_what_the_server_reads(name: str) -> None:
    assert refusal(change(name, wrong(PARAMETERS[name].types)), OFF).param == name


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"temperature": "hot"},
        {"tools": 1},
        {"input": [{}]},
        {"background": True, "store": False},
        {"x": 1},
    ],
)
def test_off_lets_all_else_pass(body: dict[str, Any]) -> None:
    check_create(body, OFF)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
NAMED = st.sampled_from(sorted({name.partition(".")[0] for name in PARAMETERS} | {"multi_agent", "x"}))
ALIKE = st.recursive(
    JSON,
    lambda inner: (
        st.dictionaries(
            st.sampled_from("type role content id name format effort policy input items tools text".split()),
            inner | st.sampled_from(["message", "function", "user", "input_text", "json_schema", "mcp"]),
            max_size=4,
        )
        | st.lists(inner, max_size=2)
    ),
    max_leaves=9,
)


@pytest.mark.parametrize(
    "check",
    [
        check_create,
        check_input_tokens,
        check_compact,
        check_conversation,
        check_conversation_update,
        check_items,
    ],
)
@given(
    body=st.dictionaries(NAMED | st.text(max_size=9), ALIKE, max_size=5),
    level=st.sampled_from(ValidationLevel),
)
def test_any_object_passes_or_is_refused_with_a_request_error(
    check: Any, body: Any, level: ValidationLevel
) -> None:
    with suppress(RequestError):
        check(body, level)


@pytest.mark.parametrize("level", ValidationLevel)
def test_a_name_in_the_message_can_be_encoded(level: ValidationLevel) -> None:
    error = refusal({"model": ["\ud800"], "\ud800": 1}, level)
    assert (error.message + (error.param or "")).encode()


def test_compact_needs_a_model() -> None:
    assert refusal({"input": "Hi"}, check=check_compact).message == "Missing required parameter: 'model'."
    check_compact({"model": "a"}, STRICT)


def test_input_tokens_needs_no_model_and_knows_the_same_conflicts() -> None:
    check_input_tokens({"input": "Hi", "personality": "friendly"}, STRICT)
    both = {"previous_response_id": "a", "conversation": "b"}
    assert refusal(both, check=check_input_tokens).code == "mutually_exclusive_parameters"
    assert refusal({"input": 1}, check=check_input_tokens).param == "input"


@pytest.mark.parametrize("check", [check_conversation, check_items])
@pytest.mark.parametrize("level", CHECKED)
def test_a_conversation_takes_up_to_twenty_items_at_once(check: Any, level: ValidationLevel) -> None:
    item = {"role": "user", "content": "Hi"}
    check({"items": [item] * 20}, level)
    error = refusal({"items": [item] * 21}, level, check)
    assert (error.code, error.param) == ("array_above_max_length", "items")
    assert refusal({"items": [item, 1]}, level, check).param == "items[1]"


@pytest.mark.parametrize("level", ValidationLevel)
def test_a_conversation_may_begin_empty_but_items_must_be_given_to_be_added(level: ValidationLevel) -> None:
    check_conversation({}, level)
    assert refusal({}, level, check_items).message == "Missing required parameter: 'items'."


def test_an_update_of_a_conversation_has_metadata_which_may_be_null() -> None:
    check_conversation_update({"metadata": None}, STRICT)
    check_conversation_update({"metadata": {"a": "b"}}, STRICT)
    assert refusal({}, check=check_conversation_update).param == "metadata"
    assert refusal({"metadata": 1}, check=check_conversation_update).code == "invalid_type"


# The service hints at parameters which are up to two edits away and not in the body already.
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zzz_unknown", ""),
        ("stop", " Did you mean 'store'?"),
        ("stre", " Did you mean 'store' or 'stream'?"),
        ("strem", " Did you mean 'stream' or 'store'?"),
        ("tool", " Did you mean 'tools'?"),
        ("usr", " Did you mean 'user'?"),
        ("st", ""),
        ("modell", ""),
        ("x" * 100_000, ""),
    ],
)
def test_strict_refuses_unknown_parameters_and_hints_at_the_nearest(name: str, hint: str) -> None:
    error = refusal({**ASKED, name: 1}, STRICT)
    assert error.code == "unknown_parameter"
    assert error.message.endswith(f"'.{hint}")
    check_create({**ASKED, name: 1}, BASIC)


def test_strict_needs_input_or_what_may_stand_for_it() -> None:
    assert refusal({"model": "a"}, STRICT).message == "Missing required parameter: 'input'."
    assert refusal({"model": "a", "input": []}, STRICT).message.startswith('One of "input" or')
    for body in ({"prompt": {"id": "p"}}, {"conversation": "c"}, {"previous_response_id": "r"}):
        check_create({"model": "a", **body}, STRICT)
    check_create({"model": "a"}, BASIC)


def test_strict_takes_what_only_the_beta_has_in_a_request_of_the_beta() -> None:
    item = {"type": "multi_agent_call", "call_id": "c", "action": "spawn_agent", "arguments": "{}"}
    beta = {"model": "a", "input": [item], "multi_agent": {"enabled": True}}
    check_create(beta, STRICT)
    assert refusal({"model": "a", "input": [item]}, STRICT).param == "input[0]"


def test_conflicts_are_those_of_values_not_of_nulls() -> None:
    check_create({**ASKED, "stream_options": None, "conversation": None, "previous_response_id": "a"}, BASIC)
    check_create({**ASKED, "background_options": None, "background": None, "store": False}, BASIC)
