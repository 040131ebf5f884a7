"""Scripts as values: from plain data, back to it, and their JSON Schema."""

import json
from typing import Any

import jsonschema
import pytest

from respool.protocol.event_types import ITEM_TYPES
from respool.scripts import (
    End,
    Path,
    PlainSource,
    Script,
    ScriptError,
    ScriptPace,
    Step,
    Turn,
    plain,
    read,
    schema,
)
from respool.scripts.steps import ITEMS, STEPS

VALIDATOR = jsonschema.Draft202012Validator(schema())


def turn(steps: tuple[Step, ...] = (), **fields: Any) -> Script:
    return Script((Turn(steps, **fields),))


def step(type: str, **value: Any) -> Script:
    return turn((Step(type, value),))


HELLO = Step("message", {"text": "Hello"})

# Plain data at its shortest, and the Script that it is: read and written.
SCRIPTS: list[tuple[dict[str, Any], Script]] = [
    ({"text": "Hello"}, turn((HELLO,))),
    ({"text": ""}, step("message", text="")),
    ({"end": "completed"}, turn()),
    ({"model": "m", "text": "Hello"}, turn((HELLO,), model="m")),
    ({"request": {"stream": True}, "text": "Hello"}, turn((HELLO,), request={"stream": True})),
    ({"response": {"id": "resp_1"}, "text": "Hello"}, turn((HELLO,), response={"id": "resp_1"})),
    ({"text": "Hello", "usage": None}, turn((HELLO,), usage=None)),
    ({"text": "Hello", "usage": {"input_tokens": 3}}, turn((HELLO,), usage={"input_tokens": 3})),
    ({"deltas": "words", "text": "Hello"}, turn((HELLO,), deltas="words")),
    ({"deltas": 3, "text": "Hello"}, turn((HELLO,), deltas=3)),
    ({"obfuscation": True, "text": "Hello"}, turn((HELLO,), obfuscation=True)),
    ({"pace": 50, "text": "Hello"}, turn((HELLO,), pace=ScriptPace(50))),
    ({"pace": {"ttft": 0.5}, "text": "Hello"}, turn((HELLO,), pace=ScriptPace(ttft=0.5))),
    (
        {"pace": {"tokens_per_second": 9, "bursts": True}, "text": "Hello"},
        turn((HELLO,), pace=ScriptPace(9, bursts=True)),
    ),
    ({"note": "A note.", "text": "Hello"}, turn((HELLO,), note="A note.")),
    ({"headers": {"x-a": "b"}, "text": "Hello"}, turn((HELLO,), headers={"x-a": "b"})),
    ({"text": "Hello", "seed": 7}, Script((Turn((HELLO,)),), seed=7)),
    ({"text": "Hello", "end": "incomplete"}, turn((HELLO,), end=End(incomplete="max_output_tokens"))),
    ({"text": "Hello", "end": {"incomplete": "steered"}}, turn((HELLO,), end=End(incomplete="steered"))),
    ({"text": "Hello", "end": "failed"}, turn((HELLO,), end=End(failed={}))),
    ({"text": "Hello", "end": {"failed": "boom"}}, turn((HELLO,), end=End(failed={"message": "boom"}))),
    ({"text": "Hello", "end": "error"}, turn((HELLO,), end=End(error={}))),
    (
        {"text": "Hello", "end": {"error": {"code": None, "message": "boom"}, "failed": None}},
        turn((HELLO,), end=End(error={"code": None, "message": "boom"}, failed={})),
    ),
    ({"text": "Hello", "end": "cut"}, turn((HELLO,), end=End(cut=True))),
    ({"text": "Hello", "end": {"cut": 7}}, turn((HELLO,), end=End(cut=7))),
    ({"end": "cut"}, turn(end=End(cut=True))),
    ({"status": 429}, turn(status=429, error={})),
    ({"status": 500, "error": "boom"}, turn(status=500, error={"message": "boom"})),
    ({"status": 400, "body": "<html>"}, turn(status=400, body="<html>")),
    ({"body": {"a": [1]}}, turn(body={"a": [1]})),
    (
        {"turns": [{"text": "Hello"}, {"model": "m", "status": 503}]},
        Script((Turn((HELLO,)), Turn(model="m", status=503, error={}))),
    ),
    (
        {"output": [{"pause": 1.5}, {"message": "Hello"}]},
        turn((Step("pause", 1.5), HELLO)),
    ),
    ({"output": [{"event": {"type": "keepalive"}}]}, turn((Step("event", {"type": "keepalive"}),))),
    ({"output": [{"item": {"type": "x", "y": [1]}}]}, turn((Step("item", {"type": "x", "y": [1]}),))),
    ({"output": [{"refusal": "No."}]}, step("message", content=(("refusal", "No."),))),
    (
        {
            "output": [
                {"message": {"content": [{"output_text": "a"}, {"refusal": "b"}], "phase": "commentary"}}
            ]
        },
        step("message", content=(("output_text", {"text": "a"}), ("refusal", "b")), phase="commentary"),
    ),
    (
        {"output": [{"message": {"text": "a", "logprobs": [{"token": "a", "logprob": -0.5}]}}]},
        step("message", text="a", logprobs=({"token": "a", "logprob": -0.5},)),
    ),
    (
        {"output": [{"message": {"text": "a", "annotations": [{"type": "url_citation", "quote": "a"}]}}]},
        step("message", text="a", annotations=({"type": "url_citation", "quote": "a"},)),
    ),
    ({"output": [{"reasoning": None}]}, step("reasoning")),
    ({"output": [{"reasoning": "a"}]}, step("reasoning", summary=("a",))),
    ({"output": [{"reasoning": ["a", "b"]}]}, step("reasoning", summary=("a", "b"))),
    (
        {"output": [{"reasoning": {"content": "raw", "encrypted_content": True}}]},
        step("reasoning", content=("raw",), encrypted_content=True),
    ),
    (
        {"output": [{"function_call": {"name": "f", "arguments": {"a": 1, "é": None}}}]},
        step("function_call", name="f", arguments='{"a":1,"é":null}'),
    ),
    (
        {"output": [{"function_call": {"name": "f", "arguments": '{"a": 1}', "call_id": "call_1"}}]},
        step("function_call", name="f", arguments='{"a": 1}', call_id="call_1"),
    ),
    (
        {"output": [{"function_call": {"name": "f", "arguments": '{"cut'}}]},
        step("function_call", name="f", arguments='{"cut'),
    ),
    ({"output": [{"web_search_call": "q"}]}, step("web_search_call", query="q")),
    ({"output": [{"file_search_call": ["a", "b"]}]}, step("file_search_call", queries=("a", "b"))),
    (
        {"output": [{"code_interpreter_call": {"code": "x", "outputs": "42"}}]},
        step("code_interpreter_call", code="x", outputs=("42",)),
    ),
    ({"output": [{"image_generation_call": None}]}, step("image_generation_call")),
    (
        {"output": [{"image_generation_call": {"partial_images": 2}}]},
        step("image_generation_call", partial_images=2),
    ),
    (
        {
            "output": [
                {"mcp_list_tools": {"server_label": "s", "tools": ["a", {"name": "b", "description": "c"}]}}
            ]
        },
        step("mcp_list_tools", server_label="s", tools=({"name": "a"}, {"name": "b", "description": "c"})),
    ),
    (
        {"output": [{"mcp_call": {"server_label": "s", "name": "n", "error": {"type": "http_error"}}}]},
        step("mcp_call", server_label="s", name="n", error={"type": "http_error"}),
    ),
    (
        {"output": [{"local_shell_call": ["ls", "-a"]}]},
        step("local_shell_call", action={"command": ("ls", "-a")}),
    ),
    ({"output": [{"shell_call": "ls"}]}, step("shell_call", action={"commands": ("ls",)})),
    (
        {"output": [{"shell_call_output": ["a", {"stdout": "b", "stderr": "c"}]}]},
        step("shell_call_output", output=({"stdout": "a"}, {"stdout": "b", "stderr": "c"})),
    ),
    (
        {"output": [{"program": "x"}, {"program_output": "y"}]},
        turn((Step("program", {"code": "x"}), Step("program_output", {"result": "y"}))),
    ),
]


