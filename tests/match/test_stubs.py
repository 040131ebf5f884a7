import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.errors import RecordingError
from respool.match.context import Context
from respool.match.plays import recordings_of
from respool.match.request import PlainRequest
from respool.match.stubs import STARTED, Scenario, StubSet, StubState
from respool.match.stubs_file import read_stub, read_stubs, schema
from respool.recordings.hold_points import parse
from respool.scripts.sources import ScriptError

FILE = b"""\
stubs:
  - name: weather
    match:
      model: gpt-5.5
      last_user_text: {contains: weather}
    play: tools/get_weather
    pace: {speed: instant, ttft: 0.5}
    faults: ["abort(after=5)", {fault: latency, seconds: 1}]
    times: 2
    priority: 1
    ids: fresh
    scenario: {name: login, requires: Started, becomes: In}
    hold: response.created
  - play: [text/hello, text/refusal#2]
    pace: 2
  - play: {text: "Inline 1.10"}
  - play: {status: 503, body: {error: {message: busy}}}
  - play: answers/long.script.yaml
  - play: improvise
  - play: proxy
"""


def stubs(text):
    return StubSet(read_stubs(text.encode(), "stubs.yaml"))


def request(text="hi", **others):
    return Context(PlainRequest({"model": "m", "input": text, **others}))


def test_all_that_a_stub_may_have_is_read():
    weather, turns, *_ = read_stubs(FILE, "stubs.yaml")
    assert (weather.name, weather.place, weather.times, weather.priority, weather.ids, weather.hold) == (
        "weather",
        "stubs.yaml:2",
        2,
        1,
        "fresh",
        parse("after=response.created"),
    )
    assert weather.scenario == Scenario("login", "Started", "In")
    assert weather.pace == {"speed": float("inf"), "ttft": 0.5}
    assert len(weather.faults) == 2
    assert (turns.name, turns.pace) == ("stubs.yaml:14", {"speed": 2})


def test_what_may_be_played():
    plays = [stub.play for stub in read_stubs(FILE, "stubs.yaml")]
    assert [str(play) for play in plays] == [
        "tools/get_weather",
        "text/hello, text/refusal#2",
        "a Script",
        "a Script",
        "answers/long.script.yaml",
        "improvise",
        "proxy",
    ]
    assert plays[2].script.turns[0].steps[0].value == {"text": "Inline 1.10"}
    assert (plays[3].script.turns[0].status, plays[3].script.turns[0].body["error"]) == (
        503,
        {"message": "busy"},
    )


def test_a_script_in_a_stub_becomes_recordings():
    plays = [stub.play for stub in read_stubs(FILE, "stubs.yaml")]
    (recording,) = recordings_of(plays[2], "inline")
    assert (recording.name, recording.events[-1].event.type) == ("inline", "response.completed")
    assert recordings_of(plays[0], "x") == ()


WRONG = {
    "empty": (b"", "1:1: empty"),
    "no stubs": (b"a: b", "1:1: a is not known here; expected stubs"),
    "text": (b"hello", "1:1: expected a list of a mapping with play, or a mapping"),
    "no play": (b"stubs:\n  - match: {}", "2:5: play is missing"),
    "a field": (b"- play: a\n  name: n\n  tmes: 2", "3:3: tmes is not known here, did you mean times?"),
    "a hint": (b"- play: a\n  delay: 2", "2:3: times belong below pace"),
    "a matcher": (b"- match: {modle: a}\n  play: a", "1:11: modle is not known here, did you mean model?"),
    "a nested matcher": (b"- play: a\n  match:\n    any:\n      - {mdel: a}", "4:10: mdel is not known here"),
    "an empty group": (
        b"- play: a\n  match: {any: []}",
        "2:16: expected a list of a mapping of matchers, but it",
    ),
    "a pattern": (b"- play: a\n  match: {model: {regex: '('}}", "2:26: not a pattern: missing )"),
    "a text test": (b"- play: a\n  match: {model: {like: x}}", "2:19: like is not known here"),
    "an expression": (b"- play: a\n  match: {jmespath: 'a ==='}", "2:21: not a JMESPath expression:"),
    "a flag": (b"- play: a\n  match: {stream: sure}", "2:19: expected true or false"),
    "a turn": (b"- play: a\n  match: {turn: 0}", "2:17: expected a whole number, 1 or more"),
    "times": (b"- play: a\n  times: -1", "2:10: expected a whole number, 1 or more"),
    "ids": (b"- play: a\n  ids: new", "2:8: expected recorded or fresh"),
    "a fault": (b"- play: a\n  faults: [stall, abrt]", "2:19: no fault is named abrt: did you mean abort?"),
    "a speed": (b"- play: a\n  pace: {speed: 0}", "2:17: expected a factor above 0"),
    "a pace": (b"- play: a\n  pace: {spede: 1}", "2:10: spede is not known here, did you mean speed?"),
    "a scenario": (b"- play: a\n  scenario: {requires: x}", "2:13: name is missing"),
    "a scenario without states": (
        b"- play: a\n  scenario: {name: x}",
        "2:13: expected one of requires, becomes",
    ),
    "an empty play": (b"- play: ''", "1:9: expected the name of a recording, a list of them, a Script"),
    "a number as play": (b"- play: 7", "1:9: expected the name of a recording"),
    "a step of a Script": (
        b"- play:\n    output:\n      - massage: {text: a}",
        "3:9: there is no step massage",
    ),
    "a field of a Script": (b"- play: {txt: a}", "1:10: txt is not known here, did you mean text?"),
    "a Script's header": (
        b"- play:\n    text: a\n    headers: {'a b': c}",
        "3:14: the header's \"headers\": 'a b' cannot be sent",
    ),
    "a name twice": (
        b"- {name: a, play: b}\n- {name: a, play: c}",
        "2:10: the name a is also that of the stub at",
    ),
    "no YAML": (b"- play: [", "1:10: not YAML"),
    "no UTF-8": (b"- play: \xff", "1:9: byte 0xff is not UTF-8"),
    "a mapping as a name": (b"- play: a\n  name: {}", "2:9: expected text, but this is a mapping"),
}


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG)
def test_a_mistake_has_its_place(data, message):
    found = []
    read_stubs(data, "stubs.yaml", found.append)
    assert str(found[0])[: len(message) + 11] == f"stubs.yaml:{message}"


