"""Shapes in which people keep streams in public repositories, one small sample each.

All is data: source code is passed over.
"""

import base64
import json
from typing import Any

import pytest
from tests.recordings.formats.format_streams import ANSWER, ASKED, SSE, TEXTS, TYPES

from respool.errors import NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.recording import Recording

OBJ = [json.loads(text) for text in TEXTS]
B64 = base64.b64encode(SSE.encode()).decode()
U = "https://api.openai.com/v1/responses"


def w(template: str) -> str:
    """A line for each event: %s is its text, %q the same as a JSON string, %t its type."""
    return "\n".join(
        template.replace("%s", text).replace("%q", json.dumps(text)).replace("%t", type_)
        for text, type_ in zip(TEXTS, TYPES, strict=True)
    )


def read(text: str, path: str = "a.txt") -> tuple[Recording, ...]:
    return formats.read(text.encode(), "a", path, lambda damage: None)


SHAPES = {
    "data only crlf": "".join(f"data: {t}\r\n\r\n" for t in TEXTS),
    "ndjson chunk": w('{"chunk":%s}'),
    "ndjson raw str": w('{"raw":%q}'),
    "ndjson line sse": "\n".join(json.dumps({"line": f"data: {t}"}) for t in TEXTS),
    "ndjson chunk sse frag": "\n".join(
        json.dumps({"chunk": SSE[i : i + 37]}) for i in range(0, len(SSE), 37)
    ),
    "b64 yaml block": "body: |\n" + "".join("  " + B64[i : i + 60] + "\n" for i in range(0, len(B64), 60)),
    "b64 yaml folded": "body: >-\n" + "".join("  " + B64[i : i + 60] + "\n" for i in range(0, len(B64), 60)),
    "postman": json.dumps(
        {
            "info": {"schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
            "item": [
                {
                    "name": "x",
                    "request": {"method": "POST", "url": {"raw": U}},
                    "response": [
                        {
                            "name": "ok",
                            "originalRequest": {
                                "method": "POST",
                                "body": {"mode": "raw", "raw": json.dumps(ASKED)},
                                "url": {"raw": U},
                            },
                            "status": "OK",
                            "code": 200,
                            "header": [{"key": "X-Request-Id", "value": "req_1"}],
                            "body": SSE,
                        }
                    ],
                }
            ],
        }
    ),
    "insomnia": json.dumps(
        {
            "_type": "export",
            "resources": [
                {
                    "_id": "res_1",
                    "_type": "response",
                    "statusCode": 200,
                    "headers": [{"name": "x-request-id", "value": "req_1"}],
                    "body": SSE,
                }
            ],
        }
    ),
    "wiremock": json.dumps(
        {
            "mappings": [
                {
                    "request": {
                        "urlPath": "/v1/responses",
                        "method": "POST",
                        "bodyPatterns": [{"equalToJson": json.dumps(ASKED)}],
                    },
                    "response": {"status": 200, "body": SSE, "headers": {"X-Request-Id": "req_1"}},
                }
            ]
        }
    ),
    "wiremock b64": json.dumps(
        {"request": {"urlPath": "/v1/responses"}, "response": {"status": 200, "base64Body": B64}}
    ),
    "nock": json.dumps(
        [
            {
                "scope": "https://api.openai.com:443",
                "method": "POST",
                "path": "/v1/responses",
                "body": ASKED,
                "status": 200,
                "response": SSE.split("\n"),
                "rawHeaders": ["X-Request-Id", "req_1"],
            }
        ]
    ),
    "nock str": json.dumps(
        [
            {
                "scope": "https://api.openai.com:443",
                "method": "POST",
                "path": "/v1/responses",
                "body": ASKED,
                "status": 200,
                "response": SSE,
                "rawHeaders": ["X-Request-Id", "req_1"],
            }
        ]
    ),
    "nock hex": json.dumps(
        [
            {
                "scope": "https://api.openai.com:443",
                "method": "POST",
                "path": "/v1/responses",
                "body": ASKED,
                "status": 200,
                "response": [SSE.encode().hex()],
                "rawHeaders": ["X-Request-Id", "req_1"],
            }
        ]
    ),
    "polly": json.dumps(
        {
            "log": {
                "_recordingName": "x",
                "creator": {"name": "Polly.JS"},
                "entries": [
                    {
                        "request": {"url": U, "postData": {"text": json.dumps(ASKED)}},
                        "response": {
                            "status": 200,
                            "content": {"mimeType": "text/event-stream", "text": SSE},
                        },
                    }
                ],
            }
        }
    ),
    "mountebank": json.dumps(
        {
            "imposters": [
                {
                    "port": 1,
                    "protocol": "http",
                    "stubs": [
                        {
                            "predicates": [{"deepEquals": {"path": "/v1/responses"}}],
                            "responses": [
                                {"is": {"statusCode": 200, "headers": {"X-Request-Id": "req_1"}, "body": SSE}}
                            ],
                        }
                    ],
                }
            ]
        }
    ),
    "hoverfly": json.dumps(
        {
            "data": {
                "pairs": [
                    {
                        "request": {
                            "path": [{"matcher": "exact", "value": "/v1/responses"}],
                            "body": [{"matcher": "json", "value": json.dumps(ASKED)}],
                        },
                        "response": {
                            "status": 200,
                            "body": SSE,
                            "encodedBody": False,
                            "headers": {"X-Request-Id": ["req_1"]},
                        },
                    }
                ]
            }
        }
    ),
    "hoverfly enc": json.dumps(
        {
            "data": {
                "pairs": [
                    {
                        "request": {"path": [{"matcher": "exact", "value": "/v1/responses"}]},
                        "response": {"status": 200, "body": B64, "encodedBody": True},
                    }
                ]
            }
        }
    ),
    "msw": json.dumps({"handlers": [{"method": "post", "url": U, "response": {"status": 200, "body": SSE}}]}),
    "otel": json.dumps(
        {
            "resourceSpans": [
                {
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "name": "x",
                                    "attributes": [
                                        {"key": "http.response.body", "value": {"stringValue": SSE}}
                                    ],
                                }
                            ]
                        }
                    ]
                }
            ]
        }
    ),
    "otel events": json.dumps(
        {
            "resourceSpans": [
                {
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "name": "x",
                                    "events": [
                                        {
                                            "timeUnixNano": "1770105600500000000",
                                            "name": "chunk",
                                            "attributes": [{"key": "data", "value": {"stringValue": t}}],
                                        }
                                        for t in TEXTS
                                    ],
                                }
                            ]
                        }
                    ]
                }
            ]
        }
    ),
    "langsmith": json.dumps({"id": "x", "inputs": ASKED, "outputs": {"chunks": OBJ}, "run_type": "llm"}),
    "braintrust": json.dumps(
        {
            "events": [
                {"span_attributes": {"type": "llm"}, "input": "hi", "output": OBJ, "metadata": {"model": "x"}}
            ]
        }
    ),
    "csv": "ts,data\n" + "".join('1,"' + t.replace('"', '""') + '"\n' for t in TEXTS),
    "dict by number": json.dumps({str(i): o for i, o in enumerate(OBJ)}),
    "events by type": json.dumps({o["type"]: o for o in OBJ}),
    "sqlite dump-like row": json.dumps({"rows": [[1, t] for t in TEXTS]}),
    "any wrapper": w('{"ts":1,"sdkEvent":%s}'),
    "any wrapper2": w('{"a":{"b":%s}}'),
    "langfuse": json.dumps({"type": "GENERATION", "input": ASKED, "output": json.dumps(OBJ)}),
    "helicone": json.dumps({"request_body": ASKED, "response_body": {"streamed_data": OBJ}}),
    "portkey": json.dumps(
        {"request": {"body": ASKED}, "response": {"body": {"chunks": [{"data": o} for o in OBJ]}}}
    ),
    "litellm": w('{"request_id":"a","chunk":%s,"timestamp":"2026-02-03T08:00:00.000Z"}'),
    "logfire": json.dumps({"attributes": {"events": json.dumps(OBJ)}}),
    "trailing comma": "[" + ",\n".join(TEXTS) + ",\n]\n",
}
WITH_REQUEST = [
    "postman",
    "wiremock",
    "nock",
    "nock str",
    "nock hex",
    "polly",
    "hoverfly",
    "langsmith",
    "langfuse",
]
WITH_HEADERS = ["postman", "wiremock", "nock", "mountebank", "hoverfly", "insomnia"]


