"""Answers without a recording: which items they have, and that they are legal."""

import json
from typing import Any

import jsonschema
import pytest
from tests.scripts.improvise.requests import CALL, OPEN_RESPONSES, OUTPUT, WEATHER, user
from tests.scripts.improvise.schemas import STRICT

from respool.check.checker import check
from respool.check.schema import validate
from respool.errors import RequestError
from respool.protocol.events import Event
from respool.scripts import plain, read
from respool.scripts.improvise import improvise, scripted
from respool.scripts.synth import expand

SHELL_IN_CONTAINER = {"type": "shell", "environment": {"type": "container_auto"}}


def streamed(body: dict[str, Any]) -> list[Event]:
    (expansion,) = expand(improvise({"model": "gpt-5.2", **body}), "improvised")
    events = [written.event for written in expansion.events]
    assert check(events) == []
    assert validate(events) == []
    return events


def response(body: dict[str, Any]) -> dict[str, Any]:
    final: dict[str, Any] = streamed(body)[-1].data["response"]
    return final


def output(body: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = response(body)["output"]
    return items


def types(body: dict[str, Any]) -> list[str]:
    return [item["type"] for item in output(body)]


def answer_text(body: dict[str, Any]) -> str:
    text: str = output(body)[-1]["content"][0]["text"]
    return text


@pytest.mark.parametrize("name", OPEN_RESPONSES)
def test_an_answer_has_the_items_that_are_asked_for_and_is_legal(name: str) -> None:
    body, wanted = OPEN_RESPONSES[name]
    assert types(body) == wanted
    final = response(body)
    assert final["status"] == "completed"
    assert final["usage"]["output_tokens"] > 0


def test_the_same_request_gives_the_same_bytes_and_another_gives_others() -> None:
    body = OPEN_RESPONSES["tool calling"][0]
    assert streamed(body) == streamed(json.loads(json.dumps(body)))
    assert streamed(body) == streamed(dict(reversed(body.items())))
    assert (
        streamed(body)[0].data["response"]["id"] != streamed({**body, "user": "b"})[0].data["response"]["id"]
    )


def test_a_stream_and_a_whole_answer_are_the_same() -> None:
    assert improvise({"input": "Hi", "stream": True}).seed == improvise({"input": "Hi"}).seed


def test_the_response_repeats_the_request() -> None:
    final = response({"input": "Hi", "temperature": 0.3, "metadata": {"a": "b"}, "tools": [WEATHER]})
    assert (final["model"], final["temperature"], final["metadata"]) == ("gpt-5.2", 0.3, {"a": "b"})
    assert final["tools"][0]["name"] == "get_weather"


def test_it_is_a_script_that_can_be_written_and_read() -> None:
    script = improvise(OPEN_RESPONSES["reasoning summary"][0])
    assert read(plain(script)) == script
    assert scripted(OPEN_RESPONSES["basic text"][0]).expand().events


@pytest.mark.parametrize("name", STRICT)
def test_structured_output_validates(name: str) -> None:
    schema = STRICT[name]
    requested = {"type": "json_schema", "name": "answer", "strict": True, "schema": schema}
    jsonschema.validate(json.loads(answer_text({"input": "Hi", "text": {"format": requested}})), schema)


@pytest.mark.parametrize("name", STRICT)
def test_arguments_validate(name: str) -> None:
    tool = {"type": "function", "name": "f", "strict": True, "parameters": STRICT[name]}
    choice = {"type": "function", "name": "f"}
    (call,) = output({"input": "Hi", "tools": [tool], "tool_choice": choice})
    jsonschema.validate(json.loads(call["arguments"]), STRICT[name])


def test_arguments_take_the_users_words() -> None:
    tool = {
        **WEATHER,
        "parameters": {"properties": {"city": {"type": "string"}, "query": {"type": "string"}}},
    }
    (call,) = output({"input": "The weather in New York please", "tools": [tool]})
    assert json.loads(call["arguments"]) == {"city": "New York", "query": "The weather in New York please"}


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}


