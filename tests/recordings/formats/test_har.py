import base64
import json
from typing import Any

import pytest
from tests.recordings.formats.format_streams import ANSWER, ASKED, SSE, TEXTS, TYPES

from respool.errors import NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.recording import Recording

MESSAGES = [
    {"time": 1770105600.5 + place / 4, "eventName": type_, "eventId": "", "data": text}
    for place, (type_, text) in enumerate(zip(TYPES, TEXTS, strict=True))
]


def entry(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "startedDateTime": "2026-02-03T08:00:00.000Z",
        "request": {
            "method": "POST",
            "url": "https://x/v1/responses",
            "postData": {"text": json.dumps(ASKED)},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "X-Request-Id", "value": "req_1"}],
            "content": {"mimeType": "text/event-stream", **content},
        },
        **more,
    }


def read(*entries: dict[str, Any], notes: list[RecordingError] | None = None) -> tuple[Recording, ...]:
    data = json.dumps({"log": {"version": "1.2", "entries": entries}}, indent=1).encode()
    return formats.read(data, "a", "a.har", (notes if notes is not None else []).append)


@pytest.mark.parametrize(
    ("one", "gaps"),
    [
        (entry({"text": SSE}), [None] * 3),
        (entry({"text": base64.b64encode(SSE.encode()).decode(), "encoding": "base64"}), [None] * 3),
        (entry({"text": SSE}, _eventSourceMessages=MESSAGES), [0.5, 0.25, 0.25]),
        (entry({}, _eventSourceMessages=MESSAGES), [0.5, 0.25, 0.25]),
        (entry({"text": SSE}, _eventSourceMessages=MESSAGES[1:2]), [None] * 3),
    ],
    ids=["text", "base64", "text and messages", "messages alone", "some of the messages"],
)
def test_an_entry_is_a_turn_with_what_was_asked_and_the_times_that_it_has(
    one: dict[str, Any], gaps: list[float | None]
) -> None:
    [turn] = read(one)
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.header.request == ASKED
    assert turn.header.headers == {"x-request-id": "req_1"}
    assert [timed.gap for timed in turn.events] == gaps


def test_entries_of_others_are_counted_and_plain_answers_are_turns() -> None:
    notes: list[RecordingError] = []
    page = {"request": {"url": "https://x/"}, "response": {"status": 200, "content": {"text": "<html>"}}}
    first, second = read(page, entry({"text": SSE}), entry({"text": json.dumps(ANSWER)}), notes=notes)
    assert len(first.events) == 3
    assert second.header.body == ANSWER
    assert [note.cause for note in notes] == ["1 of 3 entries are none of the Responses API's"]


def test_a_har_of_other_pages_is_no_recording() -> None:
    with pytest.raises(NotARecording, match="a HAR"):
        read({"request": {"url": "https://x/"}, "response": {"content": {"text": "response."}}})


def test_the_frames_of_a_socket_are_read_with_their_times() -> None:
    create = json.dumps({"type": "response.create", **ASKED})
    frames = [{"type": "send", "time": 1770105600.0, "opcode": 1, "data": create}]
    frames += [
        {"type": "receive", "time": 1770105600.5 + place / 4, "opcode": 1, "data": text}
        for place, text in enumerate(TEXTS)
    ]
    one = entry({}, _webSocketMessages=frames)
    one["request"] = {"method": "GET", "url": "wss://x/v1/responses"}
    one["response"]["status"] = 101
    (turn,) = read(one)
    assert [(timed.gap, timed.event.text) for timed in turn.events] == list(
        zip((0.5, 0.25, 0.25), TEXTS, strict=True)
    )
    assert (turn.header.request, turn.header.status, turn.header.headers) == (ASKED, 200, {})
