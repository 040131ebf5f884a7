import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.conversations import ConversationItem
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter

from respool.protocol.event_types import ITEM_TYPES
from respool.protocol.items import full_items, input_items, made_id, prefix_of

LISTED = TypeAdapter(ResponseItem)
OF_CONVERSATION = TypeAdapter(ConversationItem)
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}

# An input item of each type, with no more than the API requires of it.
LEAST: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"role": "developer", "content": "hi"},
    {"role": "system", "content": "hi"},
    {"role": "assistant", "content": "hi"},
    {"role": "assistant", "content": "hi", "phase": "final_answer"},
    {"role": "user", "content": None},
    {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]},
    {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    CALL,
    {"type": "function_call_output", "call_id": "call_1", "output": "42"},
    {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "42"}]},
    {"type": "custom_tool_call", "call_id": "call_1", "name": "f", "input": "x"},
    {"type": "custom_tool_call_output", "call_id": "call_1", "output": "42"},
    {"type": "computer_call", "call_id": "call_1", "action": {"type": "screenshot"}},
    {"type": "computer_call_output", "call_id": "call_1", "output": {"type": "computer_screenshot"}},
    {"type": "reasoning", "summary": []},
    {"type": "reasoning", "encrypted_content": "gAAAAA"},
    {"type": "web_search_call", "action": {"type": "search", "query": "x"}},
    {"type": "file_search_call", "queries": ["x"]},
    {"type": "code_interpreter_call", "code": "1", "container_id": "cntr_1"},
    {"type": "image_generation_call", "result": "aGk="},
    {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"], "env": {}}},
    {"type": "local_shell_call_output", "output": "a"},
    {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
    {"type": "shell_call_output", "call_id": "c", "output": []},
    {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
    {"type": "apply_patch_call_output", "call_id": "c", "status": "completed"},
    {"type": "tool_search_call", "arguments": {}},
    {"type": "tool_search_output", "tools": []},
    {"type": "mcp_list_tools", "server_label": "s", "tools": []},
    {"type": "mcp_approval_request", "arguments": "{}", "name": "f", "server_label": "s"},
    {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    {"type": "mcp_call", "arguments": "{}", "name": "f", "server_label": "s"},
    {"type": "additional_tools", "role": "developer", "tools": []},
    {"type": "compaction", "encrypted_content": "gAAAAA"},
    {"type": "configuration_update"},
    {"type": "program", "call_id": "c", "code": "1", "fingerprint": "f"},
    {"type": "program_output", "call_id": "c", "result": "1", "status": "completed"},
]
ONLY_IN_RESPONSES = {"mcp_approval_response"}


def of(*items: Any, seed: str = "resp_1") -> list[dict[str, Any]]:
    return input_items({"input": list(items)}, seed)


def test_a_string_is_a_message_of_the_user() -> None:
    (item,) = input_items({"input": "hello"}, "resp_1")
    assert item == {
        "id": item["id"],
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "hello"}],
    }
    assert item["id"].startswith("msg_")


@pytest.mark.parametrize("body", [{}, {"input": None}, {"input": 3}, {"input": []}, {"input": {"a": 1}}])
def test_no_input_has_no_items(body: dict[str, Any]) -> None:
    assert input_items(body, "resp_1") == []


@pytest.mark.parametrize("least", LEAST, ids=lambda item: item.get("type", item.get("role")))
def test_every_type_of_item_is_listed_with_what_the_sdk_requires(least: dict[str, Any]) -> None:
    (item,) = of(least)
    LISTED.validate_python(item)
    if item["type"] not in ONLY_IN_RESPONSES:
        OF_CONVERSATION.validate_python(item)
    LISTED.validate_json(json.dumps(item))
    # What the client gave is still there, but for the content that was a string or null.
    assert {name: item[name] for name in least if name != "content"} == {
        name: value for name, value in least.items() if name != "content"
    }


def test_the_items_above_are_of_all_known_types() -> None:
    assert {item.get("type", "message") for item in LEAST} >= set(ITEM_TYPES)


def test_the_shorthand_of_an_assistant_becomes_output_text() -> None:
    (item,) = of({"role": "assistant", "content": "hi"})
    assert item["content"] == [{"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}]


def test_what_the_client_gave_comes_before_what_is_usual() -> None:
    image = {"type": "input_image", "image_url": "x", "detail": "low"}
    (item,) = of({"id": "msg_mine", "role": "user", "status": "incomplete", "content": [image]})
    assert (item["id"], item["status"], item["content"]) == ("msg_mine", "incomplete", [image])


def test_an_item_of_an_unknown_type_gets_an_id_and_nothing_else() -> None:
    tea = {"type": "tea_call", "leaves": {"green": [1, None]}, "content": "as it is"}
    (item,) = of(tea)
    assert item == {"id": item["id"], **tea}
    assert of({"id": "tea_1", **tea}) == [{"id": "tea_1", **tea}]


def test_a_reference_to_an_item_stays_one() -> None:
    assert of({"id": "msg_7"}) == [{"id": "msg_7", "type": "item_reference"}]
    assert of({"id": "msg_7", "type": "item_reference"}) == [{"id": "msg_7", "type": "item_reference"}]


def test_parts_that_are_no_objects_and_items_that_are_none_do_no_harm() -> None:
    (item,) = of(3, "x", None, {"role": "user", "content": ["a", None, {"type": ["x"]}]})
    assert item["content"] == ["a", None, {"type": ["x"]}]


def test_ids_come_from_the_response_and_the_place() -> None:
    assert of(CALL, CALL) == of(CALL, CALL)
    first, second = of(CALL, CALL)
    (other,) = of(CALL, seed="resp_2")
    assert len({first["id"], second["id"], other["id"]}) == 3
    assert first["id"] == made_id("fc_", "resp_1", 0)


def test_an_id_is_listed_once() -> None:
    twice = {"id": "msg_1", "role": "user", "content": "hi"}
    first, second, third = of(twice, twice, {**twice, "id": made_id("msg_", "resp_1", 1)})
    assert first["id"] == "msg_1"
    assert len({first["id"], second["id"], third["id"]}) == 3
    (other,) = full_items([twice], "conv_1", taken=["msg_1"])
    assert other["id"] != "msg_1"


@pytest.mark.parametrize("type_", sorted(ITEM_TYPES))
def test_each_known_type_has_a_prefix_of_its_own(type_: str) -> None:
    assert prefix_of(type_) != prefix_of("of the future") == "item_"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "id", "role"]), inner)
    ),
    max_leaves=10,
)


@given(st.lists(JSON | st.dictionaries(st.sampled_from(["type", "id", "role", "content", "status"]), JSON)))
def test_whatever_the_input_is_each_object_is_an_item_with_its_own_id(given_: list[Any]) -> None:
    before = json.dumps(given_)
    items = of(*given_)
    assert len(items) == sum(isinstance(item, dict) for item in given_)
    assert len({item["id"] for item in items}) == len(items)
    assert all(isinstance(item["id"], str) and item["id"] for item in items)
    assert json.dumps(given_) == before  # it is not changed
