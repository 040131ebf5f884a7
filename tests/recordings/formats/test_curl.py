import pytest
from tests.recordings.formats.format_streams import SSE, TEXTS

from respool.errors import Effect, NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.recording import Recording

HEAD = "HTTP/2 200 \r\ncontent-type: text/event-stream\r\nx-request-id: req_1\r\nset-cookie: a=b\r\n\r\n"
ERROR = '{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}'
VERBOSE = (
    "*   Trying 127.0.0.1:8080...\n> POST /v1/responses HTTP/1.1\n> Host: a\n>\n} [16 bytes data]\n"
    "< HTTP/1.1 200 OK\n< x-request-id: req_1\n< Content-Type: text/event-stream\n<\n{ [5 bytes data]\n"
)


def read(text: str, notes: list[RecordingError] | None = None) -> tuple[Recording, ...]:
    return formats.read(text.encode(), "a", "a.txt", (notes if notes is not None else []).append)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + SSE,
        "$ curl -i https://x/v1/responses\n" + HEAD + SSE,
        "HTTP/1.1 100 Continue\r\n\r\n" + HEAD + SSE,
        "HTTP/1.1 200 Connection established\r\n\r\n" + HEAD + SSE,
        VERBOSE + SSE + "* Connection #0 to host a left intact\n",
    ],
    ids=["-i", "with the command", "interim", "proxy", "-v"],
)
def test_the_head_is_that_of_the_recording_and_the_rest_its_stream(text: str) -> None:
    [turn] = read(text)
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.header.status == 200
    assert turn.header.headers == {"content-type": "text/event-stream", "x-request-id": "req_1"}
    lines = text.replace("\r\n", "\n").split("\n")
    assert all(timed.event.text in lines[(timed.line or 0) - 1] for timed in turn.events)


def test_an_error_and_a_stream_after_it_are_two_turns() -> None:
    first, second = read(f"HTTP/1.1 429 Too Many Requests\nretry-after: 1\n\n{ERROR}\n{HEAD}{SSE}")
    assert (first.header.status, first.header.headers["retry-after"], first.events) == (429, "1", ())
    assert first.header.body["error"]["message"] == "slow down"
    assert len(second.events) == 3


def test_answers_of_others_are_passed_over_and_said() -> None:
    notes: list[RecordingError] = []
    [turn] = read(f"HTTP/1.1 200 OK\n\n<html>\n{HEAD}{SSE}", notes)
    assert len(turn.events) == 3
    assert [(note.line, note.effect) for note in notes] == [(1, Effect.SKIPPED)]


def test_what_curl_printed_without_an_answer_of_the_api_is_no_recording() -> None:
    with pytest.raises(NotARecording, match="without an answer of the Responses API"):
        read("HTTP/1.1 200 OK\ncontent-type: text/html\n\n<html></html>\n")


PROGRESS = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed\n"
    "100   512    0   512    0     0    401      0 --:--:--  0:00:01 --:--:--   401\n"
)


@pytest.mark.parametrize("printed", [PROGRESS, "$ curl -N https://api.openai.com/v1/responses -d @a.json\n"])
def test_what_curl_prints_before_an_answer_without_head_is_not_played(printed: str) -> None:
    notes: list[RecordingError] = []
    (turn,) = read(printed + SSE, notes)
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert (turn.captured, notes) == (None, [])


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("rest", [0, 30], ids=["whole", "cut"])
def test_the_sizes_of_chunks_are_taken_off(end: str, rest: int) -> None:
    stream = SSE.replace("h\\u00e9", "hé").encode()
    parts = [stream[:70], stream[70:200], stream[200:]]
    body = b"".join(b"%x%b%b%b" % (len(one), end.encode(), one, end.encode()) for one in parts)
    body += b"0" + 2 * end.encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head.encode() + (body[: -rest - 10] if rest else body)
    (turn,) = formats.read(data, "a", "a.txt", lambda damage: None)
    assert [timed.event.type for timed in turn.events][:2] == [
        "response.created",
        "response.output_text.delta",
    ]
    assert len(turn.events) == (2 if rest else 3)
