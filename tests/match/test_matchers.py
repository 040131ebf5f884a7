import pytest

from respool.match.context import Context
from respool.match.matchers import CONDITION, GROUPS, MATCHERS
from respool.match.request import PlainRequest
from respool.scripts.sources import PlainSource, ScriptError, ScriptPlace
from respool.server.request import Request

BODY = {
    "model": "gpt-5.5",
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "No jokes."},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "Tides in "}, {"type": "input_text", "text": "Kiel?"}],
        },
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "call_1", "name": "tide", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "noon"},
    ],
    "tools": [
        {"type": "function", "name": "tide"},
        {"type": "web_search"},
        {"type": "mcp", "server_label": "docs"},
    ],
    "tool_choice": {"type": "function", "name": "tide"},
    "previous_response_id": "resp_1",
    "conversation": {"id": "conv_1"},
    "metadata": {"run": "7"},
    "text": {"format": {"type": "json_schema", "name": "tides"}},
    "stream": True,
    "store": None,
    "max_output_tokens": 100,
}
FULL = Context(PlainRequest(BODY, {"x-team": "sea"}, "trace=on&a=%20"), previous_stub="first")
EMPTY = Context(PlainRequest({}))

# matcher: what FULL passes, what it does not pass
CASES = {
    "model": (["gpt-5.5", {"contains": "5"}, {"regex": "^gpt-[0-9.]+$"}], ["gpt", {"equals": "gpt-5"}]),
    "instructions": (["Be brief.\nNo jokes.", {"contains": "jokes"}], ["Be brief."]),
    "last_user_text": (
        ["Tides in Kiel?", {"contains": "Kiel", "regex": "(?i)^tides"}],
        ["Kiel", {"contains": "Kiel", "regex": "^Kiel"}],
    ),
    "input_item": (
        [{"type": "function_call", "name": "tide"}, {"content": [{"text": "Kiel?"}]}],
        [{"type": "function_call", "name": "wind"}],
    ),
    "tools": (["tide", ["tide", "web_search"], "docs", []], ["wind", ["tide", "wind"]]),
    "tool_choice": ([{"name": "tide"}, {"type": "function", "name": "tide"}], ["auto", {"name": "wind"}]),
    "tool_output": (
        ["tide", {"call_id": "call_1"}, {"name": "tide", "output": {"contains": "noon"}}],
        ["wind", {"call_id": "call_2"}, {"name": "tide", "output": "one"}],
    ),
    "previous_response_id": (["resp_1", True, {"regex": "^resp_"}], ["resp_2", False]),
    "previous_stub": (["first"], ["second"]),
    "conversation": (["conv_1", True], [False, "conv_2"]),
    "metadata": (
        [{"run": "7"}, {"run": {"regex": "[0-9]"}}, {"other": False}, {"run": 7}],
        [{"run": "8"}, {"other": True}],
    ),
    "headers": ([{"X-Team": "sea"}, {"x-team": True}], [{"x-team": "air"}, {"x-other": "sea"}]),
    "query": ([{"trace": "on"}, {"a": " "}], [{"trace": "off"}]),
    "stream": ([True], [False]),
    "background": ([False], [True]),
    "store": ([True], [False]),
    "text_format": (["json_schema", "tides", {"contains": "json"}], ["text"]),
    "body": (
        [
            {"model": "gpt-5.5", "max_output_tokens": 100.0},
            {"tools": [{"name": "tide"}, {"type": "mcp"}]},
            {},
        ],
        [{"stream": 1}, {"tools": [{"type": "mcp"}, {"name": "tide"}]}, {"none": None}],
    ),
    "jmespath": (
        ["input[?role=='user']", "max_output_tokens > `50`", "tools[0].name == 'tide'", "length(tools)"],
        ["none", "stream == `false`", "length(max_output_tokens)", "tools[?name=='wind']", "metadata.none"],
    ),
    "turn": ([2], [1, 3]),
}


def condition(value):
    return CONDITION.read(value, ScriptPlace(PlainSource()))


def test_every_matcher_has_cases():
    assert CASES.keys() == MATCHERS.keys()


