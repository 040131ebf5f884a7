"""Faults of the model: the calls that it makes."""

import json
from random import Random
from typing import Any

import pytest
from fault_streams import events, make_stream

from respool.faults import (
    FAULTS,
    AlmostJson,
    CallAfterAnswer,
    CutArguments,
    EmptyArguments,
    EndlessCalls,
    Fault,
    MissingArgument,
    SameCallTwice,
    TextAndCall,
    UnknownItem,
    UnknownTool,
    WrongTypes,
)
from respool.scripts import read
from respool.scripts.synth import expand

ARGUMENTS = {"unit": "C", "city": "Paris", "days": 3, "exact": True, "tags": ["a"], "more": None}
WEATHER = {"function_call": {"name": "get_weather", "arguments": ARGUMENTS}}
TIME = {"function_call": {"name": "get_time", "arguments": {"zone": "CET"}}}
HELLO = {"message": {"text": "Hello"}}
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["K", "C"]},
        "days": {"type": ["integer", "null"]},
        "tags": {"type": "array"},
        "where": {"properties": {"deep": {"anyOf": [{"type": "boolean"}]}}},
        "what": {},
    },
    "required": ["city"],
}
TOOLS = [{"type": "web_search"}, {"type": "function", "name": "get_weather", "parameters": SCHEMA}]
SAMPLE = {
    "city": "example",
    "unit": "K",
    "days": 1,
    "tags": [],
    "where": {"deep": True},
    "what": None,
}


def stream(*steps: dict[str, Any], tools: list[dict[str, Any]] = TOOLS) -> list[str]:
    script = read({"output": list(steps), "request": {"tools": tools}})
    return [written.event.text for written in expand(script, "a")[0].events]


def output(fault: Fault, *steps: dict[str, Any], tools: list[dict[str, Any]] = TOOLS) -> list[dict[str, Any]]:
    frames = list(fault.apply(make_stream(stream(*steps, tools=tools)), Random(0)))
    found: list[dict[str, Any]] = events(frames)[-1].data["response"]["output"]
    return found


def short(items: list[dict[str, Any]]) -> list[str]:
    """Each item in a word: the text of a message, the name of the tool, or its type."""
    return [
        item["content"][0]["text"] if item["type"] == "message" else item.get("name", item["type"])
        for item in items
    ]


TEXT = json.dumps(ARGUMENTS, separators=(",", ":"))
OTHERS = {"unit": ["C"], "city": ["Paris"], "days": "about 3", "exact": "yes", "tags": '["a"]', "more": 0}


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [
        (CutArguments(), TEXT[: len(TEXT) // 2]),
        (CutArguments(keep=0), ""),
        (EmptyArguments(), ""),
        (EmptyArguments(value="null"), "null"),
        (AlmostJson(of="arguments", kind="cut"), json.dumps(ARGUMENTS)[:-1]),
        (WrongTypes(), json.dumps(OTHERS, separators=(",", ":"))),
        (WrongTypes(key="days"), TEXT.replace("3", '"about 3"')),
        (WrongTypes(key="none"), TEXT),
        (MissingArgument(), TEXT.replace('"city":"Paris",', "")),
        (MissingArgument(key="unit"), TEXT.replace('"unit":"C",', "")),
        (MissingArgument(key="none"), TEXT),
    ],
    ids=str,
)
def test_a_call_has_other_arguments(fault: Fault, arguments: str) -> None:
    call, other = output(fault, WEATHER, TIME)
    assert (call["arguments"], call["status"], call["name"]) == (arguments, "completed", "get_weather")
    assert other["arguments"] == '{"zone":"CET"}'


def test_without_a_schema_the_first_argument_is_missing() -> None:
    (call,) = output(MissingArgument(), WEATHER, tools=[])
    assert call["arguments"] == TEXT.replace('"unit":"C",', "")


@pytest.mark.parametrize(
    ("fault", "steps", "shown"),
    [
        (UnknownTool(), (WEATHER, TIME), ["do_everything", "get_time"]),
        (UnknownTool(tool="rm"), (WEATHER,), ["rm"]),
        (UnknownTool(at="output_item.done#2"), (WEATHER, TIME), ["get_weather", "do_everything"]),
        (SameCallTwice(), (WEATHER, TIME), ["get_weather", "get_weather", "get_time"]),
        (TextAndCall(), (WEATHER,), ["Let me look that up for you.", "get_weather"]),
        (TextAndCall(), (HELLO,), ["get_weather", "Hello"]),
        (TextAndCall(), (HELLO, TIME), ["Hello", "get_time"]),
        (CallAfterAnswer(), (HELLO,), ["Hello", "get_weather"]),
        (CallAfterAnswer(), (TIME,), ["get_time", "All done.", "get_time"]),
        (CallAfterAnswer(), (), ["All done.", "get_weather"]),
        (EndlessCalls(), (HELLO, HELLO), ["get_weather"]),
        (EndlessCalls(), (TIME,), ["get_time"]),
        (UnknownItem(), (HELLO,), ["hologram_call", "Hello"]),
        (UnknownItem(type="x"), (), ["x"]),
    ],
)
def test_there_are_other_items(fault: Fault, steps: tuple[dict[str, Any], ...], shown: list[str]) -> None:
    assert short(output(fault, *steps)) == shown


def test_the_same_call_has_an_id_of_its_own_or_not() -> None:
    first, second = output(SameCallTwice(), WEATHER)
    assert first["arguments"] == second["arguments"]
    assert first["id"] != second["id"]
    assert first["call_id"] != second["call_id"]
    first, second = output(SameCallTwice(same_id=True), WEATHER)
    assert first["id"] != second["id"]
    assert first["call_id"] == second["call_id"]


def test_a_new_call_has_arguments_that_the_tool_allows() -> None:
    assert json.loads(output(EndlessCalls(), HELLO)[0]["arguments"]) == SAMPLE


@pytest.mark.parametrize("tools", [[], [{"type": "function"}], [{"type": "web_search"}]])
def test_without_a_tool_a_new_call_is_of_one_that_is_not_there(tools: list[dict[str, Any]]) -> None:
    (call,) = output(EndlessCalls(), HELLO, tools=tools)
    assert (call["name"], call["arguments"]) == ("look_up", "{}")


def test_a_schema_without_end_gives_arguments() -> None:
    schema: Any = {"type": "string"}
    for _ in range(100):
        schema = {"type": "object", "properties": {"a": schema}}
    (call,) = output(EndlessCalls(), HELLO, tools=[{**TOOLS[1], "parameters": schema}])
    assert call["arguments"] == '{"a":' * 9 + "null" + "}" * 9


OF_CALLS = [CutArguments(), WrongTypes(), MissingArgument(), EmptyArguments(), UnknownTool(), SameCallTwice()]


@pytest.mark.parametrize("fault", OF_CALLS, ids=str)
def test_where_nothing_is_called_nothing_happens(fault: Fault) -> None:
    frames = make_stream(stream(HELLO))
    assert list(fault.apply(frames, Random(0))) == frames


def test_every_fault_of_the_model_is_in_a_test_of_its_own() -> None:
    here = "cut_arguments empty_arguments wrong_types missing_argument unknown_tool same_call_twice "
    here += "text_and_call call_after_answer endless_calls unknown_item "
    words = "code_fence almost_json empty_text refusal other_language long_text repeated_text odd_characters"
    assert {name for name, fault in FAULTS.items() if fault.category == "model"} == {*(here + words).split()}
