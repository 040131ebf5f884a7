"""What other tools record of sockets."""

import json
from typing import Any

import pytest

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


def cassetter(turns: int) -> dict[str, Any]:
    """A cassette of cassetter."""
    frames = [("send", json.dumps(ASKED)), *(("recv", text) for text in TEXTS)] * turns
    shown = [
        {
            "direction": who,
            "frame_type": "text",
            "body": {"type": "text", "content": text},
            "offset_ms": 250 * number,
        }
        for number, (who, text) in enumerate(frames)
    ]
    return {
        "version": 1,
        "ws_interactions": [{"url": "wss://api.openai.com/v1/responses", "frames": shown}],
    }


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("made", [opencode, cassetter])
@pytest.mark.parametrize("indent", [None, 2])
def test_each_create_is_a_turn_with_the_texts_of_its_frames(
    made: Any, turns: int, indent: int | None
) -> None:
    found = formats.read(json.dumps(made(turns), indent=indent).encode(), "a", "a.json")
    assert [[timed.event.text for timed in turn.events] for turn in found] == [TEXTS] * turns
    asked = {name: value for name, value in ASKED.items() if name != "type"}
    assert all(turn.header.request == asked for turn in found)


def test_moments_of_frames_are_kept() -> None:
    for turn in formats.read(json.dumps(cassetter(2)).encode(), "a", "a.json"):
        assert [timed.gap for timed in turn.events] == pytest.approx([0.25] * 3)