def test_a_stub_with_a_mistake_is_left_out_whole_and_all_mistakes_are_told():
    found = []
    data = b"- {play: a, match: {modle: x, stram: true}}\n- {play: b}\n- {play: c, times: 0}"
    assert [str(stub.play) for stub in read_stubs(data, "stubs.yaml", found.append)] == ["b"]
    assert [damage.line for damage in found] == [1, 1, 3]


def test_a_stub_of_plain_data_says_what_is_wrong():
    assert read_stub({"play": "a", "name": "n"}).name == "n"
    with pytest.raises(ScriptError, match="play is missing"):
        read_stub({"match": {}})


ORDER = """
- {name: late, play: a}
- {name: first, priority: 1, match: {last_user_text: hi}, play: a}
- {name: second, priority: 1, match: {last_user_text: {contains: h}}, play: a}
"""


@pytest.mark.parametrize(("text", "name"), [("hi", "first"), ("ho", "second"), ("x", "late")])
def test_the_lowest_priority_answers_then_the_first(text, name):
    found = stubs(ORDER).answer(request(text))
    assert (found and found.stub.name) == name


def test_why_says_what_holds():
    found = stubs(ORDER).answer(request("ho"))
    assert (found and found.why) == 'stub second: last_user_text contains "h"'
    assert stubs("[]").answer(request()) is None


def test_times_are_counted_in_the_state():
    state, names = StubState(), []
    known = stubs("- {name: twice, times: 2, play: a}\n- {name: then, play: b}")
    for _ in range(4):
        found = known.answer(request(), state)
        names.append(found.stub.name)
        state = found.state
    assert names == ["twice", "twice", "then", "then"]
    assert state == StubState({"twice": 2})
    assert known.answer(request(), state).state is state


SCENARIO = """
- {name: login, match: {last_user_text: login}, play: a, scenario: {name: s, becomes: In}}
- {name: ask, match: {last_user_text: ask}, play: a, scenario: {name: s, requires: In}}
- {name: out, match: {last_user_text: out}, play: a, scenario: {name: s, requires: In, becomes: Started}}
- {name: refuse, play: b}
"""


def test_a_scenario_goes_from_state_to_state():
    known, state, names = stubs(SCENARIO), StubState(), []
    for text in ("ask", "login", "ask", "out", "ask"):
        found = known.answer(request(text), state)
        names.append(found.stub.name)
        state = found.state
    assert names == ["refuse", "login", "ask", "out", "refuse"]
    assert state.scenarios == {"s": STARTED}


def test_sessions_have_states_of_their_own():
    known = stubs(SCENARIO)
    first = known.answer(request("login"), StubState()).state
    assert known.answer(request("ask"), first).stub.name == "ask"
    assert known.answer(request("ask"), StubState()).stub.name == "refuse"


def test_a_stub_may_follow_another():
    known = stubs("- {name: a, play: x, match: {previous_stub: b}}\n- {name: b, play: y}")
    request = PlainRequest({"input": "hi", "previous_response_id": "resp_1"})
    assert known.answer(Context(request, previous_stub="b")).stub.name == "a"
    assert known.answer(Context(request)).stub.name == "b"