@pytest.mark.parametrize("path", ["a.txt", "a.json"])
@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_the_stream_is_one_turn_with_all_its_events(text: str, path: str) -> None:
    [turn] = read(text, path)
    assert [timed.event.data for timed in turn.events] == OBJ


@pytest.mark.parametrize("shape", WITH_REQUEST)
def test_what_was_asked_is_known(shape: str) -> None:
    assert read(SHAPES[shape])[0].header.request == ASKED


@pytest.mark.parametrize("shape", WITH_HEADERS)
def test_headers_are_known(shape: str) -> None:
    assert read(SHAPES[shape])[0].header.headers["x-request-id"] == "req_1"


@pytest.mark.parametrize(
    "value",
    [
        {"request": {"urlPath": "/v1/responses"}, "response": {"status": 200, "jsonBody": ANSWER}},
        [{"id": "x", "run_type": "llm", "inputs": ASKED, "outputs": ANSWER}],
        {"spans": [{"output": {"message": ANSWER}}]},
    ],
)
def test_an_answer_without_stream_is_found_in_traces_too(value: Any) -> None:
    assert [turn.header.body for turn in read(json.dumps(value))] == [ANSWER]


def test_a_list_of_answers_is_as_many_turns() -> None:
    assert len(read(json.dumps({"responses": [{"status": 200, "body": SSE}] * 2}))) == 2


