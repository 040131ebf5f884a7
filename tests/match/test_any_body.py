"""Whatever JSON a client sends, matching answers or refuses; it never fails."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.errors import NoMatchingRecording, RequestError
from respool.match.context import Context
from respool.match.near import NearIndex
from respool.match.recorded import Recorded, RecordedIndex
from respool.match.request import PlainRequest
from respool.match.stubs import StubSet
from respool.match.stubs_file import read_stub
from respool.match.turn_choice import TurnFacts, TurnIndex
from respool.protocol.request import check_links

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "a", "arguments": "{}"}
TURNS = TurnIndex([TurnFacts((CALL,)), TurnFacts(({"type": "message", "id": "msg_1", "content": "x"},))])
INDEX = RecordedIndex([Recorded("a", 1, {"model": "m", "input": [CALL, {"role": "user", "content": "x"}]})])
NEAR = NearIndex(INDEX)
STUBS = StubSet(
    read_stub({"name": name, "match": match, "play": "x"})
    for name, match in {
        "text": {"last_user_text": {"regex": "x+y"}, "instructions": {"contains": "q"}},
        "tools": {"tools": ["zzz"], "tool_output": "q", "text_format": "q", "metadata": {"a": "q"}},
        "body": {"body": {"input": [{"content": [{"text": "q"}]}]}},
        "jmespath": {"jmespath": "input[?content == 'q'] | [0].sort(@)"},
    }.items()
)

names = st.sampled_from(
    ["type", "id", "call_id", "role", "content", "text", "name", "arguments", "output", "status", "summary",
     "approval_request_id", "action", "encrypted_content"]
)  # fmt: skip
words = st.sampled_from(
    ["message", "function_call", "function_call_output", "reasoning", "item_reference", "compaction", "user",
     "assistant", "mcp_approval_response", "call_1", "fc_1", "msg_1", "x", "{}", '{"a":[1.0]}', "\ud800"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=10,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        name: values | st.lists(st.dictionaries(names, values, max_size=6), max_size=5)
        for name in ("model", "input", "instructions", "tools", "text", "metadata", "conversation", "store",
                     "previous_response_id", "tool_choice")
    },
)  # fmt: skip


def ask_all(body):
    with suppress(RequestError):
        check_links(body)
    with suppress(NoMatchingRecording):
        assert TURNS.choose(body).number in (1, 2)
    forms = INDEX.forms_of(body)
    for strictness in ("strict", "normal", "loose"):
        INDEX.match(forms, strictness=strictness)
    for near in NEAR.nearest(forms):
        assert 0 <= near.distance <= 1
        assert "\n" not in near.line
    context = Context(PlainRequest(body))
    assert STUBS.answer(context) is None or STUBS.stubs
    STUBS.near(context)


@settings(max_examples=100, deadline=None)
@given(bodies)
def test_any_body_is_answered_or_refused(body):
    ask_all(body)


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
@pytest.mark.parametrize("depth", [150, 900])
def test_deep_bodies(open_, close, depth):
    text = open_ * depth + "1" + close * depth
    deep = json.loads(text)
    ask_all({"model": deep, "tools": [deep], "metadata": deep, "input": [CALL | {"arguments": text}]})
    items = [{"type": "shell_call", "action": deep}, {"type": "program", "x": deep}, {"content": deep}]
    ask_all({"input": items, "instructions": deep, "text": deep, "tool_choice": deep})
