import json
from pathlib import Path

import pytest
from tests.published_requests import SHARED, published

from respool.errors import RequestError
from respool.protocol.request import Known, check_links
from respool.recordings import formats

CASES = SHARED / "cases"
FIXTURES = Path("fixtures")


def call(call_id="call_1", type="function_call", **fields):
    return {"type": type, "call_id": call_id, "name": "tide", "arguments": "{}", **fields}


def output(call_id="call_1", type="function_call_output", **fields):
    return {"type": type, "call_id": call_id, "output": "noon", **fields}


USER = {"role": "user", "content": "tide?"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
MESSAGE = {"type": "message", "id": "msg_a", "role": "assistant", "content": "noon"}

LEGAL = {
    "a string": ({"input": "tide?"}, {}),
    "no input": ({}, {}),
    "what is no object": ({"input": [None, 7, "x", []]}, {}),
    "a call and its output": ({"input": [USER, call(), output()]}, {}),
    "a user message between": ({"input": [USER, call(), USER, output(), USER]}, {}),
    "parallel calls": ({"input": [call("a"), call("b"), output("b"), output("a")]}, {}),
    "an output several turns late": (
        {"input": [call("a", **{"async": True}), MESSAGE, USER, output("a")]},
        {},
    ),
    "an async call that still runs": ({"input": [call("a", **{"async": True}), USER]}, {}),
    "a call that was cut": ({"input": [call(status="incomplete"), USER]}, {}),
    "an output whose call is in the context": ({"input": [output()]}, {"context": [call()]}),
    "a context that is not known": ({"input": [output()], "previous_response_id": "resp_1"}, {}),
    "a conversation that is not known": ({"input": [output()], "conversation": "conv_1"}, {}),
    "a history that was compacted": (
        {"input": [{"type": "compaction", "encrypted_content": "x"}, output()]},
        {},
    ),
    "a reference to something": ({"input": [{"type": "item_reference", "id": "fc_1"}, output()]}, {}),
    "a reference to the call": (
        {"input": [{"id": "fc_1"}, output()]},
        {"find": {"fc_1": call(id="fc_1")}.get},
    ),
    "a local shell's output by item id": (
        {
            "input": [
                call("c", "local_shell_call", id="lsh_1"),
                {"type": "local_shell_call_output", "id": "lsh_1", "output": ""},
            ]
        },
        {},
    ),
    "the same reference twice": ({"input": [{"id": "msg_a"}, {"id": "msg_a"}]}, {}),
    "no ids": ({"input": [{**MESSAGE, "id": None}, {**MESSAGE, "id": None}]}, {}),
    "an id that recordings repeat": ({"input": [MESSAGE, USER, MESSAGE]}, {"repeated": {"msg_a"}}),
    "reasoning that brings itself": (
        {"store": False, "input": [{**REASONING, "encrypted_content": "x"}, MESSAGE]},
        {},
    ),
    "reasoning in the open": ({"store": False, "input": [{**REASONING, "content": [{"text": "hm"}]}]}, {}),
    "reasoning that may be stored": ({"input": [REASONING, MESSAGE]}, {}),
    "reasoning that is stored": (
        {"store": False, "input": [REASONING, MESSAGE]},
        {"find": {"rs_1": REASONING}.get},
    ),
    "a hosted tool's call": (
        {"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]},
        {},
    ),
    "values of wrong types": ({"input": [{"type": "function_call", "call_id": 7, "id": []}]}, {}),
}


@pytest.mark.parametrize(("body", "known"), LEGAL.values(), ids=LEGAL)
def test_a_legal_history_passes(body, known):
    assert check_links(body, Known(**known)) is None


NOT_PERSISTED = (
    "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false. Try again with "
    "`store` set to true, or remove this item from your input."
)
REFUSED = {
    "no output": ([USER, call(), USER], {}, 400, "No tool output found for function call call_1."),
    "one of two": ([call("a"), call("b"), output("a")], {}, 400, "No tool output found for function call b."),
    "in the context": ([USER], {"context": [call()]}, 400, "No tool output found for function call call_1."),
    "custom": ([call("c", "custom_tool_call")], {}, 400, "No tool output found for custom tool call c."),
    "computer": ([call("c", "computer_call")], {}, 400, "No tool output found for computer call c."),
    "no call": ([output("x")], {}, 400, "No tool call found for function call output with call_id x."),
    "not in the context": (
        [output("x")],
        {"context": [call(), output()]},
        400,
        "No tool call found for function call output with call_id x.",
    ),
    "of another type": (
        [call(), output(), output(type="custom_tool_call_output")],
        {},
        400,
        "No tool call found for custom tool call output with call_id call_1.",
    ),
    "an id twice": (
        [MESSAGE, USER, MESSAGE],
        {},
        400,
        "Duplicate item found with id msg_a. Remove duplicate items from your input and try again.",
    ),
    "an id of the context": (
        [MESSAGE],
        {"context": [MESSAGE]},
        400,
        "Duplicate item found with id msg_a. Remove duplicate items from your input and try again.",
    ),
    "reasoning of a response that was not stored": (
        [REASONING],
        {"not_stored": {"rs_1"}},
        404,
        NOT_PERSISTED,
    ),
    "a reference to nothing": ([{"id": "rs_1"}], {"find": {}.get}, 404, NOT_PERSISTED),
}


@pytest.mark.parametrize(("items", "known", "status", "message"), REFUSED.values(), ids=REFUSED)
def test_a_broken_history_is_refused_in_the_services_words(items, known, status, message):
    with pytest.raises(RequestError) as caught:
        check_links({"input": items}, Known(**known))
    error = caught.value
    assert (error.status, error.message, error.param, error.code) == (status, message, "input", None)


def test_reasoning_without_content_is_refused_where_nothing_is_stored():
    with pytest.raises(RequestError, match=r"rs_1' not found\. Items are not persisted"):
        check_links({"store": False, "input": [REASONING]})


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not there")
@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("call-without-output", 400, "No tool output found for function call call_tide."),
        ("output-without-call", 400, "No tool call found for function call output with call_id call_lost."),
        ("duplicate-item", 400, "Duplicate item found with id msg_a."),
        ("reasoning-id-not-stored", 404, "Item with id 'rs_gone' not found. Items are not persisted"),
    ],
)
def test_each_case_is_refused(name, status, words):
    with pytest.raises(RequestError) as caught:
        check_links(json.loads((CASES / f"request-{name}.json").read_text()))
    assert (caught.value.status, caught.value.message[: len(words)]) == (status, words)


def test_the_request_of_every_fixture_is_legal():
    checked = 0
    for path in sorted(FIXTURES.rglob("*.jsonl")):
        for recording in formats.read(path.read_bytes(), path.stem, str(path)):
            check_links(recording.header.request)
            checked += bool(recording.header.request)
    assert checked > 5


@pytest.mark.skipif(not (SHARED / "recordings").is_dir(), reason="the recordings are not there")
def test_every_recorded_request_is_legal():
    bodies = list(published())
    for _, body in bodies:
        check_links(body)
    assert len(bodies) > 10
