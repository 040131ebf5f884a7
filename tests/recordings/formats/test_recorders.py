"""Formats of recorders that have a module of their own: the same exchange in each."""

import base64
import gzip
import json
import zlib
from typing import Any

import brotli
import pytest
import yaml
import zstandard
from tests.recordings.formats.format_streams import ANSWER, ASKED, SSE, TEXTS

from respool.errors import NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.recording import Recording

ACCENTED = SSE.replace("h\\u00e9", "hé")
URL = "https://x/v1/responses"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def llmcap(body: bytes, *cuts: int) -> bytes:
    parts = [body[start:end] for start, end in zip((0, *cuts), (*cuts, len(body)), strict=True)]
    records = [
        {"kind": "capture", "schema": "mock-openai-api.capture", "schemaVersion": 1, "upstreamUrl": URL},
        {"kind": "request.body_chunk", "seq": 0, "atUs": 100, "bytesBase64": b64(json.dumps(ASKED).encode())},
        {"kind": "response.head", "atUs": 1000, "status": 200, "rawHeaders": [["X-Request-Id", "req_1"]]},
        *(
            {"kind": "response.body_chunk", "seq": seq, "atUs": 500_000 * (seq + 1), "bytesBase64": b64(part)}
            for seq, part in enumerate(parts)
        ),
        {"kind": "response.end", "atUs": 9_000_000},
    ]
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def httprr(body: bytes, *, chunked: bool = False) -> bytes:
    request_body = json.dumps(ASKED).encode()
    request = b"POST %s HTTP/1.1\r\nHost: x\r\n\r\n" % URL.encode() + request_body
    head = b"HTTP/2.0 200 OK\r\nX-Request-Id: req_1\r\n"
    if chunked:
        head += b"Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (50, body[:50], len(body) - 50, body[50:])
    answer = head + b"\r\n" + body
    return b"httprr trace v1\n%d %d\n" % (len(request), len(answer)) + request + answer


def tnet(value: Any) -> bytes:
    """A tnetstring, as mitmproxy writes it."""
    match value:
        case None:
            data, kind = b"", b"~"
        case bool():
            data, kind = str(value).lower().encode(), b"!"
        case int():
            data, kind = str(value).encode(), b"#"
        case float():
            data, kind = repr(value).encode(), b"^"
        case bytes():
            data, kind = value, b","
        case str():
            data, kind = value.encode(), b";"
        case list():
            data, kind = b"".join(map(tnet, value)), b"]"
        case _:
            data, kind = b"".join(tnet(key) + tnet(inner) for key, inner in value.items()), b"}"
    return b"%d:%b%b" % (len(data), data, kind)


def flow(body: bytes, **more: Any) -> bytes:
    headers = [[b"X-Request-Id", b"req_1"], [b"content-type", b"text/event-stream"]]
    response = {"status_code": 200, "headers": headers, "content": body, "timestamp_start": 1.5}
    request = {"method": b"POST", "path": b"/v1/responses", "content": json.dumps(ASKED).encode()}
    return tnet({"version": 21, "type": "http", "response": response, "request": request, **more})


WRITTEN = {
    "llmcap": llmcap(SSE.encode(), 50, 200),
    "httprr": httprr(SSE.encode()),
    "httprr, chunked": httprr(SSE.encode(), chunked=True),
    "mitmproxy": flow(SSE.encode()),
}


def read(data: bytes, path: str = "a.bin") -> tuple[Recording, ...]:
    return formats.read(data, "a", path)


@pytest.mark.parametrize("path", ["a", "a.jsonl", "a.llmcap.jsonl", "a.flow"])
@pytest.mark.parametrize("data", WRITTEN.values(), ids=WRITTEN)
def test_an_exchange_is_a_turn_with_what_was_asked(data: bytes, path: str) -> None:
    assert formats.worth_reading(data[:65536], path)
    [turn] = read(data, path)
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.header.request == ASKED
    assert turn.header.headers["x-request-id"] == "req_1"


