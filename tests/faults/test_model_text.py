"""Faults of the model: what it says in words."""

import json
from random import Random

import pytest
from fault_streams import events, make_stream, numbers
from hypothesis import given
from hypothesis import strategies as st

from respool.faults import (
    AlmostJson,
    CodeFence,
    EmptyText,
    Fault,
    FaultError,
    LongText,
    OddCharacters,
    OtherLanguage,
    RefusalInAnswer,
    RepeatedText,
    parse,
)
from respool.faults.changed_output import MAX_LENGTH
from respool.faults.model_text import _ALMOST, ODD_CHARACTERS, almost_json
from respool.scripts import read
from respool.scripts.synth import expand

JSON = '{"city": "Paris", "ok": true, "none": null}'


def stream(*texts: str) -> list[str]:
    script = read({"output": [{"message": {"text": text}} for text in texts]})
    return [written.event.text for written in expand(script, "a")[0].events]


def texts_with(fault: Fault, *texts: str) -> list[str]:
    """Return the text of each message of an answer with this fault. Parts are joined by a bar."""
    output = events(list(fault.apply(make_stream(stream(*texts)), Random(0))))[-1].data["response"]["output"]
    return [" | ".join(part.get("text", part.get("refusal")) for part in item["content"]) for item in output]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (CodeFence(), f"```json\n{JSON}\n```"),
        (CodeFence(language="", intro="Here:"), f"Here:\n\n```\n{JSON}\n```"),
        (AlmostJson(), '{"city": "Paris", "ok": true, "none": null,}'),
        (AlmostJson(kind="single_quotes"), "{'city': 'Paris', 'ok': true, 'none': null}"),
        (AlmostJson(kind="bare_keys"), '{city: "Paris", ok: true, none: null}'),
        (AlmostJson(kind="comment"), '{  // as asked\n  "city": "Paris",\n  "ok": true,\n  "none": null\n}'),
        (AlmostJson(kind="python"), "{'city': 'Paris', 'ok': True, 'none': None}"),
        (AlmostJson(kind="cut"), JSON[:-1]),
        (AlmostJson(kind="words"), f"{JSON}\n\nLet me know if you need anything else!"),
        (EmptyText(), ""),
        (RefusalInAnswer(message="No."), f"{JSON[:21]} | No."),
        (RefusalInAnswer(keep=0, message="No."), " | No."),
        (OtherLanguage(language="zh"), "抱歉，我没有完全理解您的问题，请再说明一下。" * 2),
        (LongText(size=12), '1. {"city": '),
        (RepeatedText(count=2), f"{JSON} {JSON} {JSON}"),
    ],
    ids=str,
)
def test_a_text_is_another(fault: Fault, expected: str) -> None:
    assert texts_with(fault, JSON) == [expected]


def test_the_text_at_the_place_or_the_next_one_is_changed() -> None:
    first = len(stream("one"))
    assert texts_with(EmptyText(), "one", "two") == ["", "two"]
    assert texts_with(EmptyText(at=first), "one", "two") == ["one", ""]
    assert texts_with(EmptyText(at="output_text.done#2"), "one", "two") == ["one", ""]
    assert texts_with(EmptyText(at="100%"), "one", "two") == ["one", "two"], "there is no text any more"


def test_the_end_of_a_text_is_what_comes_again() -> None:
    assert texts_with(RepeatedText(count=3), "Hello. How are you?") == [
        "Hello. How are you?" + " How are you?" * 3
    ]


def test_a_long_text_comes_in_a_thousand_deltas() -> None:
    frames = list(LongText().apply(make_stream(stream("Hello")), Random(0)))
    deltas = [event.data["delta"] for event in events(frames) if event.type.endswith("text.delta")]
    assert len("".join(deltas)) == 200_000
    assert len(deltas) == 1000
    assert numbers(frames) == list(range(len(events(frames))))


def test_odd_characters_are_put_in_by_the_seed() -> None:
    (text,) = texts_with(OddCharacters(count=100), "Hello there")
    assert text == texts_with(OddCharacters(count=100), "Hello there")[0]
    for odd in sorted(ODD_CHARACTERS, key=len, reverse=True):
        text = text.replace(odd, "")
    assert text == "Hello there"


@pytest.mark.parametrize("kind", _ALMOST)
@given(text=st.text() | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps))
def test_almost_json_is_none(kind: str, text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(almost_json(text, kind))


def test_many_faults_in_a_row_do_not_make_a_text_grow_without_end() -> None:
    frames = make_stream(stream('"\\"'))
    for fault in parse("almost_json(kind=cut); " * 32):
        frames = list(fault.apply(frames, Random(0)))
    text = events(frames)[-1].data["response"]["output"][0]["content"][0]["text"]
    assert len(text) <= MAX_LENGTH


def test_the_length_of_texts_that_are_asked_for_is_limited() -> None:
    parse("long_text(size=2M)")
    with pytest.raises(FaultError, match="expected a whole number from 1 to 2097152"):
        parse("long_text(size=3M)")
    with pytest.raises(FaultError, match="expected no more than 16777216 in all"):
        parse("long_text(size=2M); long_text(size=2M)")
    with pytest.raises(FaultError, match="expected no more than 16777216 in all"):
        parse("repeated_text(count=1000);" * 4)
