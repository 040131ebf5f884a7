import pytest

from respool.match.difference import SHOWN, compare
from respool.match.near import NearIndex, WouldSend, explain, would_send
from respool.match.recorded import Recorded, RecordedIndex
from respool.match.rules import MatchRules, read_rules
from respool.recordings import formats


def request(text, **others):
    return {"model": "gpt-5.5", "input": [{"role": "user", "content": text}], **others}


def nearest(body, *recorded, rules=None):
    index = RecordedIndex([Recorded(f"r{number}", 1, one) for number, one in enumerate(recorded)], rules)
    return NearIndex(index).nearest(index.forms_of(body))


def test_the_nearest_come_first_and_are_three():
    recorded = [
        request("Wind in Riga?"),
        request("Tides in Kiel tomorrow?"),
        request("Tides in Kiel?", top_p=0.5),
        {"model": "x"},
    ]
    near = nearest(request("Tides in Kiel?"), *recorded)
    assert ({one.recording for one in near[:2]}, near[2].recording) == ({"r1", "r2"}, "r0")
    assert [one.distance for one in near] == sorted(one.distance for one in near)


def test_each_difference_has_its_pointer_and_both_values():
    (near,) = nearest(request("Tides in Kiel?", temperature=0), request("Tides in Riga?", top_p=0.5))
    assert [(one.pointer, one.recorded, one.received) for one in near.differences] == [
        ("/input/0/content/0/text", "Tides in Riga?", "Tides in Kiel?"),
        ("/temperature", None, "0"),
        ("/top_p", "0.5", None),
    ]
    assert near.whole
    assert near.line == (
        f'r0 (distance {near.distance:g}): /input/0/content/0/text is "Tides in Kiel?", recorded '
        '"Tides in Riga?", and 2 other differences'
    )


HINTS = [
    (
        request("Order ORD-17, please"),
        request("Order ORD-23, please"),
        "in match.yaml, masks: {name: 'ORD-[0-9]+'}",
    ),
    (request("hello"), request("hello", temperature=0), "in match.yaml, exclude: [/temperature]"),
    (request("yes"), request("no"), "in match.yaml, exclude: [/input/0/content/0/text]"),
]


@pytest.mark.parametrize(("body", "recorded", "hint"), HINTS)
def test_the_hint_makes_it_match(body, recorded, hint):
    (near,) = nearest(body, recorded)
    assert near.hint == hint
    line = hint.removeprefix("in match.yaml, ")
    rules = read_rules(line.encode(), "match.yaml")
    index = RecordedIndex([Recorded("r0", 1, recorded)], rules)
    assert index.match(index.forms_of(body)) is not None
    assert nearest(body, recorded)[0].recording == "r0"


def test_strict_rules_are_named_where_they_are_the_cause():
    (near,) = nearest(request("hi", top_p=0.5), request("hi"), rules=MatchRules(strictness="strict"))
    assert near.hint == "in match.yaml, strictness: normal"


def test_too_many_differences_are_cut_and_the_header_is_the_hint():
    body = {"model": "m", "input": [{"role": "user", "content": f"a{n}"} for n in range(50)]}
    other = {"model": "m", "input": [{"role": "user", "content": f"b{n}"} for n in range(50)]}
    (near,) = nearest(body, other)
    assert (len(near.differences), near.whole, near.hint) == (20, False, "the header x-respool-play: r0#1")


def test_an_item_that_was_put_in_is_the_only_difference():
    items = [{"role": "user", "content": text} for text in "abcd"]
    (near,) = nearest({"model": "m", "input": [*items[:2], *items[1:]]}, {"model": "m", "input": items})
    assert [(one.pointer, one.recorded) for one in near.differences] == [("/input/2", None)]


def test_a_long_text_is_shown_around_its_difference():
    (near,) = nearest(request("x" * 5000 + "a" + "y" * 5000), request("x" * 5000 + "b" + "y" * 5000))
    (difference,) = near.differences
    assert difference.received is not None
    assert "xa" + "y" in difference.received
    assert len(difference.received) < SHOWN + 10


def test_bodies_of_megabytes_are_compared_within_bounds():
    big = {"model": "m", "input": [{"role": "user", "content": "x" * 100} for _ in range(30_000)]}
    other = {"model": "m", "input": [{"role": "user", "content": "y" * 100} for _ in range(30_000)]}
    found = compare(big, other)
    assert (len(found.differences), found.whole) == (20, False)


def test_without_recordings_that_carry_a_request_nothing_is_near():
    assert nearest(request("hi")) == ()
    assert explain(()) == "no recording carries its request"


def test_what_would_have_been_sent_is_told():
    index = RecordedIndex([Recorded("r", 2, request("hi"))])
    (near,) = NearIndex(index).nearest(index.forms_of(request("ho")), lambda _: WouldSend(200, "Hello"))
    assert near.to_api()["would_have_sent"] == {"status": 200, "first_text": "Hello"}
    assert near.to_api()["turn"] == 2
    assert explain([near]).startswith("r#2 (distance ")


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("text/hello", 200, ""),
        ("tools/get_weather", 200, "calls get_weather"),
        ("errors/rate_limit", 429, "Rate limit"),
    ],
)
def test_what_a_recording_sends_begins_with_its_first_text_or_call(name, status, text):
    path = f"fixtures/{name}.jsonl"
    with open(path, "rb") as file:
        sent = would_send(formats.read(file.read(), name, path)[0])
    assert (sent.status, sent.first_text[: len(text)]) == (status, text)
    assert sent.first_text
