import base64
import gzip
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recordings.formats.format_streams import ANSWER, ASKED, SSE, TEXTS, TYPES

from respool.errors import Effect, NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.formats import container, document
from respool.recordings.recording import Recording

OBJECTS = [json.loads(text) for text in TEXTS]
LIST = f"[{','.join(TEXTS)}]"
B64 = base64.b64encode(SSE.encode()).decode()
GZIPPED = base64.b64encode(gzip.compress(SSE.encode(), mtime=0)).decode()


def read(text: str | bytes, notes: list[RecordingError] | None = None) -> tuple[Recording, ...]:
    data = text.encode() if isinstance(text, str) else text
    return formats.read(data, "a", "a.json", (notes if notes is not None else []).append)


def texts(turns: tuple[Recording, ...]) -> list[list[str]]:
    return [[timed.event.text for timed in turn.events] for turn in turns]


def wrapped(template: str) -> str:
    """The events in wrappers: %s is the event's text, %q the same as a JSON string, %t its type."""
    return "\n".join(
        template.replace("%s", text).replace("%q", json.dumps(text)).replace("%t", type_)
        for text, type_ in zip(TEXTS, TYPES, strict=True)
    )


SHAPES = {
    "array": LIST,
    "array, one event a line": "[\n" + ",\n".join(TEXTS) + "\n]\n",
    "array with a BOM": "\ufeff" + LIST,
    "one after the other": " ".join(TEXTS),
    "record separators": "".join(f"\x1e{text}\n" for text in TEXTS),
    "event and data": wrapped('{"event":"%t","data":%s}'),
    "event and data as a string": wrapped('{"event":"%t","data":%q}'),
    "raw response events": wrapped('{"type":"raw_response_event","data":%s}'),
    "typed wrapper": wrapped('{"type":"%t","data":%s}'),
    "deep wrapper": wrapped('{"ts":1,"payload":{"event":{"raw":%s}}}'),
    "wrapper with a message": wrapped('{"level":"info","msg":%q}'),
    "docker's json-file": wrapped('{"log":%q,"stream":"stdout"}'),
    "array of wrappers": "[" + wrapped('{"event":"%t","data":%s}').replace("\n", ",") + "]",
    "strings of JSON": json.dumps(list(TEXTS)),
    "text in an object": json.dumps({"a": {"b": SSE}}),
    "text with CRLF": json.dumps({"a": SSE.replace("\n", "\r\n")}),
    "text with the head of its answer": json.dumps({"a": f"HTTP/1.1 200 OK\r\ncontent-type: x\r\n\r\n{SSE}"}),
    "base64": json.dumps({"body": B64}),
    "base64 of gzip": json.dumps({"body": {"base64_string": GZIPPED}}),
    "chunks": json.dumps({"chunks": [SSE[:50], SSE[50:120], SSE[120:]]}),
    "chunks in objects": json.dumps([{"data": SSE[:50]}, {"data": SSE[50:]}]),
    "chunks in base64": json.dumps(
        {"chunks": [{"b64": base64.b64encode(part.encode()).decode()} for part in (SSE[:50], SSE[50:])]}
    ),
    "lines": json.dumps(SSE.split("\n")),
    "data lines": json.dumps([f"data: {text}" for text in TEXTS]),
    "messages": json.dumps([f"data: {text}\n\n" for text in TEXTS]),
    "messages without their blank lines": json.dumps([f"event: x\ndata: {text}" for text in TEXTS]),
    "events in an object": f'{{"name": "x", "events": {LIST}}}',
    "events as text in an object": json.dumps({"body": LIST}),
    "JSON lines in an object": json.dumps({"body": "\n".join(TEXTS)}),
    "pairs with a time": wrapped("[0.5,%s]").join(("[", "]")).replace("\n", ","),
    "YAML block text": yaml.dump({"body": SSE}, default_style="|"),
    "YAML quoted text": yaml.dump({"response": {"body": {"string": SSE}}}),
    "YAML binary": yaml.dump({"body": SSE.encode()}),
    "YAML binary of gzip": yaml.dump({"body": gzip.compress(SSE.encode(), mtime=0)}),
    "YAML binary as Ruby writes it": f"body:\n  string: !binary |-\n    {B64}\n",
    "YAML list of lines": yaml.dump({"sse": [f"data: {text}" for text in TEXTS]}),
    "YAML with tags": f"--- !ruby/object:Cassette\nbody: !str\n  {json.dumps(SSE)}\n",
    "txtar": f"about\n-- a.txt --\nhello\n-- stream.sse --\n{SSE}",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_a_stream_is_found_in_any_shape_with_its_texts_as_they_stand(text: str) -> None:
    assert texts(read(text)) == [list(TEXTS)]


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_and_it_is_found_whatever_the_file_is_called(text: str) -> None:
    for path in ("a", "a.txt", "a.yaml", *(["a.jsonl"] if "binary" not in text else [])):
        assert texts(formats.read(text.encode(), "a", path)) == [list(TEXTS)], path


def test_a_pretty_printed_event_keeps_its_white_space() -> None:
    pretty = json.dumps(OBJECTS, indent=2)
    [turn] = read(pretty)
    assert all(timed.event.text in pretty for timed in turn.events)
    assert [timed.event.data for timed in turn.events] == OBJECTS


def test_events_that_are_yaml_are_written_as_json() -> None:
    [turn] = read(yaml.dump({"events": OBJECTS}, sort_keys=False))
    assert [timed.event.data for timed in turn.events] == OBJECTS


CASSETTES: dict[str, Any] = {
    "vcrpy": {
        "interactions": [
            {
                "request": {"body": json.dumps(ASKED), "method": "POST", "uri": "https://x/v1/responses"},
                "response": {
                    "status": {"code": 200, "message": "OK"},
                    "headers": {"x-request-id": ["req_1"]},
                    "body": {"string": SSE},
                },
            }
        ],
        "version": 1,
    },
    "vcr for Ruby": {
        "http_interactions": [
            {
                "request": {"method": "post", "body": {"encoding": "UTF-8", "string": json.dumps(ASKED)}},
                "response": {
                    "status": {"code": 200, "message": "OK"},
                    "headers": {"X-Request-Id": ["req_1"]},
                    "body": {"encoding": "UTF-8", "base64_string": B64},
                },
            }
        ],
        "recorded_with": "VCR 6.1.0",
    },
    "php-vcr": [
        {
            "request": {"method": "POST", "url": "https://x/v1/responses", "body": json.dumps(ASKED)},
            "response": {"status": {"code": "200"}, "headers": {"x-request-id": "req_1"}, "body": SSE},
        }
    ],
    "go-vcr": {
        "version": 2,
        "interactions": [
            {
                "id": 0,
                "request": {"body": json.dumps(ASKED), "url": "https://x/v1/responses"},
                "response": {
                    "body": SSE,
                    "headers": {"X-Request-Id": ["req_1"]},
                    "status": "200 OK",
                    "code": 200,
                },
            }
        ],
    },
    "Azure test proxy": {
        "Entries": [
            {
                "RequestUri": "https://x/openai/v1/responses",
                "RequestBody": ASKED,
                "StatusCode": 200,
                "ResponseHeaders": {"x-request-id": "req_1"},
                "ResponseBody": SSE.splitlines(keepends=True),
            }
        ]
    },
    "requests beside responses": {
        "requests": [{"body": json.dumps(ASKED)}],
        "responses": [
            {"status": {"code": 200}, "headers": {"x-request-id": ["req_1"]}, "body": {"string": SSE}}
        ],
    },
    "httpmock": {
        "when": {"path": "/v1/responses", "body": json.dumps(ASKED)},
        "then": {"status": 200, "header": [{"name": "x-request-id", "value": "req_1"}], "body": SSE},
    },
}


@pytest.mark.parametrize("dump", [json.dumps, yaml.dump], ids=["JSON", "YAML"])
@pytest.mark.parametrize("cassette", CASSETTES.values(), ids=CASSETTES)
def test_the_exchanges_of_a_cassette_are_turns_with_what_was_asked(cassette: Any, dump: Any) -> None:
    [turn] = read(dump(cassette))
    assert texts((turn,)) == [list(TEXTS)]
    assert turn.header.request == ASKED
    assert turn.header.headers == {"x-request-id": "req_1"}
    assert turn.header.status == 200


def exchange(answer: Any, **response: Any) -> dict[str, Any]:
    request = {"url": "https://x/v1/responses", "body": ASKED}
    return {"request": request, "response": {"status": 200, "body": answer, **response}}


def test_each_exchange_is_a_turn_and_the_others_are_counted() -> None:
    notes: list[RecordingError] = []
    other = {"request": {"url": "https://x/v1/models"}, "response": {"status": 200, "body": '{"data":[]}'}}
    turns = read(json.dumps({"interactions": [exchange(SSE), other, exchange(SSE), exchange(ANSWER)]}), notes)
    assert texts(turns) == [list(TEXTS), list(TEXTS), []]
    assert turns[2].header.body == ANSWER
    assert [turn.header.fields["pointer"] for turn in turns] == [
        "/interactions/0/response/body",
        "/interactions/2/response/body",
        "/interactions/3/response/body",
    ]
    assert [(note.cause, note.effect) for note in notes] == [
        ("1 of 4 exchanges are none of the Responses API's", Effect.SKIPPED)
    ]


def test_an_error_that_answers_a_request_is_a_turn() -> None:
    error = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    [turn] = read(json.dumps([exchange(json.dumps(error), status=429)]))
    assert (turn.header.status, turn.header.body) == (429, error)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (ANSWER, 200),
        ({"error": {"message": "no", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, 429),
        ({"error": {"message": "no", "type": "invalid_request_error", "param": "model", "code": None}}, 400),
    ],
)
def test_an_answer_saved_by_itself_is_a_recording_without_a_stream(value: Any, status: int) -> None:
    [turn] = read(json.dumps(value, indent=1))
    assert (turn.header.status, turn.header.body, turn.events) == (status, value, ())


def test_what_is_there_twice_in_two_forms_is_one_turn() -> None:
    assert len(read(f'{{"request": {json.dumps(ASKED)}, "raw": {json.dumps(SSE)}, "events": {LIST}}}')) == 1
    assert len(read(json.dumps({"raw": SSE, "lines": SSE.split("\n")}))) == 1
    assert len(read(json.dumps({"request": ASKED, "response": {"body": SSE, "text": SSE}}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"raw": SSE}, {"raw": SSE}]),
        json.dumps({"first": SSE, "second": SSE}),
        json.dumps({"first": exchange(SSE), "second": exchange(SSE)}),
        json.dumps({"request": ASKED, "responses": [{"body": SSE}, {"body": SSE}]}),
        json.dumps({"request": ASKED, "response": {"body": SSE}, "then": exchange(SSE)}),
        f"-- a.sse --\n{SSE}-- b.sse --\n{SSE}",
    ],
)
def test_equal_streams_of_two_exchanges_are_two_turns(text: str) -> None:
    assert texts(read(text)) == [list(TEXTS)] * 2