def test_near_stubs_say_what_does_not_hold():
    known = stubs(SCENARIO.rpartition("-")[0] + "- {name: x, play: y, match: {model: z, stream: true}}")
    assert [near.line for near in known.near(request("ask"))] == [
        'stub login: not last_user_text equals "login"',
        'stub ask: not scenario s in state "In", it is in "Started"',
        'stub out: not last_user_text equals "out", not scenario s in state "In", it is in "Started"',
    ]


def test_a_stub_that_can_never_answer_is_told():
    known = stubs(
        """
- {name: wide, match: {last_user_text: {contains: tide}}, play: a}
- {name: narrow, match: {last_user_text: "tide?", stream: true}, play: a}
- {name: other, match: {last_user_text: "wind?"}, play: a}
- {name: before, priority: 1, match: {last_user_text: "tide?"}, times: 1, play: a}
- {name: all, play: a}
- {name: after, match: {model: m}, play: a}
"""
    )
    assert [(stub.name, by.name) for stub, by in known.shadowed()] == [("narrow", "wide"), ("after", "all")]


def test_the_schema_of_editors_is_the_newest():
    written = Path("docs/stubs.schema.json").read_text()
    assert json.loads(written) == schema(), "run python docs/make_stubs_schema.py"


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_the_schema_takes_what_is_read(validator):
    for data in (FILE, ORDER.encode(), SCENARIO.encode()):
        assert list(validator.iter_errors(yaml.safe_load(data))) == []


BY_SCHEMA = [
    "no play",
    "a field",
    "a matcher",
    "a flag",
    "times",
    "ids",
    "a scenario",
    "a number as play",
    "a pace",
]


@pytest.mark.parametrize("name", BY_SCHEMA)
def test_the_schema_refuses_what_is_refused(validator, name):
    assert list(validator.iter_errors(yaml.safe_load(WRONG[name][0])))


texts = st.sampled_from(["hi", "ho", "hey"])
conditions = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["m", "n"]),
        "last_user_text": texts | st.fixed_dictionaries({"contains": st.sampled_from(["h", "e"])}),
        "tools": st.lists(st.sampled_from("ab"), max_size=2),
        "tool_output": st.sampled_from("ab"),
        "not": st.just({"model": "n"}),
    },
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(conditions, st.integers(1, 3)), max_size=8),
    texts,
    st.sampled_from("mnx"),
    st.sets(st.sampled_from("ab")),
)
def test_the_index_finds_what_asking_all_finds(given_stubs, text, model, tools):
    known = StubSet(
        read_stub({"name": str(number), "match": match, "priority": priority, "play": "x"})
        for number, (match, priority) in enumerate(given_stubs)
    )
    outputs = [{"type": "function_call", "call_id": "c", "name": name, "arguments": "{}"} for name in tools]
    outputs += [{"type": "function_call_output", "call_id": "c", "output": "x"}]
    context = Context(
        PlainRequest(
            {
                "model": model,
                "input": [{"role": "user", "content": text}, *outputs],
                "tools": [{"type": "function", "name": name} for name in tools],
            }
        )
    )
    scanned = next((stub.name for stub in known if stub.match.holds(context)), None)
    found = known.answer(context)
    assert (found and found.stub.name) == scanned
    for stub, by in known.shadowed():
        assert known.stubs.index(by) < known.stubs.index(stub)
        assert by.match.holds(context) or not stub.match.holds(context)


@pytest.mark.parametrize(
    ("hold", "points"),
    [
        ("true", "before=start"),
        ("false", ""),
        ("response.created", "after=response.created"),
        ("[after=1, {before: terminal, ttl: 5}]", "after=1; before=terminal, ttl=5"),
        ("{at: {item: 0}, when: before, keepalive: 2}", "before=item:0, keepalive=2"),
    ],
)
def test_a_stub_says_where_its_stream_waits(hold, points):
    (stub,) = read_stubs(f"stubs: [{{play: a, hold: {hold}}}]".encode(), "stubs.yaml")
    assert stub.hold == parse(points)


def test_a_stub_says_what_becomes_of_a_steer():
    text = b"stubs: [{play: a, steer: {at: never, successor: b}}, {play: a, steer: {successor: {text: Ho}}}]"
    named, inline = read_stubs(text, "stubs.yaml")
    assert (named.steer.at, named.steer.successor) == ("never", "b")
    assert len(inline.steer.successor.turns) == 1


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("hold: [after=1, x y]", "stubs.yaml:3:21: x y is no place in a stream"),
        ("hold: {aftre: 1}", "stubs.yaml:3:12: aftre is not known here, did you mean after?"),
        ("steer: soon", "stubs.yaml:3:12: expected next_item_done or"),
        ("steer: {successor: {end: {cut: x}}}", "stubs.yaml:3:36: expected a whole number"),
    ],
)
def test_a_mistake_in_hold_or_steer_has_its_place(field, message):
    with pytest.raises(RecordingError, match=re.escape(message)):
        read_stubs(f"stubs:\n  - play: a\n    {field}\n".encode(), "stubs.yaml")