def test_a_capture_has_the_times_of_its_chunks_and_characters_that_were_cut() -> None:
    body = ACCENTED.encode()
    [turn] = read(llmcap(body, body.index(b"\xc3\xa9") + 1))
    assert [timed.gap for timed in turn.events] == [0.5, 0.5, 0.0]
    assert turn.events[1].event.data["delta"] == "hé"


@pytest.mark.parametrize("write", [llmcap, httprr, flow])
def test_an_answer_that_is_no_stream_is_a_turn(write: Any) -> None:
    [turn] = read(write(json.dumps(ANSWER).encode()))
    assert (turn.header.body, turn.header.request) == (ANSWER, ASKED)


@pytest.mark.parametrize("write", [llmcap, httprr, flow])
def test_an_exchange_of_another_api_is_no_recording(write: Any) -> None:
    with pytest.raises(NotARecording):
        read(write(b'data: {"object":"chat.completion.chunk"}\n\n'), "a.bin")


@pytest.mark.parametrize("data", WRITTEN.values(), ids=WRITTEN)
def test_one_that_was_cut_is_refused_or_read_as_far_as_it_goes(data: bytes) -> None:
    for end in range(0, len(data), 97):
        try:
            turns = read(data[:end])
        except RecordingError:
            continue
        assert list(TEXTS)[: len(turns[0].events)] == [timed.event.text for timed in turns[0].events]


FRAMES = [
    ("client", json.dumps({"type": "response.create", **ASKED})),
    *(("server", text) for text in TEXTS),
    ("client", json.dumps({"type": "response.create", **ASKED, "input": "again"})),
    *(("server", text) for text in TEXTS),
]
SOCKETS = {
    "opencode": json.dumps(
        {
            "interactions": [
                {
                    "transport": "websocket",
                    "open": {"url": "wss://x/v1/responses"},
                    "frames": [
                        {"direction": side, "kind": "text", "body": text, "timestamp": at + 1.5}
                        for at, (side, text) in enumerate(FRAMES)
                    ],
                }
            ]
        }
    ).encode(),
    "messages": json.dumps({"messages": [{"type": "message", "data": text} for _, text in FRAMES]}).encode(),
    "objects": json.dumps([{"dir": side, "payload": json.loads(text)} for side, text in FRAMES]).encode(),
    "lines": "".join(f'{{"from":"{side}","frame":{text}}}\n' for side, text in FRAMES).encode(),
    "mitmproxy": flow(
        b"", websocket={"messages": [[1, side == "client", text.encode(), 1.0] for side, text in FRAMES]}
    ),
}


@pytest.mark.parametrize("data", SOCKETS.values(), ids=SOCKETS)
def test_the_frames_of_a_socket_are_turns_with_what_the_client_asked(data: bytes) -> None:
    first, second = read(data, "a.json")
    for turn, text in ((first, "hi"), (second, "again")):
        assert [timed.event.data for timed in turn.events] == list(map(json.loads, TEXTS))
        assert turn.header.request == {**ASKED, "input": text}


