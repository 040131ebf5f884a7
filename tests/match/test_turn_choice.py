import json
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.errors import OptionError, TurnsExhausted
from respool.match.turn_choice import TurnFacts, TurnIndex, facts
from respool.recordings import formats


def assistant(text, id="msg_1"):
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": id, "role": "assistant", "status": "completed", "content": content}


def call(name, call_id, id="fc_1", **arguments):
    text = json.dumps(arguments)
    return {"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": text}


def output(call_id, text="done"):
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def user(text="go on"):
    return {"role": "user", "content": text}


LOOP = TurnIndex(
    [
        TurnFacts((call("tide", "call_1", "fc_1", port="Kiel"), call("wind", "call_2", "fc_2", port="Kiel"))),
        TurnFacts((call("tide", "call_3", "fc_3", port="Riga"),)),
        TurnFacts((assistant("High tide is at noon."),)),
    ]
)
FIRST, SECOND, THIRD = (list(turn.output) for turn in LOOP.turns)
BOTH = [output("call_1"), output("call_2")]


@pytest.mark.parametrize(
    ("items", "turn"),
    [
        ([], 1),
        ([user()], 1),
        ([user(), *FIRST, *BOTH], 2),
        ([user(), FIRST[0], output("call_1"), FIRST[1], output("call_2")], 2),
        ([user(), *FIRST, *BOTH, user("environment: 21 degrees")], 2),
        ([user(), *FIRST, *BOTH, *SECOND, output("call_3")], 3),
        # The second output comes two turns late.
        ([user(), *FIRST, output("call_1"), *SECOND, output("call_3"), output("call_2")], 3),
        # What came before has been dropped.
        ([*SECOND, output("call_3")], 3),
        # Only the outputs, by recorded ids.
        (BOTH, 2),
        ([output("call_3")], 3),
        # Without a call, and with an id that nobody knows: the first turn that has so many calls.
        ([output("call_x"), output("call_y")], 2),
        # By what they say: other ids, other spaces in the arguments.
        (
            [
                user(),
                {"type": "function_call", "call_id": "x", "name": "tide", "arguments": '{"port" : "Riga"}'},
                output("x"),
            ],
            3,
        ),
        # By reference to a recorded id.
        ([{"type": "item_reference", "id": "fc_3"}, output("call_3")], 3),
        ([{"id": "fc_1"}, output("call_1")], 2),
        # By shape alone.
        ([user(), assistant("I am nowhere in the recording.", "msg_x"), user()], 2),
        ([user(), {"role": "assistant", "content": "a"}, user(), {"role": "assistant", "content": "b"}], 3),
    ],
)
def test_turn_follows_from_the_input(items, turn):
    assert LOOP.choose({"input": items}).number == turn


def test_a_string_as_input_asks_for_the_first_turn():
    assert LOOP.choose({"input": "When is high tide?"}).number == 1


def test_lineage_decides_where_the_input_holds_no_history():
    assert LOOP.choose({"input": [output("call_fresh")]}, previous=2).number == 3
    assert LOOP.choose({"input": "and now?"}, previous=1).why == "continues turn 1"


def test_an_output_that_is_late_does_not_lead_back():
    assert LOOP.choose({"input": [output("call_1")]}, previous=2).number == 3


def test_ids_that_were_made_afresh_are_known_from_the_session():
    reference = {"type": "item_reference", "id": "fc_fresh"}
    assert LOOP.choose({"input": [reference, output("call_fresh")]}, ids={"fc_fresh": 2}).number == 3
    assert LOOP.choose({"input": [output("call_fresh")]}, ids={"call_fresh": 2}).number == 3


def test_equal_calls_in_several_turns_are_counted():
    polls = TurnIndex([TurnFacts((call("poll", f"call_{n}", f"fc_{n}"),)) for n in range(1, 5)])
    history = [user()]
    for number in range(1, 5):
        assert polls.choose({"input": history}).number == number
        history += [call("poll", f"fresh_{number}", f"fc_fresh{number}"), output(f"fresh_{number}")]