@pytest.mark.parametrize(
    "text",
    [
        f"export const chunks = {json.dumps(list(TEXTS))};\n",
        "def test_it():\n    send(\n" + "".join(f"        {text!r},\n" for text in TEXTS) + "    )\n",
        f"# A page\n\n```\n{SSE}```\n",
        json.dumps({"openapi": "3.1.0", "paths": {"/responses": {"x": [{"value": ANSWER}]}}}),
    ],
)
def test_source_code_pages_and_descriptions_are_passed_over(text: str) -> None:
    assert not formats.worth_reading(text.encode()) or formats.sniff(text.encode()) in (None, "document")
    with pytest.raises(NotARecording):
        read(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (json.dumps(list(map(list, zip(TYPES, map(json.loads, TEXTS), strict=True)))), "a.json"),
        (json.dumps(list(map(list, zip(TYPES, TEXTS, strict=True)))), "a.json"),
        (json.dumps({"body": json.dumps(SSE)}), "a.json"),
        (f"the first test\n-- request.json --\n{json.dumps(ASKED)}\n-- response.sse --\n{SSE}", "a.txtar"),
    ],
    ids=["names and events", "names and texts", "a text in a text", "txtar"],
)
def test_further_shapes_are_one_turn_without_anything_beside(text: str, path: str) -> None:
    notes: list[RecordingError] = []
    (turn,) = formats.read(text.encode(), "a", path, notes.append)
    assert [timed.event.data for timed in turn.events] == [json.loads(one) for one in TEXTS]
    assert (turn.captured, notes) == (None, [])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "ResponseCreatedEvent(response=None, type='response.created')\n",
            "as Python prints them",
        ),
        ("{'type': 'response.created', 'response': {'id': 'r'}}\n", "as Python prints them"),
        ("{\n  type: 'response.created',\n  sequence_number: 0\n}\n", "as Node's console prints them"),
    ],
)
def test_events_that_are_no_json_are_refused_by_what_they_are(text: str, name: str) -> None:
    with pytest.raises(RecordingError, match=name):
        read(text)
