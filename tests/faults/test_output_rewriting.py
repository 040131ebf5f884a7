"""An answer whose output is another: it is legal, and what is not changed keeps its bytes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fault_streams import STREAM_HEADERS, events, make_body, make_stream, moments
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.check.checker import check
from respool.check.findings import Level
from respool.faults import FAULTS, Fault, LongText
from respool.faults.frame import Action, Frame, Head
from respool.faults.output_items import Output, OutputItem, new_call, new_message
from respool.faults.output_rewriting import Change, rewrite_output
from respool.protocol.events import Event
from respool.protocol.snapshot import fold
from respool.recordings.store import Store
from respool.scripts import read
from respool.scripts.synth import expand

FIXTURES = Path(__file__).parents[2] / "fixtures"
MODEL = [fault for fault in FAULTS.values() if fault.category == "model"]
CALLS = [
    {"function_call": {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}},
    {"function_call": {"name": "get_time", "arguments": {"zone": "CET"}}},
]
HELLO = {"message": {"text": "Hello there. How are you?"}}
REASONING = {"reasoning": {"summary": ["Thinking."]}}


def script(output: list[dict[str, Any]], **turn: Any) -> list[str]:
    """The events of a stream with this output."""
    return [written.event.text for written in expand(read({"output": output, **turn}), "a")[0].events]


def rewritten(texts: Sequence[str], change: Change, at: int = 1) -> list[Frame]:
    return list(rewrite_output(make_stream(texts), at, Random(0), change))


def keep(output: Output) -> Sequence[OutputItem]:
    return list(output.items)


def faults(frames: Sequence[Frame]) -> list[str]:
    """What the checker says of a stream, but for types that it does not know."""
    found = check(frame.event for frame in frames if frame.event)
    return [f"{one.code} {one.message}" for one in found if one.level is not Level.INFO]


def recordings() -> Iterator[tuple[str, list[str]]]:
    store = Store(str(FIXTURES))
    for name in store.names:
        for number, turn in enumerate(store.turns(name)):
            if turn.events:
                yield f"{name}#{number}", [timed.event.text for timed in turn.events]


RECORDINGS = dict(recordings())


def smaller(fault: Fault) -> Fault:
    return replace(fault, size=5000) if isinstance(fault, LongText) else fault


@pytest.mark.parametrize("fault", MODEL, ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", RECORDINGS)
def test_whatever_the_model_says_the_stream_is_as_legal_as_it_was(name: str, fault: type[Fault]) -> None:
    sound = make_stream(RECORDINGS[name])
    made = smaller(fault())
    frames = list(made.apply(sound, Random(0)))
    assert set(faults(frames)) <= set(faults(sound))
    assert all(sooner.at <= later.at for sooner, later in pairwise(frames))
    assert moments(frames)[-1] == moments(sound)[-1]
    assert list(made.apply(sound, Random(0))) == frames, "the same seed gives the same"


@pytest.mark.parametrize("name", RECORDINGS)
def test_an_output_that_is_not_changed_keeps_its_bytes(name: str) -> None:
    assert rewritten(RECORDINGS[name], keep) == make_stream(RECORDINGS[name])


def test_what_the_deltas_the_item_and_the_response_say_agrees() -> None:
    texts = script([REASONING, HELLO, *CALLS])
    frames = rewritten(
        texts, lambda output: output.with_item(output.items[1], output.items[1].with_text("Ho!"))
    )
    read_ = [event.data for event in events(frames)]
    assert [one["delta"] for one in read_ if one["type"] == "response.output_text.delta"] == ["Ho", "!"]
    final = read_[-1]["response"]["output"]
    assert final[1]["content"][0]["text"] == "Ho!"
    assert fold(events(frames)[:-1])["output"] == final
    sound = events(make_stream(texts))[-1].data["response"]["output"]
    assert [final[0], *final[2:]] == [sound[0], *sound[2:]]
    assert {**final[1], "content": []} == {**sound[1], "content": []}


def test_the_numbers_of_a_stream_go_on() -> None:
    frames = rewritten(script([*CALLS]), lambda output: [new_message("Wait."), *output.items])
    assert [event.sequence_number for event in events(frames)] == list(range(len(events(frames))))
    indexes = [event.data["output_index"] for event in events(frames) if "output_index" in event.data]
    assert indexes == sorted(indexes)
    assert set(indexes) == {0, 1, 2}


def test_a_stream_without_numbers_has_none_afterwards() -> None:
    texts = [json.dumps({**json.loads(text), "sequence_number": None}) for text in script([HELLO])]
    texts = [text.replace(', "sequence_number": null', "") for text in texts]
    frames = rewritten(texts, lambda output: [*output.items, new_call("a", "{}")])
    assert {event.sequence_number for event in events(frames)} == {None}


def test_an_item_that_is_changed_comes_in_the_time_of_the_old_one() -> None:
    texts = script([HELLO])
    frames = rewritten(texts, lambda output: [output.items[0].with_text("word " * 50)])
    at = [frame.at for frame in frames if frame.event and "output_index" in frame.event.data]
    assert (at[0], at[-1]) == (3.0, float(len(texts) - 1))
    assert len(set(at)) == len(texts) - 3


def test_an_item_that_is_new_comes_right_after_the_one_before_it() -> None:
    frames = rewritten(script([HELLO]), lambda output: [*output.items, new_call("look_up", "{}")])
    new = [frame for frame in frames if frame.event and frame.event.data.get("output_index") == 1]
    before = max(frame.at for frame in frames if frame.event and frame.event.data.get("output_index") == 0)
    assert {frame.at for frame in new} == {before}
    assert [frame.event.type.split(".")[1] for frame in new if frame.event] == [
        "output_item", "function_call_arguments", "function_call_arguments", "output_item"
    ]  # fmt: skip


def test_the_first_item_is_the_one_that_ends_at_the_place_or_after_it() -> None:
    texts = script([REASONING, HELLO, *CALLS])
    seen: list[int] = []

    def look(output: Output) -> Sequence[OutputItem]:
        seen.append(output.first)
        return list(output.items)

    starts = [number for number, text in enumerate(texts, start=1) if "output_item.added" in text]
    for at in (1, *starts, len(texts)):
        rewritten(texts, look, at)
    assert seen == [0, 0, 1, 2, 3, 4]


def changed(output: Output) -> Sequence[OutputItem]:
    return [new_message("No."), *output.items]


def edit(texts: Sequence[str], old: str, new: str) -> list[str]:
    return [text.replace(old, new) for text in texts]


SOUND = script([HELLO])
OTHER_SHAPES = {
    "no output_index": edit(SOUND, '"output_index":0', '"x":0'),
    "two items with one index": [*SOUND[:3], *SOUND[2:]],
    "an index is left out": edit(SOUND, '"output_index":0', '"output_index":1'),
    "a delta of no item": [*SOUND[:2], *SOUND[3:]],
    "an item that is none": edit(SOUND, '"item":{', '"item":5,"it":{'),
}


@pytest.mark.parametrize("texts", OTHER_SHAPES.values(), ids=OTHER_SHAPES)
def test_a_stream_of_another_shape_stays_as_it_is(texts: list[str]) -> None:
    assert rewritten(texts, changed) == make_stream(texts)


def test_a_stream_that_breaks_off_is_changed_up_to_there() -> None:
    frames = rewritten(SOUND[:-3], changed)
    assert len(events(frames)) > len(SOUND) - 3
    assert frames[-1].action is Action.CLOSE


def test_a_number_that_json_does_not_have_stays_where_it_is() -> None:
    texts = edit(SOUND, '"phase"', '"x"')
    texts = edit(texts, '"role":"assistant"', '"role":"assistant","odd":NaN')
    made = b"".join(frame.data for frame in rewritten(texts, lambda output: [output.items[0].with_text("x")]))
    assert made.count(b'"odd":NaN') == sum(text.count('"odd":NaN') for text in texts) > 0
    assert b'"text":"x"' in made


BODY = {"id": "resp_1", "tools": [], "output": [json.loads(SOUND[-1])["response"]["output"][0]]}


def test_an_answer_without_stream_is_changed_too() -> None:
    frames = make_body(json.dumps(BODY).encode())
    new = list(rewrite_output(frames, 1, Random(0), lambda output: [*output.items, new_call("a", "{}")]))
    body = json.loads(b"".join(frame.data for frame in new))
    assert body["output"][0] == BODY["output"][0]
    assert {**body["output"][1], "id": "", "call_id": ""} == {
        "id": "",
        "type": "function_call",
        "status": "completed",
        "arguments": "{}",
        "call_id": "",
        "name": "a",
    }
    assert [frame.at for frame in new] == [frame.at for frame in frames]
    assert list(rewrite_output(frames, 1, Random(0), keep)) == frames


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b'{"output":5}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_response_stays_as_it_is(body: bytes) -> None:
    frames = make_body(body)
    assert list(rewrite_output(frames, 1, Random(0), changed)) == frames


def test_an_error_stays_as_it_is() -> None:
    frames = [Frame(0.0, head=Head(500, STREAM_HEADERS)), *make_stream(SOUND)[1:]]
    assert list(rewrite_output(frames, 1, Random(0), changed)) == frames


KEYS = st.sampled_from(["type", "item", "id", "text"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.data())
def test_no_stream_makes_a_fault_of_the_model_fail(data: st.DataObject) -> None:
    texts = script([REASONING, HELLO, *CALLS])
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(texts) - 1))
        event = json.loads(texts[number])
        key = data.draw(st.sampled_from([name for name in event if name != "type"]))
        event[key] = data.draw(JSON)
        texts[number] = json.dumps(event)
    sound = make_stream(texts)
    for fault in MODEL:
        frames = list(smaller(fault()).apply(sound, Random(0)))
        assert frames[-1].action is Action.CLOSE
        assert all(Event.parse(frame.event.text) for frame in frames if frame.event)