def test_a_client_of_chats_may_make_one_message_of_two():
    index = TurnIndex(
        [
            TurnFacts((assistant("Let me see.", "a"), assistant("Noon.", "b"))),
            TurnFacts((assistant("Bye.", "c"),)),
        ]
    )
    for glue in ("", "\n", "\n\n"):
        history = [user(), {"role": "assistant", "content": f"Let me see.{glue}Noon."}, user()]
        chosen = index.choose({"input": history})
        assert (chosen.number, "output of turn 1" in chosen.why) == (2, True)


def test_an_approval_leads_to_the_turn_after_the_request_for_it():
    approval = {
        "type": "mcp_approval_request",
        "id": "mcpr_1",
        "server_label": "docs",
        "name": "read",
        "arguments": "{}",
    }
    index = TurnIndex([TurnFacts((approval,)), TurnFacts((assistant("It says so."),))])
    yes = {"type": "mcp_approval_response", "approve": True, "approval_request_id": "mcpr_1"}
    assert index.choose({"input": [user(), approval, yes]}).number == 2
    assert index.choose({"input": [yes]}).number == 2
    assert index.choose({"input": [{**yes, "approval_request_id": "mcpr_fresh"}]}).number == 2


RETRY = TurnIndex(
    [
        TurnFacts(failed=True),
        TurnFacts((assistant("Her"),), failed=True),
        TurnFacts((assistant("Here I am."),)),
        TurnFacts(failed=True),
    ]
)


def test_an_error_is_used_up_by_the_request_that_got_it():
    used, turns = set(), []
    for _ in range(4):
        turn = RETRY.choose({"input": "hello"}, digest="a", used=used)
        turns.append(turn.number)
        used |= {turn.used} if turn.used else set()
    assert turns == [1, 2, 3, 3]
    assert RETRY.choose({"input": "hello"}, digest="another", used=used).number == 1


def test_after_errors_the_history_counts_what_was_said():
    history = {"input": [user(), assistant("Here I am.", "msg_fresh"), user()]}
    turn = RETRY.choose(history, digest="b")
    assert (turn.number, turn.used) == (4, (4, "b"))


def test_an_error_at_the_end_stays():
    history = {"input": [user(), assistant("Here I am.", "msg_fresh"), user()]}
    assert RETRY.choose(history, digest="b", used={(4, "b")}).number == 4


def test_the_only_turn_always_answers():
    only = TurnIndex([TurnFacts((assistant("Hello"),), failed=True)])
    body = {"input": [user(), assistant("Hello"), user(), assistant("Hello")]}
    assert only.choose(body, used={(1, "")}).number == 1


PAST = {"input": [user(), *FIRST, *BOTH, *SECOND, output("call_3"), *THIRD, user()]}


def test_after_the_last_turn_the_message_says_what_was_asked_for():
    with pytest.raises(
        TurnsExhausted, match=r"asks for turn 4 \(the input has the output of turn 3\).* 3 turns"
    ):
        LOOP.choose(PAST)


@pytest.mark.parametrize(("on_exhausted", "turn"), [("last", 3), ("loop", 1)])
def test_after_the_last_turn_comes_what_the_option_says(on_exhausted, turn):
    assert LOOP.choose(PAST, on_exhausted=on_exhausted).number == turn


def test_a_loop_goes_on_round_after_round():
    index = TurnIndex([TurnFacts((assistant("tick", "msg_1"),)), TurnFacts((assistant("tock", "msg_2"),))])
    history, numbers = [], []
    for _ in range(7):
        number = index.choose({"input": history}, on_exhausted="loop").number
        numbers.append(number)
        history += [user(), *index.turns[number - 1].output]
    assert numbers == [1, 2, 1, 2, 1, 2, 1]


def test_a_wrong_option_lists_the_right_ones():
    with pytest.raises(OptionError, match="error, last, loop"):
        LOOP.choose({}, on_exhausted="again")


