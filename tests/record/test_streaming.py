import json
from typing import Any

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
