import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.errors import AmbiguousMatch
from respool.match.pointers import parse
from respool.match.recorded import TIERS, Match, Recorded, RecordedIndex, Seen
from respool.match.rules import MatchRules, read_rules

TOOL = {"type": "function", "name": "tide", "parameters": {"type": "object"}}


def user(text, **others):
    return {"role": "user", "content": text, **others}


def request(*items, **others):
    return {
        "model": "gpt-5.5",
        "instructions": "Be brief. Today is 2026-11-29.",
        "tools": [TOOL],
        "input": list(items),
        **others,
    }


def call(call_id, port):
    return {"type": "function_call", "call_id": call_id, "name": "tide", "arguments": f'{{"port":"{port}"}}'}


def output(call_id, text):
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def assistant(text):
    return {"role": "assistant", "content": text}


FIRST = request(user("Tides in Kiel?"))
SECOND = request(user("Tides in Kiel?"), call("call_1", "Kiel"), output("call_1", "noon"))
OTHER = request(user("Tides in Riga, /tmp/run1/log?"), temperature=0)
RULES = MatchRules(exclude=(parse("/metadata"), parse("/temperature")))
INDEX = RecordedIndex(
    [
        Recorded("kiel", 1, FIRST),
        Recorded("kiel", 2, SECOND),
        Recorded("riga", 1, OTHER),
        Recorded("bare", 1, {}),
    ],
    RULES,
)


def matched(body, index=INDEX, **options):
    found = index.match(index.forms_of(body), **options)
    return found and (found.recording, found.turn, found.tier)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (FIRST, ("kiel", 1, "exact")),
        (
            FIRST | {"stream": True, "model": "gpt-5.5-2026-04-23", "metadata": {"a": "b"}},
            ("kiel", 1, "exact"),
        ),
        (
            request(user("Tides in Kiel?"), call("fresh", "Kiel"), output("fresh", "noon")),
            ("kiel", 2, "exact"),
        ),
        (OTHER, ("riga", 1, "exact")),
        (FIRST | {"instructions": "Be brief. Today is 2027-01-02."}, ("kiel", 1, "masked")),
        (request(user("Tides in Riga, /tmp/other/log?"), temperature=0.0), ("riga", 1, "masked")),
        (request(user("Tides in Riga, /tmp/other/log?"), temperature=0.7), ("riga", 1, "pointers")),
        # The history says something else, the shape and the last items are the same.
        (
            request(user("tides in Kiel, please"), call("x", "Kiel"), output("x", "noon")),
            ("kiel", 2, "skeleton"),
        ),
        (SECOND | {"top_p": 0.5}, ("kiel", 2, "skeleton")),
        # Reasoning that a client drops.
        (
            request(
                user("Tides in Kiel?"),
                {"type": "reasoning", "id": "rs_1"},
                call("x", "Kiel"),
                output("x", "noon"),
            ),
            ("kiel", 2, "skeleton"),
        ),
        (request(user("Tides in Kiel?"), call("x", "Kiel"), output("x", "one o'clock")), None),
        (request(user("Tides in Oslo?")), None),
        # Another class: a title is requested, without tools.
        (FIRST | {"tools": []}, None),
        (FIRST | {"model": "gpt-5.5-mini"}, None),
        ({}, None),
    ],
)
def test_the_first_tier_that_has_any_decides(body, expected):
    assert matched(body) == expected


@pytest.mark.parametrize(
    ("strictness", "tier"), [("strict", None), ("normal", "skeleton"), ("loose", "skeleton")]
)
def test_strictness_says_how_far_a_request_may_differ(strictness, tier):
    found = matched(SECOND | {"top_p": 0.5}, strictness=strictness)
    assert (found and found[2]) == tier


def test_order_is_the_only_turn_of_its_class_that_was_not_played():
    strange = request(user("Tides in Oslo?"))
    assert matched(strange, strictness="loose") is None
    seen = Seen({("kiel", 1), ("riga", 1)})
    assert matched(strange, strictness="loose", seen=seen) == ("kiel", 2, "order")
    assert matched(strange, strictness="normal", seen=seen) is None
    assert matched(strange | {"tools": []}, strictness="loose", seen=seen) is None


TWICE = RecordedIndex(
    [Recorded("busy", 1, FIRST, failed=True), Recorded("calm", 1, FIRST), Recorded("end", 1, FIRST)]
)


def test_equal_requests_are_a_sequence_whose_last_repeats():
    played, names = set(), []
    for _ in range(5):
        found = TWICE.match(TWICE.forms_of(FIRST), seen=Seen(played))
        assert isinstance(found, Match)
        played.add(found.place)
        names.append(found.recording)
    assert names == ["busy", "calm", "end", "end", "end"]


@pytest.mark.parametrize(("before", "again"), [("calm", "calm"), ("busy", "end")])
def test_a_retry_gets_the_same_again_but_not_an_error(before, again):
    forms = TWICE.forms_of(FIRST)
    seen = Seen({("busy", 1), ("calm", 1)}, {forms.digest: (before, 1)})
    found = TWICE.match(forms, seen=seen, retry=True)
    assert (found and found.recording) == again


def test_a_request_that_continues_a_response_stays_in_its_recording():
    follow = {"model": "m", "input": "and now?", "previous_response_id": "resp_1"}
    index = RecordedIndex([Recorded(name, turn, follow) for name in ("a", "b") for turn in (2, 3)])
    assert matched(follow, index, lineage=("b", 2)) == ("b", 3, "exact")
    assert matched(follow, index, lineage=("b", 1)) == ("b", 2, "exact")
    assert matched(follow, index) == ("a", 2, "exact")


