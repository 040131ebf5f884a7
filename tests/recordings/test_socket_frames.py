"""What other tools record of sockets."""

import json
from typing import Any

import pytest
import yaml

from respool.errors import RecordingError
from respool.recordings import formats

ASKED = {"type": "response.create", "model": "m", "input": "Hi"}
TEXTS = [
    '{"type": "response.created",  "response":{"id":"r","output":[]}, "sequence_number":0}',
    '{"type":"response.output_text.delta","delta":"\\u00e9","sequence_number":1}',
    '{"type":"response.completed","response":{"id":"r","output":[]},"sequence_number":2}',
]


def opencode(turns: int) -> dict[str, Any]:
    """A recording of opencode's http-recorder."""
    frames = [("client", json.dumps(ASKED)), *(("server", text) for text in TEXTS)] * turns
    connection = {
        "sequence": 0,
        "url": "wss://api.openai.com/v1/responses",
        "protocols": [],
        "close": {"code": 1000, "reason": ""},
    }
    events = [{"direction": who, "kind": "text", "body": text} for who, text in frames]
    return {
        "version": 1,
        "interactions": [{"transport": "websocket", "connection": connection, "events": events}],
    }


def older_opencode(turns: int) -> dict[str, Any]:
    """A recording of its first versions, which keeps the frames by their senders."""
    client = [{"kind": "text", "body": json.dumps(ASKED)}] * turns
    server = [{"kind": "text", "body": text} for text in TEXTS] * turns
    opened = {"url": "wss://api.openai.com/v1/responses", "headers": {"content-type": "application/json"}}
    one = {"transport": "websocket", "open": opened, "client": client, "server": server}
    return {"version": 1, "metadata": {"name": "a"}, "interactions": [one]}


def cassetter(turns: int, *, as_text: bool = True) -> dict[str, Any]:
    """A cassette of cassetter, which parses what is JSON. The last frame is the close."""
    frames: list[tuple[str, str]] = [("send", json.dumps(ASKED)), *(("recv", text) for text in TEXTS)] * turns
    bodies = [
        {"type": "text", "content": text} if as_text else {"type": "json", "content": json.loads(text)}
        for _, text in frames
    ]
    shown = [
        {"direction": who, "frame_type": "text", "body": body, "offset_ms": 250 * number}
        for number, ((who, _), body) in enumerate(zip(frames, bodies, strict=True))
    ]
    if not as_text:
        close = {"type": "binary", "content": "03e8"}
        shown.append({"direction": "recv", "frame_type": "close", "body": close, "offset_ms": 9000})
    one = {
        "uri": "wss://api.openai.com/v1/responses",
        "headers": {"origin": ["https://a.example"]},
        "frames": shown,
        "recorded_at": "2026-11-01T10:00:00Z",
    }
    return {"version": 1, "interactions": [], "ws_interactions": [one]}


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("made", [opencode, older_opencode, cassetter])
@pytest.mark.parametrize("indent", [None, 2])
def test_each_create_is_a_turn_with_the_texts_of_its_frames(
    made: Any, turns: int, indent: int | None
) -> None:
    found = formats.read(json.dumps(made(turns), indent=indent).encode(), "a", "a.json")
    assert [[timed.event.text for timed in turn.events] for turn in found] == [TEXTS] * turns
    request = {name: value for name, value in ASKED.items() if name != "type"}
    assert all(turn.header.request == request for turn in found)


def test_moments_of_frames_are_kept() -> None:
    for turn in formats.read(json.dumps(cassetter(2)).encode(), "a", "a.json"):
        assert [timed.gap for timed in turn.events] == pytest.approx([0.25] * 3)


def test_frames_of_cassetter_that_are_parsed_are_events_without_the_headers_of_the_upgrade() -> None:
    text = yaml.safe_dump(cassetter(2, as_text=False), sort_keys=False)
    damages: list[RecordingError] = []
    turns = formats.read(text.encode(), "a", "a.yaml", damages.append)
    assert [[timed.event.data for timed in turn.events] for turn in turns] == [
        [json.loads(text) for text in TEXTS]
    ] * 2
    assert all(turn.header.headers == {} for turn in turns)
    assert [damage.cause for damage in damages] == ["/ws_interactions/0/frames: 1 of 9 entries hold no event"]


@pytest.mark.parametrize("status", [None, 404])
def test_a_create_that_is_refused_is_an_http_error(status: int | None) -> None:
    error = {"code": "previous_response_not_found", "message": "Not found"}
    frame = {"type": "error", **({"status": status} if status else {}), "error": error}
    recording = opencode(2)
    recording["interactions"][0]["events"][1:4] = [
        {"direction": "server", "kind": "text", "body": json.dumps(frame)}
    ]
    refused, answered = formats.read(json.dumps(recording).encode(), "a", "a.json")
    assert (refused.header.status, refused.header.body) == (status or 400, {"error": error})
    assert [timed.event.text for timed in answered.events] == TEXTS


def test_warm_ups_and_lanes_of_a_socket_are_told_apart() -> None:
    def on(lane: str, text: str) -> str:
        return f'{text[:-1]},"stream_id":"{lane}"}}'

    creates = [json.dumps(ASKED | {"input": lane, "stream_id": lane}) for lane in "ab"]
    frames = [json.dumps(ASKED | {"generate": False}), TEXTS[0], TEXTS[2], *creates]
    frames += [on(lane, text) for text in TEXTS for lane in "ba"]
    events = [
        {"direction": "client" if 'response.create"' in text else "server", "kind": "text", "body": text}
        for text in frames
    ]
    document = {"interactions": [{"transport": "websocket", "events": events}]}
    damages: list[RecordingError] = []
    turns = formats.read(json.dumps(document).encode(), "a", "a.json", damages.append)
    assert [[timed.event.text for timed in turn.events] for turn in turns] == [
        [on(lane, text) for text in TEXTS] for lane in "ab"
    ]
    assert [turn.header.request for turn in turns] == [{"model": "m", "input": lane} for lane in "ab"]
    assert [damage.cause for damage in damages] == [
        "/interactions/0/events: 1 of its requests are warm-ups, which play nothing"
    ]
