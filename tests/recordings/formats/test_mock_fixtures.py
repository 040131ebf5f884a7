import json
from typing import Any

import pytest

from respool.check.checker import check
from respool.errors import NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.recording import Recording

AIMOCK = {
    "fixtures": [
        {"match": {"userMessage": "hello", "model": "gpt-5"}, "response": {"content": "Hi there!"}},
        {
            "match": {"userMessage": "weather"},
            "response": {
                "toolCalls": [{"name": "get_weather", "arguments": '{"city": "Oslo"}', "id": "call_1"}]
            },
            "chunkSize": 4,
            "streamingProfile": {"ttftMs": 500, "tps": 40},
        },
        {"match": {}, "response": {"error": {"message": "slow down", "type": "rate_limit"}, "status": 429}},
        {"match": {"inputText": "x"}, "response": {"embedding": [0.1, 0.2]}},
        {
            "response": {
                "reasoning": "Hm.",
                "blocks": [
                    {"type": "toolCall", "name": "look", "arguments": "{}"},
                    {"type": "text", "text": "Let me look."},
                ],
            }
        },
        {"response": {"content": {"answer": 42}, "finishReason": "length"}},
    ]
}
LLMPOSTER = """\
fixtures:
  # a comment
  - match:
      user_message: "hello"
    response:
      content: "Hi there!"
    streaming: {latency: 50, chunk_size: 3}
  - match:
      user_message:
        regex: "weather in \\\\w+"
    response:
      tool_calls:
        - name: get_weather
          arguments: {city: Oslo}
  - error: {status: 503, message: overloaded}
  - refusal: {reason: I would rather not.}
  - response: {content: one two three four}
    failure: {truncate_after_frames: 5}
"""


def read(text: str, path: str, notes: list[RecordingError] | None = None) -> tuple[Recording, ...]:
    return formats.read(text.encode(), "a", path, (notes if notes is not None else []).append)


def output(turn: Recording) -> list[Any]:
    return [item["type"] for item in turn.events[-1].event.data["response"]["output"]]


def test_fixtures_of_aimock_are_turns() -> None:
    notes: list[RecordingError] = []
    hello, weather, error, blocks, cut = read(json.dumps(AIMOCK, indent=2), "a.json", notes)
    assert hello.header.request == {"input": "hello", "model": "gpt-5"}
    assert hello.events[-1].event.data["response"]["output"][0]["content"][0]["text"] == "Hi there!"
    call = weather.events[-1].event.data["response"]["output"][0]
    assert (call["name"], call["arguments"], call["call_id"]) == ("get_weather", '{"city": "Oslo"}', "call_1")
    assert sum(timed.gap or 0.0 for timed in weather.events) > 0.5
    assert (error.header.status, error.header.body["error"]["message"]) == (429, "slow down")
    assert output(blocks) == ["reasoning", "function_call", "message"]
    assert cut.events[-1].event.type == "response.incomplete"
    assert [note.cause for note in notes] == ["1 of 6 fixtures hold no answer of a model"]


def test_fixtures_of_llmposter_are_turns() -> None:
    hello, weather, error, refusal, cut = read(LLMPOSTER, "a.yaml")
    assert [
        timed.event.data["delta"] for timed in hello.events if timed.event.type.endswith("text.delta")
    ] == [
        "Hi ",
        "the",
        "re!",
    ]
    assert {timed.gap for timed in hello.events[1:]} == {0.05}
    assert output(weather) == ["function_call"]
    assert weather.header.request == {}
    assert error.header.status == 503
    assert output(refusal) == ["message"]
    assert len(cut.events) == 5


@pytest.mark.parametrize(("text", "path"), [(json.dumps(AIMOCK), "a.json"), (LLMPOSTER, "a.yml")])
def test_their_streams_are_legal(text: str, path: str) -> None:
    whole = [turn for turn in read(text, path) if turn.events and len(turn.events) != 5]
    assert [check([timed.event for timed in turn.events]) for turn in whole] == [[]] * len(whole)


@pytest.mark.parametrize(
    "value",
    [
        {"fixtures": [{"response": {"embedding": [1]}, "content": 1}]},
        {"fixtures": {"response": {"content": "x"}}},
        {"fixtures": [5, None, {"response": {"content": []}, "match": 3}]},
        {"fixtures": [{"response": {"toolCalls": [{"name": 5}], "blocks": [None, {"type": "text"}]}}]},
    ],
)
def test_other_lists_of_fixtures_are_no_recordings(value: Any) -> None:
    with pytest.raises(NotARecording):
        read(json.dumps(value), "a.json")