def test_the_time_of_each_chunk_is_that_of_the_events_that_end_in_it() -> None:
    ends = [place + 2 for place in range(len(SSE)) if SSE.startswith("\n\n", place)]
    chunks = [SSE[: ends[0] + 5], SSE[ends[0] + 5 : ends[1]], SSE[ends[1] :]]
    [turn] = read(json.dumps({"chunks": chunks, "chunkTimings": [100, 20, 5]}))
    assert [timed.gap for timed in turn.events] == [0.1, 0.02, 0.005]


@pytest.mark.parametrize(
    ("times", "gaps"),
    [
        (
            ["2026-02-03T08:00:00.000Z", "2026-02-03T08:00:00.250Z", "2026-02-03T08:00:01Z"],
            [None, 0.25, 0.75],
        ),
        ([1770105600.5, 1770105600.75, 1770105601.0], [None, 0.25, 0.25]),
        ([1770105600500, 1770105600750, 1770105601000], [None, 0.25, 0.25]),
        ([0.5, 0.75, 1.0], [0.5, 0.25, 0.25]),
        ([500, 750, 1000], [None, None, None]),
        (["x", None, {}], [None, None, None]),
    ],
)
def test_times_of_wrappers_are_kept_where_their_unit_is_clear(times: list[Any], gaps: list[Any]) -> None:
    lines = [
        f'{{"timestamp":{json.dumps(at)},"event":{text}}}' for at, text in zip(times, TEXTS, strict=True)
    ]
    [turn] = read("\n".join(lines))
    assert [timed.gap for timed in turn.events] == gaps


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"session.created","event_id":"e1"}\n{"type":"response.created","event_id":"e2","response":{}}\n',
        json.dumps({"expected": "response.created"}),
        json.dumps([{"type": "response.created"}] + [{"kind": "other"}] * 5),
        json.dumps({"type": "object", "properties": {"object": {"const": "response"}}}),
        json.dumps(
            {
                "chunks": ['data: {"object":"chat.completion.chunk"}\n\n', "data: [DONE]\n\n"],
                "u": "/responses",
            }
        ),
        json.dumps({"text": f"Like this:\n```\n{SSE}```\n"}),
        json.dumps({"request": {"input": SSE}, "response": {"body": "none"}}),
        "paths:\n  /responses:\n    post: {}\n",
    ],
)
def test_what_is_no_stream_of_the_api_is_never_made_one(text: str) -> None:
    with pytest.raises(NotARecording):
        read(text)


