import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.match.canonical import DEFAULTS, TRANSPORT, canonical, digest

UUID_1, UUID_2 = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
CALL = {"type": "function_call", "call_id": "call_1", "name": "tide", "arguments": '{"port":"Kiel","n":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}


def request(*items, **others):
    return {"model": "gpt-5.5", "input": list(items), **others}


def user(content="tide?", **others):
    return {"role": "user", "content": content, **others}


SAME = {
    "a string and a message": (request() | {"input": "tide?"}, request(user())),
    "a text and its part": (request(user()), request(user([{"type": "input_text", "text": "tide?"}]))),
    "a message's type": (request(user()), request(user(type="message"))),
    "null and absent": (
        request(user()),
        request(user(), instructions=None, tools=[], text={}, max_output_tokens=None),
    ),
    "defaults": (
        request(user()),
        request(
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
    "an empty reasoning": (request(user()), request(user(), reasoning={})),
    "transport": (
        request(user()),
        request(
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
    "a dated model": (request(user()), request(user()) | {"model": "gpt-5.5-2026-04-23"}),
    "system and developer": (
        request({"role": "system", "content": "Be brief."}, user()),
        request({"role": "developer", "content": "Be brief."}, user()),
    ),
    "instructions and developer": (
        request(user(), instructions="Be brief."),
        request({"role": "developer", "content": "Be brief."}, user()),
    ),
    "system in the midst": (
        request(user(), {"role": "system", "content": "Now."}),
        request(user(), {"role": "developer", "content": "Now."}),
    ),
    "the order of tools": (
        request(user(), tools=[{"type": "function", "name": "a"}, {"type": "function", "name": "b"}]),
        request(user(), tools=[{"name": "b", "type": "function"}, {"name": "a", "type": "function"}]),
    ),
    "a tool's nulls": (
        request(user(), tools=[{"type": "function", "name": "a", "strict": None}]),
        request(user(), tools=[{"type": "function", "name": "a"}]),
    ),
    "a tool's key": (
        request(user(), tools=[{"type": "mcp", "server_label": "d", "headers": {"a": "b"}}]),
        request(user(), tools=[{"type": "mcp", "server_label": "d", "authorization": "x"}]),
    ),
    "call ids": (
        request(user(), CALL, OUTPUT),
        request(user(), CALL | {"call_id": "x"}, OUTPUT | {"call_id": "x"}),
    ),
    "item ids": (request(user(), CALL), request(user(), CALL | {"id": "fc_1", "status": "completed"})),
    "how arguments are written": (
        request(CALL),
        request(CALL | {"arguments": '{ "n": 1.0, "port": "Kiel" }'}),
    ),
    "an output as parts": (
        request(CALL, OUTPUT),
        request(CALL, OUTPUT | {"output": [{"type": "input_text", "text": "noon"}]}),
    ),
    "what a server adds": (
        request({"role": "assistant", "content": "noon"}),
        request(
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
        request({"role": "assistant", "content": "noon"}),
        request({"role": "assistant", "content": [{"type": "input_text", "text": "noon"}]}),
    ),
    "what reasoning says": (
        request({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}),
        request({"type": "reasoning", "id": "rs_2", "summary": [{"text": "y"}]}),
    ),
    "references": (request({"id": "msg_1"}), request({"type": "item_reference", "id": "msg_2"})),
    "previous responses": (
        request(user(), previous_response_id="resp_1"),
        request(user(), previous_response_id="resp_2"),
    ),
    "conversations": (request(user(), conversation="conv_1"), request(user(), conversation={"id": "conv_2"})),
    "UUIDs in texts": (request(user(f"run {UUID_1}")), request(user(f"run {UUID_2}"))),
    "an image's detail": (
        request(user([{"type": "input_image", "image_url": "u", "detail": "auto"}])),
        request(user([{"type": "input_image", "image_url": "u"}])),
    ),
    "line ends": (request(user("a\r\nb")), request(user("a\nb"))),
    "one accent": (request(user("caf\u00e9")), request(user("cafe\u0301"))),
    "numbers": (request(user(), max_output_tokens=100), request(user(), max_output_tokens=100.0)),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_clients_differ_in_is_the_same(one, other):
    assert canonical(one) == canonical(other)
    assert digest(canonical(one)) == digest(canonical(other))


DIFFERENT = {
    "texts": (request(user()), request(user("wind?"))),
    "spaces in a text": (request(user("a b")), request(user("a  b"))),
    "dates in a text": (request(user("It is 2026-11-29.")), request(user("It is 2026-11-30."))),
    "models": (request(user()), request(user()) | {"model": "gpt-5.5-mini"}),
    "instructions": (request(user(), instructions="Be brief."), request(user())),
    "the order of instructions": (
        request({"role": "developer", "content": "a"}, user(), instructions="b"),
        request({"role": "developer", "content": "b"}, user(), instructions="a"),
    ),
    "who speaks": (request({"role": "assistant", "content": "x"}), request(user("x"))),
    "the order of items": (request(user("a"), user("b")), request(user("b"), user("a"))),
    "which call is answered": (
        request(CALL, CALL | {"call_id": "call_2"}, OUTPUT),
        request(CALL, CALL | {"call_id": "call_2"}, OUTPUT | {"call_id": "call_2"}),
    ),
    "two ids and one": (request(user(f"{UUID_1} {UUID_2}")), request(user(f"{UUID_1} {UUID_1}"))),
    "arguments": (request(CALL), request(CALL | {"arguments": "{}"})),
    "outputs": (request(CALL, OUTPUT), request(CALL, OUTPUT | {"output": "one"})),
    "tools": (request(user(), tools=[{"type": "function", "name": "a"}]), request(user())),
    "a null in a tool's schema": (
        request(user(), tools=[{"type": "function", "name": "a", "parameters": {"default": None}}]),
        request(user(), tools=[{"type": "function", "name": "a", "parameters": {}}]),
    ),
    "reasoning and none": (request({"type": "reasoning", "id": "rs_1"}, user()), request(user())),
    "effort": (request(user(), reasoning={"effort": "low"}), request(user())),
    "temperature": (request(user(), temperature=0), request(user())),
    "true and one": (request(user(), temperature=True), request(user(), temperature=1)),
    "a format": (request(user(), text={"format": {"type": "json_object"}}), request(user())),
    "a continued response": (request(user(), previous_response_id="resp_1"), request(user())),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_decides_the_answer_stays_different(one, other):
    assert digest(canonical(one)) != digest(canonical(other))


@pytest.mark.parametrize("path", DEFAULTS, ids=".".join)
def test_each_default_is_dropped(path):
    value = DEFAULTS[path]
    for name in reversed(path):
        value = {name: value}
    assert canonical(request(user()) | value) == canonical(request(user()))


@pytest.mark.parametrize("name", sorted(TRANSPORT))
def test_each_member_of_the_transport_is_dropped(name):
    assert canonical(request(user(), **{name: "x"})) == canonical(request(user()))


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
        return request(*(made[kind](n) for kind, n in items), previous_response_id=rename(1))

    assert canonical(body(lambda n: f"call_{n}")) == canonical(body(lambda n: f"fresh{names[n - 1]}"))
