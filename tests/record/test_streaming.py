import json
from typing import Any

import pytest

from respool.record.redaction import Redactor
from respool.record.streaming import StreamRedactor

KEY = "gsk_" + "aB3dE6gH9jK2" * 4


def event(type_: str, **fields: Any) -> str:
    return json.dumps({"type": f"response.{type_}", **fields})


def delta(text: str, index: int = 0) -> str:
    return event("output_text.delta", output_index=index, delta=text)


def done(index: int = 0) -> str:
    return event("output_item.done", output_index=index)


def test_events_without_deltas_are_given_at_once() -> None:
    stream = StreamRedactor(Redactor())
    for text in (event("created"), ": keep-alive\n\n", "[DONE]", "{", "[1]", '{"type": 1}'):
        assert stream.feed(text) == [text]


def test_an_item_is_held_until_it_is_done_and_a_secret_in_its_deltas_is_gone() -> None:
    stream = StreamRedactor(Redactor())
    assert [stream.feed(text) for text in (delta("is "), delta(KEY[:9]), delta(KEY[9:]))] == [[], [], []]
    given = stream.feed(done())
    assert "".join(json.loads(text).get("delta", "") for text in given) == "is REDACTED-groq-key-1"
    assert given[-1] == done()
    assert stream.finish() == []


@pytest.mark.parametrize(
    ("deltas", "given"),
    [
        (["One", " two", " three"], 2),  # white space ends any secret
        (["One\n", "two"], 1),
        (["It's:", " two", " three"], 2),
        (["One", "two", "three"], 0),
        (["key = abc", " def"], 0),  # a value may have white space
        (["Cookie of a", " b"], 0),
        (["-----BEGIN PRIVATE KEY-----\n", "MII\n", "abc"], 0),
        (['{"a":\n', ' "b"'], 0),
    ],
)
def test_of_a_text_that_goes_on_whole_words_are_given_after_half_a_second(
    deltas: list[str], given: int
) -> None:
    stream = StreamRedactor(Redactor())
    found = [text for one in deltas for text in stream.feed(delta(one), 0.6)]
    assert found == [delta(one) for one in deltas][:given]


def test_of_a_fast_text_many_are_given_together() -> None:
    stream = StreamRedactor(Redactor())
    counts = [len(stream.feed(delta(" word"))) for _ in range(130)]
    assert sum(counts) == 128
    assert max(counts) == 64


def test_what_stands_before_a_secret_is_known_although_it_was_given() -> None:
    stream = StreamRedactor(Redactor())
    words = ["The", " header", " is", " Bearer", f" {KEY[:9]}", KEY[9:], " so"]
    texts = [text for word in words for text in stream.feed(delta(word), 1.0)] + stream.finish()
    assert (
        "".join(json.loads(text)["delta"] for text in texts) == "The header is Bearer REDACTED-groq-key-1 so"
    )


def test_with_rules_of_the_users_own_a_text_is_held_until_it_is_done() -> None:
    stream = StreamRedactor(Redactor(["of a .*"]))
    assert [stream.feed(delta(word), 1.0) for word in (" one", " of a", " name")] == [[], [], []]


def test_of_items_that_come_at_the_same_time_all_are_held() -> None:
    stream = StreamRedactor(Redactor())
    texts = [delta("a", 0), delta("b", 1), done(0), event("in_progress")]
    assert [stream.feed(text) for text in texts] == [[]] * 4
    assert stream.feed(done(1)) == [*texts, done(1)]


def test_the_end_of_the_response_closes_every_item() -> None:
    stream = StreamRedactor(Redactor())
    assert stream.feed(delta("a")) == []
    assert stream.feed(event("failed")) == [delta("a"), event("failed")]


def test_what_a_cut_stream_holds_is_redacted_at_its_end() -> None:
    stream = StreamRedactor(Redactor())
    assert stream.feed(delta(KEY)) == []
    assert stream.finish() == [delta("REDACTED-groq-key-1")]


def test_a_delta_without_an_index_is_held_until_the_end() -> None:
    stream = StreamRedactor(Redactor())
    text = json.dumps({"type": "x.delta", "delta": "a"})
    assert stream.feed(text) == []
    assert stream.finish() == [text]


def arguments(text: str, **fields: Any) -> str:
    return event("function_call_arguments.delta", output_index=0, delta=text, **fields)


def test_of_a_call_nothing_is_given_from_its_first_delta_until_it_is_done() -> None:
    stream = StreamRedactor(Redactor())
    before = [event("created"), event("output_item.added", output_index=0, item={"id": "fc_1"})]
    assert [stream.feed(text, 1.0) for text in before] == [[text] for text in before]
    held = [
        arguments('{"city": "Paris"', item_id="fc_1"),
        delta("A text ", 1),
        arguments("}", item_id="fc_1"),
    ]
    assert [stream.feed(text, 60.0) for text in held] == [[], [], []]
    assert stream.feed(done(1)) == []
    assert stream.feed(done(0)) == [*held, done(1), done(0)]


@pytest.mark.parametrize("agent", [{}, {"agent": {"agent_name": "helper"}}], ids=["", "named"])
def test_an_item_is_held_although_another_response_ends_in_the_same_stream(agent: dict[str, Any]) -> None:
    def added(id_: str, **fields: Any) -> str:
        return event("output_item.added", output_index=0, item={"id": id_}, **fields)

    def closed(id_: str, **fields: Any) -> str:
        return event("output_item.done", output_index=0, item={"id": id_}, **fields)

    stream = StreamRedactor(Redactor())
    texts = [
        event("created"),
        added("fc_1"),
        arguments(f'{{"a": "{KEY[:9]}', item_id="fc_1"),
        event("created", **agent),
        added("fc_2", **agent),
        arguments(f'{{"b": "{KEY[:9]}', item_id="fc_2", **agent),
        arguments(f'{KEY[9:]}"}}', item_id="fc_1"),
        arguments(f'{KEY[9:]}"}}', item_id="fc_2", **agent),
        closed("fc_2", **agent),
        event("completed", **agent),
    ]
    given = [text for text in texts for text in stream.feed(text)]
    assert given == texts[:2]
    rest = stream.feed(closed("fc_1"))
    deltas: dict[str, str] = {}
    for one in map(json.loads, rest):
        if "delta" in one:
            deltas[one["item_id"]] = deltas.get(one["item_id"], "") + one["delta"]
    assert deltas == {"fc_1": '{"a": "REDACTED-groq-key-1"}', "fc_2": '{"b": "REDACTED-groq-key-1"}'}