BODIES = {
    "numbers": list(SSE.encode()),
    "a Buffer of Node": {"type": "Buffer", "data": list(SSE.encode())},
    "chunks of numbers": [list(SSE[:50].encode()), list(SSE[50:].encode())],
    "Buffers of Node": [{"type": "Buffer", "data": list(part.encode())} for part in (SSE[:50], SSE[50:])],
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_may_be_numbers(body: Any) -> None:
    request = {"url": URL, "body": list(json.dumps(ASKED).encode())}
    [turn] = read(json.dumps({"request": request, "response": {"body": body}}).encode())
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.header.request == ASKED


@pytest.mark.parametrize(("coding", "order"), [("utf-16-le", "little endian"), ("utf-16-be", "big endian")])
@pytest.mark.parametrize("path", ["a.sse", "a.jsonl", "a.txt"])
def test_utf_16_without_a_byte_order_mark_is_named(coding: str, order: str, path: str) -> None:
    with pytest.raises(NotARecording, match=rf"UTF-16 \({order}\) without a byte order mark"):
        read(SSE.encode(coding), path)


def coded(coding: str, data: bytes) -> bytes:
    """A body as it is on the wire."""
    match coding:
        case "br":
            return bytes(brotli.compress(data))
        case "zstd":
            return zstandard.compress(data)
        case "deflate":
            return zlib.compress(data)
    return gzip.compress(data)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip", "deflate"])
def test_the_bodies_of_a_flow_may_be_coded(coding: str) -> None:
    header = [[b"Content-Encoding", coding.encode()]]
    response = {"status_code": 200, "headers": header, "content": coded(coding, SSE.encode())}
    body = coded(coding, json.dumps(ASKED).encode())
    request = {"method": b"POST", "path": b"/v1/responses", "headers": header, "content": body}
    [turn] = read(tnet({"version": 21, "type": "http", "response": response, "request": request}))
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.header.request == ASKED


@pytest.mark.parametrize(
    "headers", [{"content-encoding": ["{}"]}, [{"name": "Content-Encoding", "value": "{}"}]]
)
@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_the_body_of_a_cassette_may_be_coded(coding: str, headers: Any) -> None:
    headers = json.loads(json.dumps(headers).replace("{}", coding))
    body = base64.b64encode(coded(coding, SSE.encode())).decode()
    interaction = {
        "request": {"method": "POST", "body": json.dumps(ASKED)},
        "response": {"status": {"code": 200}, "headers": headers, "body": {"base64_string": body}},
    }
    [turn] = read(json.dumps({"interactions": [interaction]}).encode(), "a.json")
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.header.request == ASKED


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_damaged_body_is_no_exchange(coding: str) -> None:
    response = {
        "status_code": 200,
        "headers": [[b"content-encoding", coding.encode()]],
        "content": coded(coding, SSE.encode())[:-9],
    }
    with pytest.raises(RecordingError):
        read(tnet({"version": 21, "type": "http", "response": response, "request": {}}))


# A body of cassetter is of a type; in TOML, which has no null, its JSON is a text.
_CASSETTER = (
    ("text", SSE),
    ("json", ANSWER),
    ("binary", SSE.encode().hex()),
)


def cassetter_yaml() -> str:
    def interaction(kind: str, content: Any) -> dict[str, Any]:
        return {
            "request": {
                "method": "POST",
                "uri": URL,
                "headers": {"content-type": ["application/json"]},
                "body": {"type": "json", "content": ASKED},
            },
            "response": {
                "status": 200,
                "headers": {"x-request-id": ["req_1"]},
                "body": {"type": kind, "content": content},
            },
            "recorded_at": "2026-11-01T10:00:00Z",
        }

    found = [interaction(*one) for one in _CASSETTER]
    return yaml.safe_dump({"version": 1, "interactions": found}, sort_keys=False)


def cassetter_toml() -> str:
    def text(value: Any) -> str:
        return json.dumps(value if isinstance(value, str) else json.dumps(value))

    parts = [
        f"""
[[interactions]]
recorded_at = "2026-11-01T10:00:00Z"

[interactions.request]
method = "POST"
uri = "{URL}"
body_type = "json"
body_content = {text(ASKED)}

[interactions.response]
status = 200
body_type = "{kind}"
body_content = {text(content)}

[interactions.response.headers]
x-request-id = ["req_1"]
"""
        for kind, content in _CASSETTER
    ]
    return "version = 1\n" + "".join(parts)


@pytest.mark.parametrize("cassette", [cassetter_yaml(), cassetter_toml()], ids=["YAML", "TOML"])
def test_a_cassette_of_cassetter(cassette: str) -> None:
    streamed, whole, binary = formats.read(cassette.encode(), "a", "a.cassette")
    assert [timed.event.text for timed in streamed.events] == [*TEXTS]
    assert [timed.event.text for timed in binary.events] == [*TEXTS]
    assert whole.header.body == ANSWER
    for turn in (streamed, whole, binary):
        assert turn.header.request == ASKED
        assert turn.header.headers == {"x-request-id": "req_1"}
        assert turn.header.fields["recorded"] == "2026-11-01T10:00:00Z"


def test_toml_that_is_damaged_is_refused_with_its_place() -> None:
    with pytest.raises(RecordingError, match=r"not TOML that can be read: .*line 4"):
        formats.read(b'a = 1\n[[b]]\nc = "response.created"\nd = \n', "a", "a.toml")