@pytest.mark.parametrize(("data", "script"), SCRIPTS, ids=[json.dumps(data)[:60] for data, _ in SCRIPTS])
def test_plain_data_is_read_as_a_script_and_written_back(data: dict[str, Any], script: Script) -> None:
    assert read(data) == script
    assert plain(script) == data
    assert VALIDATOR.is_valid(data)


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [
        ({"output": [{"message": "Hello"}]}, {"text": "Hello"}),
        ({"output": [{"message": {"text": "Hello"}}], "end": "completed"}, {"text": "Hello"}),
        ({"text": "Hello", "seed": 0, "deltas": "tokens"}, {"text": "Hello"}),
        ({"text": "a", "end": {"failed": {}}}, {"text": "a", "end": "failed"}),
        ({"text": "a", "pace": {"tokens_per_second": 5}}, {"text": "a", "pace": 5}),
        ({"status": 404, "error": {}}, {"status": 404}),
        ({"output": []}, {"end": "completed"}),
        ({"turns": [{"text": "a"}], "model": "m"}, {"text": "a", "model": "m"}),
        (
            {"turns": [{"text": "a"}, {"text": "b", "model": "n"}], "model": "m"},
            {"turns": [{"text": "a", "model": "m"}, {"text": "b", "model": "n"}]},
        ),
        ({"output": [{"reasoning": {"summary": ["a"]}}]}, {"output": [{"reasoning": "a"}]}),
        ({"output": [{"shell_call": {"action": {"commands": ["a"]}}}]}, {"output": [{"shell_call": "a"}]}),
        ({"output": [{"message": {"content": [{"refusal": "a"}]}}]}, {"output": [{"refusal": "a"}]}),
    ],
)
def test_what_says_the_same_is_the_same_script(longer: dict[str, Any], shorter: dict[str, Any]) -> None:
    assert read(longer) == read(shorter)
    assert plain(read(longer)) == shorter
    assert VALIDATOR.is_valid(longer)