@pytest.mark.parametrize(
    ("name", "value", "holds"),
    [
        (name, value, holds)
        for name, both in CASES.items()
        for values, holds in zip(both, (True, False), strict=True)
        for value in values
    ],
)
def test_a_matcher(name, value, holds):
    assert condition({name: value}).holds(FULL) is holds


@pytest.mark.parametrize("name", MATCHERS)
def test_no_matcher_fails_on_an_empty_body(name):
    for value in (*CASES[name][0], *CASES[name][1]):
        assert condition({name: value}).holds(EMPTY) in (True, False)


ODD = {
    "input": [{"role": ["user"]}, {"type": "function_call_output", "call_id": {}}, 7],
    "tools": {"a": 1},
    "metadata": [],
    "text": "x",
    "conversation": 7,
    "model": ["m"],
    "previous_response_id": 7,
}


@pytest.mark.parametrize("name", MATCHERS)
def test_no_matcher_fails_on_values_of_wrong_types(name):
    for value in (*CASES[name][0], *CASES[name][1]):
        assert condition({name: value}).holds(Context(PlainRequest(ODD))) in (True, False)


YES, NO = {"model": "gpt-5.5"}, {"model": "x"}


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (None, True),
        ({}, True),
        (YES | {"stream": True}, True),
        (YES | {"stream": False}, False),
        ({"all": [YES, {"stream": True}]}, True),
        ({"all": [YES, NO]}, False),
        ({"any": [NO, YES]}, True),
        ({"any": [NO, NO]}, False),
        ({"not": NO}, True),
        ({"not": YES}, False),
        ({"not": {"any": [NO, {"all": [YES, {"not": YES}]}]}}, True),
        (YES | {"any": [NO]}, False),
    ],
)
def test_conditions_combine(value, holds):
    assert condition(value).holds(FULL) is holds


def test_what_does_not_hold_is_told_in_words():
    value = {"model": "x", "last_user_text": {"contains": "wind"}, "stream": True, "not": {"turn": 2}}
    assert condition(value).failed(FULL) == [
        'model equals "x"',
        'last_user_text contains "wind"',
        'not: {"turn": 2}',
    ]


@pytest.mark.parametrize(
    ("wide", "narrow", "follows"),
    [
        ({}, YES, True),
        (YES, YES, True),
        (YES, YES | {"stream": True}, True),
        (YES | {"stream": True}, YES, False),
        ({"model": {"contains": "gpt"}}, YES, True),
        ({"model": {"regex": "^gpt"}}, YES, True),
        ({"model": {"contains": "g"}}, {"model": {"contains": "gpt"}}, True),
        ({"model": {"contains": "gpt"}}, {"model": {"contains": "g"}}, False),
        ({"model": {"regex": "a"}}, {"model": {"regex": "b"}}, False),
        ({"conversation": True}, {"conversation": "conv_1"}, True),
        ({"conversation": False}, {"conversation": "conv_1"}, False),
        ({"tools": ["a"]}, {"tools": ["a"]}, True),
    ],
)
def test_what_follows_from_what_is_written(wide, narrow, follows):
    assert condition(wide).follows_from(condition(narrow)) is follows


def test_conditions_nest_only_so_deep():
    value = YES
    for _ in range(30):
        value = {"not": value}
    with pytest.raises(ScriptError, match="more than 20"):
        condition(value)


def test_groups_are_no_matchers():
    assert not set(GROUPS) & set(MATCHERS)


def test_lineage_tells_the_turn():
    assert condition({"turn": 5}).holds(Context(PlainRequest(BODY), lineage_turn=5))


def test_a_pattern_of_exponential_time_is_searched_at_once():
    context = Context(PlainRequest({"input": "a" * 100_000 + "!"}))
    assert not condition({"last_user_text": {"regex": "^(a+)+$"}}).holds(context)


def test_the_request_of_the_server_fits():
    request = Request({"model": "gpt-5.5"}, query="trace=on", headers=[(b"x-team", b"sea")])
    assert condition({"headers": {"x-team": "sea"}, "query": {"trace": "on"}}).holds(Context(request))