TIME, MAIL = function("get_time"), function("sendEmail")


@pytest.mark.parametrize(
    ("words", "called"),
    [
        ("call get_weather", ["get_weather"]),
        ("How is the weather?", ["get_weather"]),
        ("What time is it?", ["get_time"]),
        ("Weather and time, please.", ["get_weather", "get_time"]),
        ("Send an email to Ada.", ["sendEmail"]),
        ("Get on with it.", []),
        ("Sometimes I wonder.", []),
    ],
)
def test_words_name_tools(words: str, called: list[str]) -> None:
    tools = [WEATHER, TIME, MAIL]
    found = [item.get("name") for item in output({"input": words, "tools": tools}) if "name" in item]
    assert found == called


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("auto", ["get_weather"]),
        ("required", ["get_weather"]),
        ({"type": "function", "name": "get_time"}, ["get_time"]),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_time"}]}, []),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "get_time"}],
            },
            ["get_time"],
        ),
    ],
    ids=str,
)
def test_the_tool_choice_decides(choice: Any, called: list[str]) -> None:
    body = {"input": "The weather?", "tools": [WEATHER, TIME], "tool_choice": choice}
    assert [item["name"] for item in output(body) if item["type"] == "function_call"] == called


def test_calls_come_one_by_one_where_they_must_not_be_parallel() -> None:
    body = {"input": [user("Weather and time?")], "tools": [WEATHER, TIME], "parallel_tool_calls": False}
    assert [item["name"] for item in output(body)] == ["get_weather"]
    body["input"] = [user("Weather and time?"), CALL, OUTPUT]
    assert [item["name"] for item in output(body)] == ["get_time"]


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "name": "get_weather"}], ids=str)
@pytest.mark.parametrize("more", [[], [user("So what is the weather?")]], ids=["output last", "user last"])
def test_a_loop_ends_with_what_the_tool_returned(choice: Any, more: list[Any]) -> None:
    body = {"input": [user("Weather?"), CALL, OUTPUT, *more], "tools": [WEATHER], "tool_choice": choice}
    assert answer_text(body) == "get_weather returned: 18 degrees and sunny"


def test_after_an_answer_the_tool_is_called_again() -> None:
    answer = {"role": "assistant", "content": "It is sunny."}
    assert types(
        {"input": [user("Weather?"), CALL, OUTPUT, answer, user("Weather now?")], "tools": [WEATHER]}
    ) == ["function_call"]


HOSTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "web_search": ({"type": "web_search"}, ["web_search_call", "message"]),
    "web_search_preview": ({"type": "web_search_preview"}, ["web_search_call", "message"]),
    "file_search": ({"type": "file_search", "vector_store_ids": ["vs_1"]}, ["file_search_call", "message"]),
    "code_interpreter": (
        {"type": "code_interpreter", "container": {"type": "auto"}},
        ["code_interpreter_call", "message"],
    ),
    "image_generation": ({"type": "image_generation"}, ["image_generation_call", "message"]),
    "computer_use_preview": (
        {
            "type": "computer_use_preview",
            "display_width": 1024,
            "display_height": 768,
            "environment": "browser",
        },
        ["computer_call"],
    ),
    "local_shell": ({"type": "local_shell"}, ["local_shell_call"]),
    "shell": ({"type": "shell"}, ["shell_call"]),
    "shell in a container": (SHELL_IN_CONTAINER, ["shell_call", "shell_call_output", "message"]),
    "apply_patch": ({"type": "apply_patch"}, ["apply_patch_call"]),
    "mcp": (
        {"type": "mcp", "server_label": "docs", "server_url": "https://example.com/mcp"},
        ["mcp_list_tools", "mcp_approval_request"],
    ),
    "mcp without approval": (
        {
            "type": "mcp",
            "server_label": "docs",
            "server_url": "https://example.com/mcp",
            "require_approval": "never",
            "allowed_tools": ["read"],
        },
        ["mcp_list_tools", "mcp_call", "message"],
    ),
    "custom": ({"type": "custom", "name": "run_sql"}, ["custom_tool_call"]),
}