@pytest.mark.parametrize(
    ("data", "cause", "path"),
    [
        ([], "expected a mapping, but this is a list", ()),
        ({}, "expected one of text, output, end, error, body, status, turns", ()),
        ({"text": None}, "expected text, but there is none; an empty text is ''", ("text",)),
        ({"text": ["a"]}, "expected text, but this is a list", ("text",)),
        ({"txet": "a"}, "txet is not known here, did you mean text?; expected text, output, ", ("txet",)),
        ({"text": "a", "output": []}, "output and text exclude each other", ("output",)),
        ({"text": "a", "turns": []}, "expected a list of a mapping, but it is empty", ("turns",)),
        ({"text": "a", "turns": [{"text": "b"}]}, "text and turns exclude each other", ("text",)),
        (
            {"turns": [{"text": "b"}, {}]},
            "expected one of text, output, end, error, body, status",
            ("turns", 1),
        ),
        ({"text": "a", "instructions": "b"}, "instructions belongs below request", ("instructions",)),
        ({"message": "a"}, "message is a step: write it in the list of output", ("message",)),
        ({"text": "a", "id": "b"}, "id belongs below response", ("id",)),
        ({"text": "a", "response": {"status": "b"}}, "the status follows from end", ("response", "status")),
        ({"text": "a", "seed": 1.5}, "expected a whole number, but this is 1.5", ("seed",)),
        ({"text": "a", "pace": 0}, "expected a number, 0.001 or more, but this is 0", ("pace",)),
        (
            {"text": "a", "pace": True},
            "expected a number, 0.001 or more, or a mapping, but this is true",
            ("pace",),
        ),
        (
            {"text": "a", "deltas": "token"},
            'expected tokens or words or whole, but this is "token", did you mean tokens?',
            ("deltas",),
        ),
        ({"text": "a", "deltas": 0}, "expected a whole number, 1 or more, but this is 0", ("deltas",)),
        ({"text": "a", "end": "fail"}, 'cut, but this is "fail", did you mean failed?', ("end",)),
        ({"text": "a", "end": {}}, "expected one of incomplete, error, failed, cut", ("end",)),
        (
            {"text": "a", "end": {"cut": 1, "failed": None}},
            "cut and failed exclude each other",
            ("end", "cut"),
        ),
        (
            {"text": "a", "end": {"cut": 0}},
            "expected a whole number, 1 or more, but this is 0",
            ("end", "cut"),
        ),
        ({"text": "a", "status": 429}, "an answer with status 429 has no text", ("text",)),
        ({"error": "a"}, "an error needs a status of 400 or more beside it", ("error",)),
        ({"status": 99}, "expected a whole number from 200 to 599, but this is 99", ("status",)),
        ({"text": "a", "headers": {"a": []}}, "expected text, but this is a list", ("headers", "a")),
        (
            {"output": {"message": "a"}},
            "expected a list of a step, which is a mapping with one key, but this is a mapping",
            ("output",),
        ),
        (
            {"output": ["a"]},
            'expected a step, which is a mapping with one key, but this is "a"',
            ("output", 0),
        ),
        ({"output": [{}]}, "a step has one key, but this has 0", ("output", 0)),
        (
            {"output": [{"message": None, "text": "a"}]},
            "a step has one key, but this has 2; indent the fields below it",
            ("output", 0),
        ),
        (
            {"output": [{"functon_call": {}}]},
            "there is no step functon_call, did you mean function_call?; expected message, ",
            ("output", 0, "functon_call"),
        ),
        (
            {"output": [{"function_call": {"arguments": {}}}]},
            "name is missing",
            ("output", 0, "function_call"),
        ),
        ({"output": [{"mcp_call": {}}]}, "server_label and name are missing", ("output", 0, "mcp_call")),
        (
            {"output": [{"function_call": {"name": "a", "status": "done"}}]},
            'expected in_progress or completed or incomplete, but this is "done"',
            ("output", 0, "function_call", "status"),
        ),
        (
            {"output": [{"function_call": {"name": "a", "arguments": None}}]},
            "expected a mapping, or JSON as text, but this is nothing",
            ("output", 0, "function_call", "arguments"),
        ),
        (
            {"output": [{"message": {"text": "a", "content": []}}]},
            "content and text exclude each other",
            ("output", 0, "message", "content"),
        ),
        (
            {"output": [{"message": {"content": [{"text": "a"}]}}]},
            "there is no content part text; expected output_text, refusal",
            ("output", 0, "message", "content", 0, "text"),
        ),
        ({"output": [{"item": {"id": "a"}}]}, "type is missing", ("output", 0, "item")),
        (
            {"output": [{"event": {"type": 1}}]},
            "expected text, but this is 1",
            ("output", 0, "event", "type"),
        ),
        (
            {"output": [{"pause": -1}]},
            "expected seconds from 0 to 86400, but this is -1",
            ("output", 0, "pause"),
        ),
        (
            {"output": [{"image_generation_call": "a.png"}]},
            "a.png: there is no folder to read it from",
            ("output", 0, "image_generation_call"),
        ),
    ],
)
def test_an_error_says_where_and_what_was_expected(data: Any, cause: str, path: Path) -> None:
    with pytest.raises(ScriptError) as caught:
        read(data)
    assert cause in caught.value.cause
    assert caught.value.path == path


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"txet": "a"},
        {"text": "a", "output": []},
        {"text": None},
        {"text": "a", "turns": [{"text": "b"}]},
        {"turns": []},
        {"text": "a", "end": "fail"},
        {"text": "a", "end": {"cut": 1, "failed": None}},
        {"text": "a", "response": {"status": "b"}},
        {"output": [{"functon_call": {}}]},
        {"output": [{"function_call": {"arguments": {}}}]},
        {"output": [{"message": "a", "refusal": "b"}]},
        {"output": [{"message": {"content": [{"text": "a"}]}}]},
        {"output": [{"item": {}}]},
        {"status": 99},
    ],
    ids=json.dumps,
)
def test_the_json_schema_refuses_what_reading_refuses(data: Any) -> None:
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(ScriptError):
        read(data)


