import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.match.canonical import DEFAULTS, TRANSPORT, canonical, digest

UUID_1, UUID_2 = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
CALL = {"type": "function_call", "call_id": "call_1", "name": "tide", "arguments": '{"port":"Kiel","n":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}


def asked(*items, **others):
    return {"model": "gpt-5.5", "input": list(items), **others}


def user(content="tide?", **others):
    return {"role": "user", "content": content, **others}


SAME = {
    "a string and a message": (asked() | {"input": "tide?"}, asked(user())),
    "a text and its part": (asked(user()), asked(user([{"type": "input_text", "text": "tide?"}]))),
    "a message's type": (asked(user()), asked(user(type="message"))),
    "null and absent": (
        asked(user()),
        asked(user(), instructions=None, tools=[], text={}, max_output_tokens=None),
    ),
    "defaults": (
        asked(user()),
        asked(
            user(),
            temperature=1.0,
            top_p=1,
            truncation="disabled",
            tool_choice="auto",
            parallel_tool_calls=True,
            background=False,
            top_logprobs=0,
            text={"format": {"type": "text"}, "verbosity": "medium"},
        ),
    ),
    "an empty reasoning": (asked(user()), asked(user(), reasoning={})),
    "transport": (
        asked(user()),
        asked(
            user(),
            stream=True,
            store=False,
            metadata={"run": "7"},
            user="u",
            include=["reasoning.encrypted_content"],
            prompt_cache_key="k",
            client_metadata={"a": "b"},
        ),
    ),
    "a dated model": (asked(user()), asked(user()) | {"model": "gpt-5.5-2026-04-23"}),
    "system and developer": (
        asked({"role": "system", "content": "Be brief."}, user()),
        asked({"role": "developer", "content": "Be brief."}, user()),
    ),
    "instructions and developer": (
        asked(user(), instructions="Be brief."),
        asked({"role": "developer", "content": "Be brief."}, user()),
    ),
    "system in the midst": (
        asked(user(), {"role": "system", "content": "Now."}),
        asked(user(), {"role": "developer", "content": "Now."}),
    ),
    "the order of tools": (
        asked(user(), tools=[{"type": "function", "name": "a"}, {"type": "function", "name": "b"}]),
        asked(user(), tools=[{"name": "b", "type": "function"}, {"name": "a", "type": "function"}]),
    ),
    "a tool's nulls": (
        asked(user(), tools=[{"type": "function", "name": "a", "strict": None}]),
        asked(user(), tools=[{"type": "function", "name": "a"}]),
    ),
    "a tool's key": (
        asked(user(), tools=[{"type": "mcp", "server_label": "d", "headers": {"a": "b"}}]),
        asked(user(), tools=[{"type": "mcp", "server_label": "d", "authorization": "x"}]),
    ),
    "call ids": (
        asked(user(), CALL, OUTPUT),
        asked(user(), CALL | {"call_id": "x"}, OUTPUT | {"call_id": "x"}),
    ),
    "item ids": (asked(user(), CALL), asked(user(), CALL | {"id": "fc_1", "status": "completed"})),
    "how arguments are written": (asked(CALL), asked(CALL | {"arguments": '{ "n": 1.0, "port": "Kiel" }'})),
    "an output as parts": (
        asked(CALL, OUTPUT),
        asked(CALL, OUTPUT | {"output": [{"type": "input_text", "text": "noon"}]}),
    ),
    "what a server adds": (
        asked({"role": "assistant", "content": "noon"}),
        asked(
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "final_answer",
                "content": [{"type": "output_text", "text": "noon", "annotations": [], "logprobs": []}],
            }
        ),
    ),
    "assistant text as input": (
        asked({"role": "assistant", "content": "noon"}),
        asked({"role": "assistant", "content": [{"type": "input_text", "text": "noon"}]}),
    ),
    "what reasoning says": (
        asked({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}),
        asked({"type": "reasoning", "id": "rs_2", "summary": [{"text": "y"}]}),
    ),
    "references": (asked({"id": "msg_1"}), asked({"type": "item_reference", "id": "msg_2"})),
    "previous responses": (
        asked(user(), previous_response_id="resp_1"),
        asked(user(), previous_response_id="resp_2"),
    ),
    "conversations": (asked(user(), conversation="conv_1"), asked(user(), conversation={"id": "conv_2"})),
    "UUIDs in texts": (asked(user(f"run {UUID_1}")), asked(user(f"run {UUID_2}"))),
    "an image's detail": (
        asked(user([{"type": "input_image", "image_url": "u", "detail": "auto"}])),
        asked(user([{"type": "input_image", "image_url": "u"}])),
    ),
    "line ends": (asked(user("a\r\nb")), asked(user("a\nb"))),
    "one accent": (asked(user("caf\u00e9")), asked(user("cafe\u0301"))),
    "numbers": (asked(user(), max_output_tokens=100), asked(user(), max_output_tokens=100.0)),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_clients_differ_in_is_the_same(one, other):
    assert canonical(one) == canonical(other)
    assert digest(canonical(one)) == digest(canonical(other))


DIFFERENT = {
    "texts": (asked(user()), asked(user("wind?"))),
    "spaces in a text": (asked(user("a b")), asked(user("a  b"))),
    "dates in a text": (asked(user("It is 2026-11-29.")), asked(user("It is 2026-11-30."))),
    "models": (asked(user()), asked(user()) | {"model": "gpt-5.5-mini"}),
    "instructions": (asked(user(), instructions="Be brief."), asked(user())),
    "the order of instructions": (
        asked({"role": "developer", "content": "a"}, user(), instructions="b"),
        asked({"role": "developer", "content": "b"}, user(), instructions="a"),
    ),
    "who speaks": (asked({"role": "assistant", "content": "x"}), asked(user("x"))),
    "the order of items": (asked(user("a"), user("b")), asked(user("b"), user("a"))),
    "which call is answered": (
        asked(CALL, CALL | {"call_id": "call_2"}, OUTPUT),
        asked(CALL, CALL | {"call_id": "call_2"}, OUTPUT | {"call_id": "call_2"}),
    ),
    "two ids and one": (asked(user(f"{UUID_1} {UUID_2}")), asked(user(f"{UUID_1} {UUID_1}"))),
    "arguments": (asked(CALL), asked(CALL | {"arguments": "{}"})),
    "outputs": (asked(CALL, OUTPUT), asked(CALL, OUTPUT | {"output": "one"})),
    "tools": (asked(user(), tools=[{"type": "function", "name": "a"}]), asked(user())),
    "a null in a tool's schema": (
        asked(user(), tools=[{"type": "function", "name": "a", "parameters": {"default": None}}]),
        asked(user(), tools=[{"type": "function", "name": "a", "parameters": {}}]),
    ),
    "reasoning and none": (asked({"type": "reasoning", "id": "rs_1"}, user()), asked(user())),
    "effort": (asked(user(), reasoning={"effort": "low"}), asked(user())),
    "temperature": (asked(user(), temperature=0), asked(user())),
    "true and one": (asked(user(), temperature=True), asked(user(), temperature=1)),
    "a format": (asked(user(), text={"format": {"type": "json_object"}}), asked(user())),
    "a continued response": (asked(user(), previous_response_id="resp_1"), asked(user())),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_decides_the_answer_stays_different(one, other):
    assert digest(canonical(one)) != digest(canonical(other))


@pytest.mark.parametrize("path", DEFAULTS, ids=".".join)
def test_each_default_is_dropped(path):
    value = DEFAULTS[path]
    for name in reversed(path):
        value = {name: value}
    assert canonical(asked(user()) | value) == canonical(asked(user()))


@pytest.mark.parametrize("name", sorted(TRANSPORT))
def test_each_member_of_the_transport_is_dropped(name):
    assert canonical(asked(user(), **{name: "x"})) == canonical(asked(user()))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["call_1", UUID_1, f"see {UUID_2}!", "§id2", "{}", "system", "message", "reasoning"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "id", "call_id", "text", "output", "arguments", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
bodies = st.dictionaries(
    st.sampled_from(
        [
            "model",
            "input",
            "instructions",
            "tools",
            "text",
            "conversation",
            "previous_response_id",
            "reasoning",
            "temperature",
            "x",
        ]
    ),
    values | st.lists(values, max_size=4),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(bodies)
def test_the_canonical_form_is_its_own(body):
    once = canonical(body)
    assert canonical(once) == once
    assert digest(once) == digest(canonical(json.loads(json.dumps(once))))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("acr"), st.integers(1, 4)), max_size=8), st.permutations(range(1, 5))
)
def test_other_names_of_ids_change_nothing(items, names):
    def body(rename):
        made = {
            "a": lambda n: CALL | {"call_id": rename(n), "id": f"fc_{rename(n)}"},
            "c": lambda n: OUTPUT | {"call_id": rename(n)},
            "r": lambda n: {"type": "item_reference", "id": rename(n)},
        }
        return asked(*(made[kind](n) for kind, n in items), previous_response_id=rename(1))

    assert canonical(body(lambda n: f"call_{n}")) == canonical(body(lambda n: f"fresh{names[n - 1]}"))