def test_independent_responses_in_one_file_are_told_by_their_requests():
    index = TurnIndex(
        [
            TurnFacts((assistant("4", "a"),), {"input": "2+2?"}),
            TurnFacts((assistant("6", "b"),), {"input": [{"role": "user", "content": "3+3?"}]}),
        ]
    )
    assert [index.choose({"input": question}).number for question in ("3+3?", "2+2?", "else")] == [2, 1, 1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": None},
        {"input": 7},
        {"input": [None, 7, {}, {"type": 3}, {"id": 4}]},
        {"input": [{"type": "function_call_output", "call_id": ["x"]}]},
        {"input": [{"type": "function_call", "arguments": {"a": float("nan")}, "name": []}]},
        {"input": [{"role": "assistant", "content": [{"text": 3}, None]}]},
    ],
)
def test_any_body_gets_a_turn(body):
    assert LOOP.choose(body).number in (1, 2)


@pytest.mark.parametrize(
    ("name", "failed"),
    [
        ("tools/get_weather", [False, False]),
        ("errors/failed", [True]),
        ("errors/rate_limit", [True]),
        ("text/incomplete", [False]),
    ],
)
def test_facts_tell_errors_from_answers(name, failed):
    path = f"fixtures/{name}.jsonl"
    with open(path, "rb") as file:
        recordings = formats.read(file.read(), name, path)
    assert [facts(recording).failed for recording in recordings] == failed


def test_a_recorded_loop_goes_on_with_ids_made_afresh():
    path = "fixtures/tools/get_weather.jsonl"
    with open(path, "rb") as file:
        index = TurnIndex([facts(recording) for recording in formats.read(file.read(), "w", path)])
    (made,) = index.turns[0].output
    history = [user("weather?"), {**made, "id": "fc_other", "call_id": "call_other"}, output("call_other")]
    assert index.choose({"input": history}).number == 2


names = st.sampled_from(["poll", "read", "write"])
texts = st.sampled_from(["Yes.", "No.", "Let me see.", "Done."])


@st.composite
def recordings(draw):
    """Turns of calls and texts, many of them equal, with unique ids; some are errors."""
    numbers = count(1)
    turns = []
    for _ in range(draw(st.integers(2, 6))):
        number = next(numbers)
        made = []
        if draw(st.booleans()):
            made.append({"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "x"})
        if draw(st.booleans()):
            made.append(assistant(draw(texts), f"msg_{number}"))
        for nth in range(draw(st.integers(0 if made and made[-1]["type"] == "message" else 1, 3))):
            arguments = {"n": draw(st.integers(0, 1))}
            made.append(call(draw(names), f"call_{number}_{nth}", f"fc_{number}_{nth}", **arguments))
        turns.append(TurnFacts(tuple(made), failed=draw(st.integers(0, 4)) == 0))
    return turns


@settings(max_examples=100, deadline=None)
@given(recordings(), st.data())
def test_a_client_that_sends_its_history_gets_turn_after_turn(turns, data):
    """With ids made afresh or as recorded, reasoning kept or dropped, calls and outputs in any order."""
    index = TurnIndex(turns)
    expected = [number for number, turn in enumerate(turns, 1) if not turn.failed]
    history, requests, used = [user("begin")], [], set()
    fresh, keep_reasoning = data.draw(st.booleans()), data.draw(st.booleans())
    if len(turns) < 2:
        return
    for number in expected:
        requests.append((list(history), number))
        outputs = []
        for item in turns[number - 1].output:
            if item["type"] == "reasoning" and not keep_reasoning:
                continue
            sent = dict(item)
            if fresh:
                sent |= {name: f"{value}~" for name, value in item.items() if name in ("id", "call_id")}
            history.append(sent)
            if item["type"] == "function_call":
                answer = output(sent["call_id"])
                (history if data.draw(st.booleans()) else outputs).append(answer)
        history += [*data.draw(st.permutations(outputs)), *data.draw(st.sampled_from([[], [user("go on")]]))]
    for items, number in data.draw(st.permutations(requests)):
        for _ in range(len(turns)):  # errors on the way are answered by sending it again
            turn = index.choose({"input": items}, digest=str(number), used=used)
            if turn.used is None:
                break
            used.add(turn.used)
        assert turn.number == number
        assert index.choose({"input": items}, digest=str(number), used=used).number == number