def test_the_json_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_json_schema_describes_every_step() -> None:
    steps = schema()["$defs"]["step"]["properties"]
    assert list(steps) == list(STEPS)
    assert all(step.get("description") for step in steps.values())


def test_with_a_source_that_goes_on_each_error_is_told_and_the_rest_is_read() -> None:
    damages: list[ScriptError] = []

    class Source(PlainSource):
        def damage(self, error: ScriptError) -> None:
            damages.append(error)

    data = {
        "modle": "m",
        "deltas": "word",
        "output": [{"message": "a"}, {"masage": "b"}, {"function_call": {"name": None}}, {"message": "c"}],
    }
    script = read(data, Source())
    assert [error.path for error in damages] == [
        ("modle",),
        ("deltas",),
        ("output", 1, "masage"),
        ("output", 2, "function_call", "name"),
    ]
    assert [(step.value, step.path) for step in script.turns[0].steps] == [
        ({"text": "a"}, ("output", 0)),
        ({"text": "c"}, ("output", 3)),
    ]


def test_a_number_where_text_is_expected_is_taken_as_its_author_wrote_it() -> None:
    class Source(PlainSource):
        def written(self, path: Path) -> str | None:
            return "1.10" if path == ("text",) else None

    assert read({"text": 1.1, "model": 5}, Source()) == turn((Step("message", {"text": "1.10"}),), model="5")


def test_every_type_of_item_has_a_step_but_those_which_no_stream_has() -> None:
    assert ITEM_TYPES.keys() - ITEMS.keys() == {
        "additional_tools",
        "apply_patch_call_output",
        "computer_call_output",
        "custom_tool_call_output",
        "function_call_output",
        "local_shell_call_output",
        "mcp_approval_response",
    }