def test_an_alias_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_NODES", 10_000)
    levels = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises(RecordingError, match="more than 10000 values, by aliases or by size"):
        read(f"a0: &a0 [response.created]\n{levels}")


def test_merge_keys_are_not_followed() -> None:
    assert texts(read(f"a: &a {{body: {json.dumps(SSE)}}}\nb:\n  <<: *a\n  c: 1\n")) == [list(TEXTS)] * 2


def test_a_document_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_DOCUMENT", 10)
    with pytest.raises(
        RecordingError, match=f"a document of {len(LIST.encode())} bytes, expected at most 10"
    ):
        read(LIST)


def test_a_document_without_a_mark_of_the_api_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "parse_json", None)
    assert formats.sniff(b"[" + b"[]," * 1000 + b"[]]", "data.json") is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([SSE, B64, *TEXTS]),
    lambda inner: (
        st.lists(inner | st.sampled_from(OBJECTS), max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["request", "response", "body", "data", "event", "status", "type", "chunks", "time"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(_VALUES)
def test_any_document_is_a_recording_or_a_recording_error(value: Any) -> None:
    for text in (json.dumps(value), yaml.dump(value)):
        try:
            turns = read(text)
        except RecordingError:
            continue
        assert all(turn.events or turn.header.body is not None for turn in turns)
        assert all(timed.event.data in OBJECTS for turn in turns for timed in turn.events)