@pytest.mark.parametrize("name", HOSTED)
def test_each_type_of_tool_is_called_where_it_is_demanded(name: str) -> None:
    tool, items = HOSTED[name]
    choice = {key: tool[key] for key in ("type", "name", "server_label") if key in tool}
    chosen = improvise({"input": "Hi", "tools": [tool], "tool_choice": choice})  # not all of them has the SDK
    assert [step.type for step in chosen.turns[0].steps] == items
    assert types({"input": "Hi", "tools": [tool], "tool_choice": "required"}) == items


def test_a_custom_tools_input_follows_its_regular_expression() -> None:
    tool = {
        "type": "custom",
        "name": "dial",
        "format": {"type": "grammar", "syntax": "regex", "definition": r"\+\d{3}"},
    }
    (call,) = output({"input": "dial", "tools": [tool]})
    assert call["input"][0] == "+"
    assert call["input"][1:].isdecimal()


def test_a_tool_in_a_namespace_is_called_in_it() -> None:
    tool = {"type": "namespace", "name": "crm", "description": "", "tools": [function("list_customers")]}
    (call,) = output({"input": "Which customers are there?", "tools": [tool]})
    assert (call["namespace"], call["name"]) == ("crm", "list_customers")


def test_reasoning_is_encrypted_where_that_is_asked_for() -> None:
    body = {"input": "Hi", "reasoning": {"effort": "high"}, "include": ["reasoning.encrypted_content"]}
    reasoning, _ = output(body)
    assert reasoning["encrypted_content"].startswith("gAAAAA")
    assert reasoning["summary"] == []
    assert types({"input": "Hi", "reasoning": {"effort": "none"}}) == ["message"]


def test_logprobs_come_where_they_are_asked_for() -> None:
    (message,) = output({"input": "Hi", "include": ["message.output_text.logprobs"]})
    assert message["content"][0]["logprobs"]


def test_an_answer_ends_where_the_tokens_do() -> None:
    body = {"input": "Hi " * 50, "max_output_tokens": 16}
    final = response(body)
    assert final["incomplete_details"] == {"reason": "max_output_tokens"}
    assert final["usage"]["output_tokens"] == 16


REFUSED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "a schema without an end": (
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"$ref": "#"}}}},
        "invalid_json_schema",
        "Invalid schema for response_format 'a': In context=(), references",
    ),
    "arguments without an end": (
        {
            "tools": [
                {
                    **WEATHER,
                    "parameters": {
                        "properties": {"a": {"type": "string", "pattern": "("}},
                        "required": ["a"],
                    },
                }
            ]
        },
        "invalid_function_parameters",
        "Invalid schema for function 'get_weather': In context=('properties', 'a'), not a regular",
    ),
    "a tool that is not offered": (
        {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "other"}},
        None,
        "Tool choice 'other' not found in 'tools' parameter.",
    ),
    "a grammar": (
        {
            "tools": [
                {
                    "type": "custom",
                    "name": "weather",
                    "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
                }
            ]
        },
        "invalid_grammar",
        "Invalid grammar for tool 'weather': a lark grammar cannot be improvised.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_improvised_is_refused(name: str) -> None:
    body, code, message = REFUSED[name]
    with pytest.raises(RequestError) as caught:
        improvise({"input": "The weather?", **body})
    assert caught.value.status == 400
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


ODD: list[Any] = [
    {},
    {"input": 3},
    {"input": [None, 3, {"type": "x"}]},
    {"input": [{"role": "user", "content": [{"type": "input_text"}, 7]}]},
    {"input": "", "tools": [None, {}, {"type": "function"}, {"type": "other"}], "tool_choice": "auto"},
    {"input": "x", "tools": "no", "tool_choice": 5, "text": 1, "reasoning": "a", "include": 2},
    {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": "x"}]}]},
]


@pytest.mark.parametrize("body", ODD, ids=str)
def test_an_odd_request_has_an_answer(body: dict[str, Any]) -> None:
    assert [step.type for step in improvise(body).turns[0].steps] == ["message"]
