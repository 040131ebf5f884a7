"""A Script written out: which events, in which order, when, and what they hold."""

import json
import unicodedata
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.check.checker import check
from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES
from respool.scripts import ScriptError, read
from respool.scripts.synth import Expansion, expand
from respool.scripts.synth.deltas import cut

PIXEL = "iVBORw0KGgo"  # how the picture begins that is there when a Script names none

# What the service sends in every Response object today. Source: recorded streams of 2026.
RESPONSE_FIELDS = set(
    "id object created_at status background completed_at error frequency_penalty incomplete_details "
    "instructions max_output_tokens max_tool_calls metadata model moderation output parallel_tool_calls "
    "presence_penalty previous_response_id prompt_cache_key prompt_cache_retention reasoning "
    "safety_identifier service_tier store temperature text tool_choice tool_usage tools top_logprobs top_p "
    "truncation usage user".split()
)


def written(data: dict[str, Any], name: str = "a", turn: int = 0) -> Expansion:
    return expand(read(data), name)[turn]


def events(data: dict[str, Any], name: str = "a") -> list[dict[str, Any]]:
    return [it.event.data for it in written(data, name).events]


def types(data: dict[str, Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events(data)]


def final(data: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = events(data)[-1]["response"]
    return response


def item(step: Any, **turn: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first item as it is added and as it is done."""
    items = [event["item"] for event in events({"output": [step], **turn}) if "item" in event]
    return items[0], items[1]


HEAD = ["created", "in_progress"]


def test_a_message_is_written_out_in_full() -> None:
    sequence = events({"text": "Hello there!"})
    response, message = sequence[0]["response"], sequence[2]["item"]
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    whole = {**part, "text": "Hello there!"}
    done = {**message, "status": "completed", "content": [whole]}
    at = {"content_index": 0, "item_id": message["id"], "output_index": 0}
    usage = {
        "input_tokens": 0,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 3,
    }
    completed = {
        **response,
        "status": "completed",
        "completed_at": response["created_at"],
        "output": [done],
        "service_tier": "default",
        "usage": usage,
    }
    assert sequence == [
        {"type": "response.created", "response": response, "sequence_number": 0},
        {"type": "response.in_progress", "response": response, "sequence_number": 1},
        {"type": "response.output_item.added", "item": message, "output_index": 0, "sequence_number": 2},
        {"type": "response.content_part.added", **at, "part": part, "sequence_number": 3},
        {"type": "response.output_text.delta", **at, "delta": "Hello", "logprobs": [], "sequence_number": 4},
        {"type": "response.output_text.delta", **at, "delta": " there", "logprobs": [], "sequence_number": 5},
        {"type": "response.output_text.delta", **at, "delta": "!", "logprobs": [], "sequence_number": 6},
        {
            "type": "response.output_text.done",
            **at,
            "logprobs": [],
            "sequence_number": 7,
            "text": whole["text"],
        },
        {"type": "response.content_part.done", **at, "part": whole, "sequence_number": 8},
        {"type": "response.output_item.done", "item": done, "output_index": 0, "sequence_number": 9},
        {"type": "response.completed", "response": completed, "sequence_number": 10},
    ]
    assert message == {
        "id": message["id"],
        "type": "message",
        "status": "in_progress",
        "content": [],
        "role": "assistant",
    }
    assert set(response) == RESPONSE_FIELDS
    assert (response["status"], response["output"], response["usage"]) == ("in_progress", [], None)


@pytest.mark.parametrize(
    ("step", "pieces"),
    [
        ({"message": {"text": "Hello there!", "deltas": [2, 3, 7]}}, ["He", "llo", " there!"]),
        ({"message": {"text": "Hello there!", "deltas": [2]}}, ["He", "llo there!"]),
        ({"message": {"text": "Hello", "deltas": [2, 99, 1]}}, ["He", "llo"]),
        ({"message": {"text": "Hello", "deltas": []}}, []),
        (
            {"message": {"content": [{"output_text": "One"}, {"refusal": "Two"}], "deltas": [1, 2, 3]}},
            ["O", "ne", "Two"],
        ),
        ({"reasoning": {"summary": ["ab", "cd"], "deltas": [1, 1, 2]}}, ["a", "b", "cd"]),
        ({"function_call": {"name": "f", "arguments": "{}", "deltas": [1, 1]}}, ["{", "}"]),
        ({"shell_call": {"action": ["ls", "wc"], "deltas": [2, 1, 1]}}, ["ls", "w", "c"]),
    ],
)
def test_a_step_may_say_how_its_text_is_cut(step: dict[str, Any], pieces: list[str]) -> None:
    sequence = events({"output": [step, {"message": "So."}], "deltas": "whole"})
    assert [event["delta"] for event in sequence if "delta" in event] == [*pieces, "So."]


@pytest.mark.parametrize(
    ("end", "tier"), [("completed", "default"), ("incomplete", "default"), ("failed", "auto")]
)
def test_a_service_tier_is_settled_unless_the_response_fails(end: str, tier: str) -> None:
    assert final({"text": "Hi", "end": end})["service_tier"] == tier


def test_events_are_compact_json_with_the_type_first_and_the_other_fields_sorted() -> None:
    event = written({"text": "é"}).events[4].event
    assert list(event.data) == [
        "type",
        "content_index",
        "delta",
        "item_id",
        "logprobs",
        "output_index",
        "sequence_number",
    ]
    assert event.text == json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))


# Each step: the events between added and done, what the item holds when it is added, and what changes.
ITEMS: list[tuple[dict[str, Any], list[str], dict[str, Any], dict[str, Any]]] = [
    (
        {"refusal": "No."},
        ["content_part.added", "refusal.delta", "refusal.delta", "refusal.done", "content_part.done"],
        {"status": "in_progress", "content": [], "role": "assistant"},
        {"status": "completed", "content": [{"type": "refusal", "refusal": "No."}]},
    ),
    (
        {"message": ""},
        ["content_part.added", "output_text.done", "content_part.done"],
        {"content": []},
        {
            "status": "completed",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": ""}],
        },
    ),
    (
        {"message": {"phase": "commentary"}},
        [],
        {"phase": "commentary", "content": []},
        {"status": "completed"},
    ),
    ({"reasoning": None}, [], {"summary": [], "content": []}, {"summary": [], "content": []}),
    (
        {"reasoning": ["a", "b"]},
        [
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
        ]
        * 2,
        {"summary": []},
        {"summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]},
    ),
    (
        {"reasoning": {"content": "a", "status": "completed"}},
        ["content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done"],
        {"status": "in_progress", "content": []},
        {"status": "completed", "content": [{"type": "reasoning_text", "text": "a"}]},
    ),
    (
        {"function_call": {"name": "f", "call_id": "c", "namespace": "n"}},
        ["function_call_arguments.delta", "function_call_arguments.done"],
        {"status": "in_progress", "arguments": "", "call_id": "c", "name": "f", "namespace": "n"},
        {"status": "completed", "arguments": "{}"},
    ),
    (
        {"function_call": {"name": "f", "caller": {"type": "program", "caller_id": "c"}}},
        ["function_call_arguments.delta", "function_call_arguments.done"],
        {"status": "in_progress"},
        {"arguments": "{}"},
    ),
    (
        {"custom_tool_call": {"name": "f", "input": "a"}},
        ["custom_tool_call_input.delta", "custom_tool_call_input.done"],
        {"status": "in_progress", "input": "", "name": "f"},
        {"status": "completed", "input": "a"},
    ),
    (
        {"web_search_call": "a"},
        ["web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed"],
        {"status": "in_progress", "action": {"type": "search"}},
        {"status": "completed", "action": {"type": "search", "queries": ["a"], "query": "a"}},
    ),
    (
        {"file_search_call": {"queries": ["a"], "results": [{"file_id": "b"}]}},
        ["file_search_call.in_progress", "file_search_call.searching", "file_search_call.completed"],
        {"status": "in_progress", "queries": [], "results": None},
        {"status": "completed", "queries": ["a"], "results": [{"file_id": "b"}]},
    ),
    (
        {
            "code_interpreter_call": {
                "code": "a",
                "outputs": ["b", {"type": "image", "url": "c"}],
                "container_id": "d",
            }
        },
        [
            "code_interpreter_call.in_progress",
            "code_interpreter_call_code.delta",
            "code_interpreter_call_code.done",
            "code_interpreter_call.interpreting",
            "code_interpreter_call.completed",
        ],
        {"status": "in_progress", "code": "", "container_id": "d", "outputs": []},
        {
            "status": "completed",
            "code": "a",
            "outputs": [{"type": "logs", "logs": "b"}, {"type": "image", "url": "c"}],
        },
    ),
    (
        {"image_generation_call": {"partial_images": 2, "result": "b", "size": "1x1"}},
        [
            "image_generation_call.in_progress",
            "image_generation_call.generating",
            *["image_generation_call.partial_image"] * 2,
            "image_generation_call.completed",
        ],
        {"status": "in_progress"},
        {
            "status": "completed",
            "result": "b",
            "size": "1x1",
            "output_format": "png",
            "background": "opaque",
            "quality": "medium",
        },
    ),
    (
        {"mcp_list_tools": {"server_label": "s", "tools": ["a"]}},
        ["mcp_list_tools.in_progress", "mcp_list_tools.completed"],
        {"server_label": "s", "tools": []},
        {
            "tools": [
                {
                    "annotations": None,
                    "description": None,
                    "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
                    "name": "a",
                }
            ]
        },
    ),
    (
        {"mcp_list_tools": {"server_label": "s", "error": "e"}},
        ["mcp_list_tools.in_progress", "mcp_list_tools.failed"],
        {"tools": []},
        {"tools": [], "error": "e"},
    ),
    (
        {"mcp_call": {"server_label": "s", "name": "n", "output": "o"}},
        ["mcp_call.in_progress", "mcp_call_arguments.delta", "mcp_call_arguments.done", "mcp_call.completed"],
        {
            "status": "in_progress",
            "arguments": "",
            "output": None,
            "error": None,
            "approval_request_id": None,
        },
        {"status": "completed", "arguments": "{}", "output": "o"},
    ),
    (
        {"mcp_call": {"server_label": "s", "name": "n", "error": "e"}},
        ["mcp_call.in_progress", "mcp_call_arguments.delta", "mcp_call_arguments.done", "mcp_call.failed"],
        {"status": "in_progress"},
        {
            "status": "failed",
            "arguments": "{}",
            "error": {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "e"}]},
        },
    ),
    (
        {"mcp_approval_request": {"server_label": "s", "name": "n", "arguments": {"a": 1}}},
        [],
        {"arguments": '{"a":1}', "name": "n", "server_label": "s"},
        {},
    ),
    (
        {"computer_call": {"action": {"type": "wait"}, "call_id": "c"}},
        [],
        {"status": "in_progress", "action": {"type": "wait"}, "pending_safety_checks": []},
        {"status": "completed"},
    ),
    (
        {"local_shell_call": {"action": {"command": ["ls"], "timeout_ms": 5}}},
        [],
        {"status": "in_progress", "action": {"type": "exec", "command": [], "env": {}}},
        {"status": "completed", "action": {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 5}},
    ),
    (
        {"shell_call": ["a", "b"]},
        ["shell_call_command.added", "shell_call_command.delta", "shell_call_command.done"] * 2,
        {"status": "in_progress", "action": {"commands": [], "max_output_length": None, "timeout_ms": None}},
        {
            "status": "completed",
            "action": {"commands": ["a", "b"], "max_output_length": None, "timeout_ms": None},
        },
    ),
    (
        {"shell_call_output": [{"stdout": "a", "stderr": "b"}, ""]},
        [*["shell_call_output_content.delta"] * 2, *["shell_call_output_content.done"] * 2],
        {"status": "completed", "output": [], "max_output_length": None},
        {
            "output": [
                {"outcome": {"type": "exit", "exit_code": 0}, "stderr": "b", "stdout": "a"},
                {"outcome": {"type": "exit", "exit_code": 0}, "stderr": "", "stdout": ""},
            ]
        },
    ),
    (
        {"apply_patch_call": {"operation": {"type": "create_file", "path": "p", "diff": "+a"}}},
        [
            "apply_patch_call_operation_diff.delta",
            "apply_patch_call_operation_diff.delta",
            "apply_patch_call_operation_diff.done",
        ],
        {"status": "in_progress", "operation": {"type": "create_file", "path": "p", "diff": ""}},
        {"status": "completed", "operation": {"type": "create_file", "path": "p", "diff": "+a"}},
    ),
    (
        {"apply_patch_call": {"operation": {"type": "delete_file", "path": "p"}}},
        [],
        {"operation": {"type": "delete_file", "path": "p"}},
        {"status": "completed"},
    ),
    (
        {"tool_search_call": {"arguments": {"a": 1}}},
        [],
        {"status": "in_progress", "arguments": {}, "call_id": None, "execution": "server"},
        {"status": "completed", "arguments": {"a": 1}},
    ),
    (
        {"tool_search_output": {"tools": []}},
        [],
        {"status": "in_progress", "call_id": None, "tools": []},
        {"status": "completed"},
    ),
    (
        {"compaction": {"encrypted_content": "a", "compacting": 2}},
        ["compaction.compacting"] * 2,
        {},
        {"encrypted_content": "a"},
    ),
    (
        {"program": {"code": "a", "fingerprint": "f", "call_id": "c"}},
        [],
        {"code": "", "call_id": "c"},
        {"code": "a", "fingerprint": "f"},
    ),
    ({"program_output": "a"}, [], {"status": "completed", "result": ""}, {"result": "a"}),
    (
        {"item": {"type": "mcp_approval_response", "id": "x", "approve": True}},
        [],
        {"id": "x", "approve": True},
        {},
    ),
]


@pytest.mark.parametrize(
    ("step", "between", "added", "changed"), ITEMS, ids=[json.dumps(step)[:60] for step, *_ in ITEMS]
)
def test_an_item_is_written_as_the_service_writes_it(
    step: dict[str, Any], between: list[str], added: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert types({"output": [step]}) == [
        *HEAD,
        "output_item.added",
        *between,
        "output_item.done",
        "completed",
    ]
    first, done = item(step)
    assert first.items() >= added.items()
    anew = {"encrypted_content", "fingerprint"}  # made up, and another one each time
    assert done.keys() == first.keys() | changed.keys()
    assert {name: done[name] for name in done if name not in anew - changed.keys()} == {
        name: value for name, value in {**first, **changed}.items() if name not in anew - changed.keys()
    }
    prefix = ITEM_TYPES[first["type"]].prefix
    assert first["id"] == "x" or first["id"].startswith(prefix or "item_")
    assert final({"output": [step]})["output"] == [done]


@pytest.mark.parametrize("step", [step for step, *_ in ITEMS], ids=lambda step: json.dumps(step)[:60])
def test_every_item_is_legal_under_every_ending_and_cut(step: dict[str, Any]) -> None:
    for deltas in ("tokens", "words", "whole", 1):
        for end in ("completed", "incomplete", "failed", {"error": "a", "failed": None}):
            output = [{"message": "Well, well."}, step]
            expansion = written({"output": output, "end": end, "deltas": deltas, "obfuscation": True})
            assert check(it.event for it in expansion.events) == []


def test_a_tool_which_does_not_end_as_completed_is_not_told_to_be_completed() -> None:
    step = {"web_search_call": {"query": "a", "status": "searching"}}
    assert types({"output": [step]})[3:6] == [
        "web_search_call.in_progress",
        "web_search_call.searching",
        "output_item.done",
    ]
    assert item(step)[1]["status"] == "searching"


def test_no_event_lacks_a_field_that_its_type_requires() -> None:
    steps = [{"message": "a"}, *(step for step, *_ in ITEMS)]
    seen = set()
    for event in events({"output": steps, "obfuscation": True}):
        known = EVENT_TYPES[event["type"]]
        seen.add(event["type"])
        assert known.required.keys() <= event.keys() <= known.required.keys() | known.optional.keys()
    items = {
        name
        for name in EVENT_TYPES
        if EVENT_TYPES[name].items and EVENT_TYPES[name].origin.name in ("PACKAGE", "WIRE")
    }
    assert items - seen == {"response.output_text.annotation.added"}


def test_output_indexes_count_the_items_and_part_indexes_the_parts() -> None:
    data = {
        "output": [
            {"message": {"content": [{"output_text": "a"}, {"refusal": "b"}]}},
            {"reasoning": ["c", "d"]},
        ]
    }
    found = [
        (event["output_index"], event.get("content_index", event.get("summary_index")))
        for event in events(data)
        if "part.added" in event["type"]
    ]
    assert found == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_the_output_of_a_call_has_its_call_id() -> None:
    steps = [{"shell_call": "a"}, {"shell_call_output": "b"}, {"program": "c"}, {"program_output": "d"}]
    shell, shell_output, program, program_output = final({"output": steps})["output"]
    assert shell["call_id"] == shell_output["call_id"] != program["call_id"] == program_output["call_id"]


def test_a_search_of_the_client_has_a_call_id_from_the_start() -> None:
    added, done = item({"tool_search_call": {"execution": "client"}})
    assert added["call_id"] == done["call_id"]
    assert added["call_id"].startswith("call_")


def test_encrypted_content_is_another_when_the_item_is_done() -> None:
    added, done = item({"reasoning": {"encrypted_content": True}})
    assert added["encrypted_content"] != done["encrypted_content"]
    assert item({"reasoning": {"encrypted_content": "abc"}})[1]["encrypted_content"] == "abc"
    assert "encrypted_content" not in item({"reasoning": None})[1]


def test_a_picture_is_one_pixel_unless_the_script_has_one() -> None:
    previews = [
        event
        for event in events({"output": [{"image_generation_call": {"partial_images": 2}}]})
        if "partial_image_b64" in event
    ]
    _, done = item({"image_generation_call": None})
    assert [event["partial_image_index"] for event in previews] == [0, 1]
    assert {event["partial_image_b64"] for event in previews} == {done["result"]}
    assert done["result"].startswith(PIXEL)
    assert (done["size"], done["output_format"]) == ("1x1", "png")


def test_a_citation_is_told_as_soon_as_its_words_are_out() -> None:
    text = "One two three four."
    notes = [
        {"type": "url_citation", "quote": "two", "url": "u", "title": "t"},
        {"type": "file_citation", "quote": "three", "file_id": "f", "filename": "n"},
        {"type": "container_file_citation", "container_id": "c", "file_id": "f", "filename": "n"},
        {"type": "file_path", "file_id": "f", "index": 2},
    ]
    data = {"output": [{"message": {"text": text, "annotations": notes}}], "deltas": "words"}
    sequence = events(data)
    shown = [event.get("delta") or event.get("annotation_index") for event in sequence[4:-4]]
    assert shown == ["One", " two", 0, " three", 1, " four.", 2, 3]
    assert final(data)["output"][0]["content"][0]["annotations"] == [
        {"type": "url_citation", "end_index": 7, "start_index": 4, "title": "t", "url": "u"},
        {"type": "file_citation", "file_id": "f", "filename": "n", "index": 13},
        {
            "type": "container_file_citation",
            "container_id": "c",
            "end_index": 19,
            "file_id": "f",
            "filename": "n",
            "start_index": 0,
        },
        {"type": "file_path", "file_id": "f", "index": 2},
    ]


def test_log_probabilities_say_how_the_text_is_cut() -> None:
    entries = [{"token": "He", "logprob": -0.5, "top_logprobs": [{"token": "Ho"}]}, {"token": "y"}]
    sequence = events({"output": [{"message": {"text": "Hey", "logprobs": entries}}]})
    first = {"token": "He", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": 0.0}]}
    second = {"token": "y", "logprob": 0.0, "top_logprobs": []}
    assert [(event["delta"], event["logprobs"]) for event in sequence if "delta" in event] == [
        ("He", [first]),
        ("y", [second]),
    ]
    assert sequence[-4]["logprobs"] == [first, second]
    assert sequence[-3]["part"]["logprobs"] == [
        {
            "bytes": [72, 101],
            "logprob": -0.5,
            "token": "He",
            "top_logprobs": [{"bytes": [72, 111], "logprob": 0.0, "token": "Ho"}],
        },
        {"bytes": [121], "logprob": 0.0, "token": "y", "top_logprobs": []},
    ]


@pytest.mark.parametrize(
    ("message", "cause", "path"),
    [
        (
            {"text": "a", "annotations": [{"type": "url_citation", "quote": "b"}]},
            "the text does not have the words 'b'",
            ("annotations", 0, "quote"),
        ),
        (
            {"text": "a", "annotations": [{"type": "file_path", "url": "b"}]},
            "a file_path has no url; it has file_id, index",
            ("annotations", 0),
        ),
        (
            {"content": [{"output_text": {"text": "a", "logprobs": [{"token": "b"}]}}]},
            "the tokens make 'b', expected the text 'a'",
            ("content", 0, "output_text", "logprobs"),
        ),
    ],
)
def test_a_script_that_contradicts_itself_is_refused(
    message: Any, cause: str, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(ScriptError) as caught:
        written({"output": [{"message": message}]})
    assert (caught.value.cause, caught.value.path) == (cause, ("output", 0, "message", *path))


def test_literal_events_are_numbered_and_the_items_in_them_counted() -> None:
    literal = {"id": "x", "type": "new_call"}
    data = {
        "output": [
            {"event": {"type": "keepalive"}},
            {"event": {"type": "response.output_item.added", "output_index": 0, "item": literal}},
            {"event": {"type": "response.output_item.done", "item": literal, "output_index": 0}},
            {"event": {"type": "odd", "sequence_number": 99}},
            {"message": "a"},
        ]
    }
    sequence = events(data)
    assert [event["sequence_number"] for event in sequence[2:7]] == [2, 3, 4, 99, 6]
    assert sequence[6]["output_index"] == 1
    assert [it["id"] for it in final(data)["output"]] == ["x", sequence[6]["item"]["id"]]
    assert list(sequence[4]) == ["type", "item", "output_index", "sequence_number"]


@pytest.mark.parametrize(
    ("end", "last", "changes"),
    [
        ("completed", ["completed"], {"status": "completed"}),
        (
            "incomplete",
            ["incomplete"],
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
        ),
        (
            {"incomplete": "content_filter"},
            ["incomplete"],
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        ),
        (
            {"failed": {"code": "c", "message": "m", "param": "p"}},
            ["failed"],
            {"status": "failed", "error": {"code": "c", "message": "m"}, "usage": None},
        ),
        (
            {"error": {"code": "c", "message": "m"}, "failed": {"code": "d"}},
            ["error", "failed"],
            {"status": "failed", "error": {"code": "d", "message": "m"}, "usage": None},
        ),
    ],
)
def test_a_stream_ends_as_the_script_says(end: Any, last: list[str], changes: dict[str, Any]) -> None:
    data = {"text": "a", "end": end}
    assert types(data)[8:] == last
    assert {name: final(data)[name] for name in changes} == changes
    assert len(final(data)["output"]) == 1


def test_an_error_event_has_its_details_nested_as_the_service_sends_them() -> None:
    assert events({"text": "a", "end": {"error": "boom"}})[-1] == {
        "type": "error",
        "error": {"type": "server_error", "code": "server_error", "message": "boom", "param": None},
        "sequence_number": 8,
    }


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ({"message": "a"}, "incomplete"),
        ({"function_call": {"name": "f"}}, "incomplete"),
        ({"shell_call": "a"}, "completed"),
    ],
)
def test_the_item_in_which_tokens_run_out_is_incomplete(step: dict[str, Any], status: str) -> None:
    output = final({"output": [{"message": "b"}, step, {"pause": 1}], "end": "incomplete"})["output"]
    assert [it["status"] for it in output] == ["completed", status]


@pytest.mark.parametrize(
    ("data", "last"),
    [
        ({"text": "One two", "end": "cut"}, "output_text.delta"),
        ({"text": "One two", "end": {"cut": 1}}, "created"),
        ({"text": "One two", "end": {"cut": 4}}, "content_part.added"),
        (
            {"output": [{"message": "a"}, {"function_call": {"name": "f"}}], "end": "cut"},
            "function_call_arguments.delta",
        ),
        (
            {"output": [{"message": "a"}, {"local_shell_call": "ls"}, {"pause": 1}], "end": "cut"},
            "output_item.added",
        ),
        ({"output": [{"message": "a"}, {"event": {"type": "keepalive"}}], "end": "cut"}, "keepalive"),
        ({"end": "cut"}, "in_progress"),
    ],
)
def test_a_stream_that_is_cut_ends_in_the_middle_of_its_last_item(data: dict[str, Any], last: str) -> None:
    assert types(data)[-1] == last


def test_a_background_response_is_queued_first() -> None:
    data = {"text": "a", "request": {"background": True}}
    assert types(data)[:4] == ["created", "queued", "in_progress", "output_item.added"]
    statuses = [event["response"]["status"] for event in events(data) if "response" in event]
    assert statuses == ["queued", "queued", "in_progress", "completed"]


def test_the_response_repeats_the_request() -> None:
    request = {
        "model": "m",
        "input": "not repeated",
        "stream": True,
        "temperature": 0.2,
        "metadata": None,
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "high"},
        "conversation": "conv_1",
        "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
    }
    expansion = written({"text": "a", "request": request})
    assert expansion.header == {"request": request}
    response = expansion.events[0].event.data["response"]
    assert set(response) == RESPONSE_FIELDS | {"conversation"}
    assert (
        response.items()
        >= {
            "model": "m",
            "temperature": 0.2,
            "metadata": {},
            "text": {"format": {"type": "text"}, "verbosity": "low"},
            "reasoning": {"effort": "high", "summary": None},
            "conversation": {"id": "conv_1"},
            "tools": [
                {"description": None, "parameters": None, "strict": True, "type": "function", "name": "f"},
                {"type": "web_search"},
            ],
        }.items()
    )


@pytest.mark.parametrize(
    "odd", [{"tools": 5}, {"text": "a"}, {"reasoning": 1}, {"input": [None, 3]}, {"model": []}]
)
def test_a_request_of_odd_shape_is_repeated_as_it_is(odd: dict[str, Any]) -> None:
    name, value = next(iter(odd.items()))
    response = final({"text": "a", "request": odd})
    assert response.get(name, value) == value


def test_model_and_response_win_over_the_request() -> None:
    data = {"text": "a", "request": {"model": "asked"}}
    assert final({**data, "model": "told"})["model"] == "told"
    assert final({**data, "model": "told", "response": {"model": "wins", "extra": 1}})["model"] == "wins"
    assert final({**data, "response": {"extra": 1}})["extra"] == 1


def test_ids_tell_the_moment_of_creation() -> None:
    data = {"text": "a", "response": {"created_at": 0x12345678}, "pace": {"ttft": 2.9}}
    response = final(data)
    assert response["id"].startswith("resp_")
    assert len(response["id"]) == len("resp_") + 50
    assert response["id"][5 + 16 : 5 + 26] == "0112345678"
    assert response["output"][0]["id"][4:30] == response["id"][5:31]
    assert response["completed_at"] == 0x12345678 + 2


def test_the_tier_auto_becomes_the_real_one_at_the_end() -> None:
    assert events({"text": "a"})[0]["response"]["service_tier"] == "auto"
    assert final({"text": "a"})["service_tier"] == "default"
    assert final({"text": "a", "request": {"service_tier": "flex"}})["service_tier"] == "flex"


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        ({"text": ""}, (0, 0, 0)),
        ({"text": "12345"}, (0, 2, 0)),
        ({"output": [{"reasoning": "12345678"}, {"message": "1234"}]}, (0, 3, 2)),
        ({"output": [{"function_call": {"name": "f", "arguments": "12345678"}}]}, (0, 2, 0)),
        ({"output": [{"local_shell_call": ["1234", "5"]}]}, (0, 2, 0)),
        ({"text": "1", "request": {"instructions": "1234", "input": "12345678"}}, (3, 1, 0)),
        (
            {
                "text": "1",
                "request": {
                    "input": [{"role": "user", "content": [{"type": "input_text", "text": "12345"}]}]
                },
            },
            (2, 1, 0),
        ),
        (
            {"text": "1", "usage": {"input_tokens": 9, "output_tokens_details": {"reasoning_tokens": 1}}},
            (9, 1, 1),
        ),
    ],
)
def test_tokens_are_counted_at_four_characters_each_unless_given(
    data: dict[str, Any], tokens: tuple[int, int, int]
) -> None:
    usage = final(data)["usage"]
    reasoning = usage["output_tokens_details"]["reasoning_tokens"]
    assert (usage["input_tokens"], usage["output_tokens"], reasoning) == tokens
    assert usage["total_tokens"] == tokens[0] + tokens[1]


def test_usage_can_be_left_out() -> None:
    assert final({"text": "a", "usage": None})["usage"] is None


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (
            {"status": 429},
            {
                "message": "Rate limit reached.",
                "type": "requests",
                "param": None,
                "code": "rate_limit_exceeded",
            },
        ),
        (
            {"status": 418, "error": "I am a teapot."},
            {"message": "I am a teapot.", "type": "invalid_request_error", "param": None, "code": None},
        ),
        (
            {"status": 502, "error": {"param": "p"}},
            {
                "message": "The server had an error while processing your request.",
                "type": "server_error",
                "param": "p",
                "code": "server_error",
            },
        ),
    ],
)
def test_an_http_error_has_the_usual_envelope(data: dict[str, Any], error: dict[str, Any]) -> None:
    expansion = written({**data, "headers": {"retry-after": 1}, "note": "n"})
    assert expansion.events == ()
    assert expansion.header == {
        "status": data["status"],
        "headers": {"retry-after": "1"},
        "body": {"error": error},
        "note": "n",
    }


def test_an_answer_with_a_body_is_no_stream() -> None:
    assert written({"status": 500, "body": "<html>"}).header == {"status": 500, "body": "<html>"}
    assert written({"body": {"a": 1}}) == Expansion({"body": {"a": 1}}, ())


def gaps(data: dict[str, Any]) -> list[float | None]:
    return [it.gap for it in written({"deltas": 4, **data}).events]


def test_without_a_pace_there_are_no_times_but_pauses() -> None:
    assert set(gaps({"text": "abcdefgh"})) == {None}
    assert gaps({"output": [{"pause": 1}, {"pause": 0.5}, {"message": ""}]})[:4] == [None, None, 1.5, None]


def test_a_pace_gives_deltas_their_time() -> None:
    data = {"output": [{"message": "abcdefghij"}, {"pause": 2}, {"message": "klmn"}]}
    head, tail = [0.4, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    assert gaps({**data, "pace": {"tokens_per_second": 4, "ttft": 0.4}}) == [
        *head,
        0.0,
        0.25,
        0.25,
        *tail,
        2.0,
        0.0,
        0.25,
        *tail,
        0.0,
    ]
    assert gaps({**data, "deltas": "whole", "pace": 4})[4:6] == [0.0, 0.0]
    assert gaps({**data, "deltas": "whole", "pace": 4})[10] == 0.25
    assert sum(gap or 0 for gap in gaps({**data, "pace": {"ttft": 1}})) == 3


def test_bursts_are_uneven_and_have_the_same_mean() -> None:
    text = "abcd" * 4000
    bursts = [gap for gap in gaps({"text": text, "pace": {"tokens_per_second": 100, "bursts": True}}) if gap]
    assert 0.45 < len(bursts) / 4000 < 0.55
    assert 0.009 < sum(bursts) / 4000 < 0.011
    assert len(set(bursts)) > 1000


def test_obfuscation_pads_deltas_to_multiples_of_16() -> None:
    padded = [
        event for event in events({"text": "abc" * 20, "deltas": 15, "obfuscation": True}) if "delta" in event
    ]
    assert [len(event["obfuscation"]) for event in padded] == [1, 1, 1, 1]
    assert all("obfuscation" not in event for event in events({"text": "abc"}))
    sixteen = events({"text": "a" * 16, "deltas": "whole", "obfuscation": True})[4]
    assert (sixteen["delta"], sixteen["obfuscation"]) == ("a" * 16, "")


SCRIPT = {
    "obfuscation": True,
    "pace": {"tokens_per_second": 9, "bursts": True},
    "output": [
        {"reasoning": {"encrypted_content": True}},
        {"message": {"text": "Well then.", "logprobs": True}},
    ],
}


def test_the_same_script_gives_the_same_bytes_and_another_seed_or_name_others() -> None:
    once = expand(read(SCRIPT), "a")
    assert expand(read(SCRIPT), "a") == once
    for other in (expand(read(SCRIPT), "b"), expand(read({**SCRIPT, "seed": 1}), "a")):
        assert {it.event.text for it in other[0].events}.isdisjoint(it.event.text for it in once[0].events)


def test_a_change_of_a_text_does_not_change_the_ids_and_times_of_what_follows() -> None:
    def ids(text: str) -> list[str]:
        sequence = events({**SCRIPT, "output": [{"message": text}, *SCRIPT["output"]]})  # type: ignore[misc]
        return [event["item"]["id"] for event in sequence if "item" in event]

    assert ids("short") == ids("a much longer text than before")


def test_turns_have_different_ids_and_what_stands_beside_them_in_common() -> None:
    first, second = expand(read({"model": "m", "turns": [{"text": "a"}, {"text": "a", "model": "n"}]}), "a")
    responses = [turn.events[-1].event.data["response"] for turn in (first, second)]
    assert responses[0]["id"] != responses[1]["id"]
    assert [response["model"] for response in responses] == ["m", "n"]


def test_an_event_knows_the_step_that_it_is_of() -> None:
    found = [it.path for it in written({"output": [{"pause": 1}, {"message": ""}]}).events]
    assert found == [(), (), *[("output", 1)] * 5, ()]


@pytest.mark.parametrize(
    ("text", "deltas", "pieces"),
    [
        ("", "tokens", []),
        ("Hello there!", "tokens", ["Hello", " there", "!"]),
        ('{"city":"Paris"}', "tokens", ['{"', "city", '":"', "Paris", '"}']),
        ("internationalisation", "tokens", ["inte", "rnat", "iona", "lisa", "tion"]),
        ("snake_case_name", "tokens", ["snake", "_", "case", "_", "name"]),
        ("a  b\n", "words", ["a", "  b\n"]),
        (" \n ", "words", [" \n "]),
        ("Hello there!", "whole", ["Hello there!"]),
        ("Hello", 2, ["He", "ll", "o"]),
        ("a\u0301e", 1, ["a\u0301", "e"]),
        ("👨‍👩‍👧👍🏽", 1, ["👨‍👩‍👧", "👍🏽"]),
        ("🇫🇷🇮🇸", 1, ["🇫🇷", "🇮🇸"]),
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f!",
            1,
            ["🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "!"],
        ),
        ("\u1112\u1161\u11ab\u1100", 1, ["\u1112\u1161\u11ab", "\u1100"]),
        ("a\r\nb", 2, ["a\r\n", "b"]),
        ("1\ufe0f\u20e3", 1, ["1\ufe0f\u20e3"]),
    ],
)
def test_text_is_cut(text: str, deltas: str | int, pieces: list[str]) -> None:
    assert cut(text, deltas) == pieces


CUTS = st.one_of(st.sampled_from(["tokens", "words", "whole"]), st.integers(1, 20))
CHARACTERS = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\u200d\u0301🇫🇷👍🏽👩\r\n "))


@given(st.text(CHARACTERS), CUTS)
def test_pieces_add_up_to_the_text_and_none_is_empty_or_starts_with_a_mark(text: str, deltas: Any) -> None:
    pieces = cut(text, deltas)
    assert "".join(pieces) == text
    assert all(pieces)
    for before, after in pairwise(pieces):
        assert not unicodedata.combining(after[0])
        assert "\u200d" not in (before[-1], after[0])


@given(st.text(CHARACTERS, min_size=1), st.integers(1, 20))
def test_pieces_of_a_fixed_size_have_it_where_no_character_is_in_the_way(text: str, size: int) -> None:
    ascii_text = text.encode("ascii", "ignore").decode().replace("\r", "")
    assert [len(piece) for piece in cut(ascii_text, size)[:-1]] == [size] * (
        -(-len(ascii_text) // size) - 1 if ascii_text else 0
    )


def test_tokens_have_about_four_characters() -> None:
    text = "The quick brown fox jumps over the lazy dog, and nobody knows why it would do such a thing."
    assert 3.5 < len(text) / len(cut(text, "tokens")) < 5