def test_equal_skeletons_with_different_answers_are_refused_with_both_names():
    histories = [request(user(text), assistant("ok"), user("and now?")) for text in ("a", "b", "c")]
    index = RecordedIndex([Recorded("one", 1, histories[0]), Recorded("two", 1, histories[1])])
    with pytest.raises(AmbiguousMatch, match="one#1, two#1") as caught:
        matched(histories[2], index)
    assert caught.value.nearest == ("one#1", "two#1")
    same = RecordedIndex(
        [Recorded("one", 1, histories[0], answer=7), Recorded("two", 1, histories[1], answer=7)]
    )
    assert matched(histories[2], same) == ("one", 1, "skeleton")


def test_a_loop_recorded_with_one_client_answers_another():
    """Ids, metadata, dates and defaults differ; reasoning comes back or does not."""
    recorded = [
        request(user("go"), metadata={"run": "1"}),
        request(
            user("go"), {"type": "reasoning", "id": "rs_1"}, call("call_1", "Kiel"), output("call_1", "noon")
        ),
        request(
            user("go"),
            {"type": "reasoning", "id": "rs_1"},
            call("call_1", "Kiel"),
            output("call_1", "noon"),
            call("call_2", "Riga"),
            output("call_2", "one"),
        ),
    ]
    index = RecordedIndex([Recorded("loop", turn, body) for turn, body in enumerate(recorded, 1)])
    items = [
        user([{"type": "input_text", "text": "go"}], type="message"),
        call("a", "Kiel") | {"id": "fc_9", "status": "completed"},
        output("a", "noon"),
        call("b", "Riga"),
        output("b", [{"type": "input_text", "text": "one"}]),
    ]
    for turn, length in enumerate((1, 3, 5), 1):
        body = request(*items[:length], temperature=1, truncation=None, parallel_tool_calls=True)
        body["instructions"] = "Be brief. Today is 2027-01-05."
        assert matched(body, index)[:2] == ("loop", turn)


def test_why_says_which_tier_it_was():
    found = INDEX.match(INDEX.forms_of(FIRST))
    assert found is not None
    assert found.why == "its recorded request is equal"


def test_what_is_compared_of_a_request_can_be_made_before() -> None:
    forms = INDEX.prepared(FIRST)
    assert set(forms.keys) == set(TIERS)
    assert INDEX.match(forms) == INDEX.match(INDEX.forms_of(FIRST))
    assert {"masked", "class_", "skeleton", "digest"} <= set(vars(forms)), "nothing is left to be made"


RULES_FILE = b"""\
strictness: strict
masks:
  order: ORD-[0-9]+
built_in_masks: [time]
exclude:
  - /input/*/content/1
"""


def test_rules_are_read_from_yaml():
    rules = read_rules(RULES_FILE, "match.yaml")
    assert (rules.strictness, rules.exclude) == ("strict", (("input", "*", "content", "1"),))
    assert rules.masks.text("ORD-7 at 2026-11-29T10:00:00Z in /tmp/a") == "<order> at <time> in /tmp/a"


@pytest.mark.parametrize("data", [b"null", b"{}"])
def test_empty_rules_are_the_usual_ones(data):
    assert read_rules(data, "match.yaml") == MatchRules()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "match.yaml:1:1: empty"),
        (b"strictness: lax", "match.yaml:1:13: expected strict or normal or loose"),
        (b"mask:\n  a: b", "match.yaml:1:1: mask is not known here, did you mean masks?"),
        (b"masks:\n  a: '('", "match.yaml:2:6: not a pattern: missing )"),
        (b"masks:\n  a: '(?=x)'", "match.yaml:2:6: not a pattern: invalid perl operator"),
        (b"exclude:\n  - input", 'match.yaml:2:5: a JSON pointer begins with "/"'),
        (b"exclude: /tools", "match.yaml:1:10: expected a list of a JSON pointer"),
        (b"built_in_masks: [date]", "match.yaml:1:18: expected time or epoch"),
        (b"a: [", "match.yaml:1:5: not YAML"),
        (b"\xff", "match.yaml:1:1: byte 0xff is not UTF-8"),
        (b"- a", "match.yaml:1:1: expected a mapping"),
    ],
)
def test_a_mistake_in_rules_has_its_place(data, message):
    found = []
    read_rules(data, "match.yaml", found.append)
    assert [str(damage)[: len(message)] for damage in found] == [message]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("at 2026-11-29T10:00:00.123Z", "at <time>"),
        ("at 2026-11-29 10:00:00 +01:00.", "at <time>."),
        ("on 2026-11-29", "on <time>"),
        ("Sunday, November 29, 2026", "<time>"),
        ("1796000000 and 1796000000123", "<epoch> and <epoch>"),
        ("/tmp/pytest-1/a.txt", "<tmp>"),
        ("/home/ann/src", "<home>/src"),
        ("sha " + "0f" * 16, "sha <hex>"),
        ("4 tons, 12:30, v1.2.3", "4 tons, 12:30, v1.2.3"),
    ],
)
def test_built_in_masks(text, masked):
    assert MatchRules().masks.text(text) == masked


def test_numbers_lose_noise_and_times():
    masks = MatchRules().masks
    assert masks.value([0.1 + 0.2, 1796000000, 1796000000.5, 7, True]) == [0.3, "<epoch>", "<epoch>", 7, True]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5, unique=True), st.randoms())
def test_requests_that_differ_are_found_in_any_order(texts, random):
    index = RecordedIndex([Recorded(text, 1, request(user(text))) for text in texts])
    random.shuffle(texts)
    for text in texts:
        assert matched(request(user(text)), index) == (text, 1, "exact")
