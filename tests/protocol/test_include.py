from typing import Any, get_args

import pytest
from openai.types.responses import ResponseIncludable

from respool.protocol.include import EXTRAS, with_include

IMAGE = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="}
TEXT = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": [{"token": "hi"}]}
NOTHING: Any = ...

# Each value of include: an item that has what it names, where that is, and what is there if nobody asks.
CASES: dict[str, tuple[dict[str, Any], tuple[Any, ...], Any]] = {
    "file_search_call.results": (
        {"type": "file_search_call", "queries": [], "results": [{"text": "x"}]},
        ("results",),
        None,
    ),
    "web_search_call.results": ({"type": "web_search_call", "results": [1]}, ("results",), NOTHING),
    "web_search_call.action.sources": (
        {"type": "web_search_call", "action": {"type": "search", "sources": [{"url": "x"}]}},
        ("action", "sources"),
        NOTHING,
    ),
    "message.input_image.image_url": (
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}, IMAGE]},
        ("content", 1, "image_url"),
        None,
    ),
    "computer_call_output.output.image_url": (
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "x"}},
        ("output", "image_url"),
        None,
    ),
    "code_interpreter_call.outputs": (
        {"type": "code_interpreter_call", "outputs": [{"type": "logs", "logs": "1"}]},
        ("outputs",),
        None,
    ),
    "reasoning.encrypted_content": (
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAA"},
        ("encrypted_content",),
        NOTHING,
    ),
    "message.output_text.logprobs": (
        {"type": "message", "role": "assistant", "content": [TEXT]},
        ("content", 0, "logprobs"),
        [],
    ),
}


def at(item: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        item = item.get(step, NOTHING) if isinstance(item, dict) else item[step]
    return item


def test_the_values_are_those_of_the_sdk() -> None:
    assert set(EXTRAS) == set(CASES) == set(get_args(ResponseIncludable))


@pytest.mark.parametrize("name", CASES)
def test_what_is_asked_for_is_there_and_else_it_is_not(name: str) -> None:
    item, path, default = CASES[name]
    before = repr(item)
    assert with_include([item], [name]) == [item]
    (kept,) = with_include([item], set(EXTRAS) - {name})
    assert at(kept, path) == default
    assert repr(item) == before  # the item itself is not changed
    # Nothing else is missing.
    assert at(kept, path[:-1]) | {path[-1]: at(item, path)} == at(item, path[:-1])


ODD: list[dict[str, Any]] = [
    {"type": "message", "content": "a string"},
    {"type": "message", "content": [None, "x", {"type": ["output_text"], "logprobs": 1}]},
    {"type": "web_search_call", "action": None},
    {"type": "web_search_call", "action": {"type": "open_page"}},
    {"type": "computer_call_output"},
    {"type": "compaction", "encrypted_content": "gAAAAA"},
    {"type": "tea_call", "results": [1], "outputs": [2]},
    {"id": "without a type"},
]


@pytest.mark.parametrize("item", ODD, ids=repr)
def test_what_does_not_have_the_field_stays_as_it_is(item: dict[str, Any]) -> None:
    assert with_include([item], []) == [item]


def test_values_that_are_not_known_ask_for_nothing() -> None:
    item, *_ = CASES["reasoning.encrypted_content"]
    assert with_include([item], ["of.the.future"]) == [{"type": "reasoning", "summary": []}]
