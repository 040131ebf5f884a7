"""A loop recorded in one way of continuing, asked for in another: whole input, ids, conversation, references.

Two turns: a call of `tide`, then a text. `CALL` and `ANSWER` are those of the recording.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.errors import NoMatchingRecording
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

ASK = {"role": "user", "content": "Tides in Kiel?"}
CALL = {
    "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "tide", "arguments": "{}",
    "status": "completed",
}  # fmt: skip
ANSWER = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}
TEXT = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "At noon.", "annotations": []}],
}  # fmt: skip
GROWN = {"model": "gpt-5.2", "input": [ASK, CALL, ANSWER]}
BY_ID = {"model": "gpt-5.2", "previous_response_id": "resp_1", "input": [ANSWER]}


def turn(number: int, request: dict[str, Any], item: dict[str, Any]) -> str:
    begun = {"id": f"resp_{number}", "status": "in_progress", "output": []}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**begun, "status": "completed", "output": [item]}},
    ]
    return "\n".join(json.dumps(line) for line in [{"respool": 1, "request": request}, *events])


@pytest.fixture(params=["recorded", "fresh"])
def serve(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], MockServer]:
    """A server of a loop whose second turn was asked for in this way."""

    def serve(second: dict[str, Any]) -> MockServer:
        (tmp_path / "a.jsonl").write_text(turn(1, {"model": "gpt-5.2", "input": [ASK]}, CALL))
        (tmp_path / "b.jsonl").write_text(turn(2, second, TEXT))
        return MockServer(
            Store([tmp_path]), pace=Pace(speed=float("inf")), clock=ManualClock(), ids=request.param
        )

    return serve


def ask(server: MockServer, **body: Any) -> tuple[str, dict[str, Any]]:
    """The recording that answers, and its response."""
    playback = server.start(Request({"model": "gpt-5.2", **body}))
    return playback.recording.name, json.loads(playback.snapshot(playback.ends))


@pytest.mark.parametrize("recorded", [GROWN, BY_ID], ids=["grown", "by id"])
@pytest.mark.parametrize("way", ["grown", "by id", "conversation", "reference"])
def test_a_loop_answers_whichever_way_it_is_continued(
    recorded: dict[str, Any], way: str, serve: Callable[[dict[str, Any]], MockServer]
) -> None:
    server = serve(recorded)
    more: dict[str, Any] = {}
    if way == "conversation":
        conversation = server.conversations.create(int(server.clock.now()))
        more = {"conversation": conversation["id"]}
    name, first = ask(server, input=[ASK], **more)
    assert name == "a"
    [call] = first["output"]
    answer = {**ANSWER, "call_id": call["call_id"]}
    second: dict[str, Any] = {
        "grown": {"input": [ASK, call, answer]},
        "by id": {"input": [answer], "previous_response_id": first["id"]},
        "conversation": {"input": [answer], **more},
        "reference": {"input": [ASK, {"type": "item_reference", "id": call["id"]}, answer]},
    }[way]
    assert ask(server, **second)[0] == "b"


def test_what_the_tool_gave_still_counts(serve: Callable[[dict[str, Any]], MockServer]) -> None:
    server = serve(GROWN)
    _, first = ask(server, input=[ASK])
    answer = {**ANSWER, "call_id": first["output"][0]["call_id"], "output": "midnight"}
    with pytest.raises(NoMatchingRecording) as missed:
        ask(server, input=[answer], previous_response_id=first["id"])
    near = missed.value.near_misses[0]
    assert near["recording"] == "b"
    [difference] = near["differences"]  # the rest of the history is the same
    assert difference["received"] == "midnight"


def test_an_unknown_chain_is_no_match(serve: Callable[[dict[str, Any]], MockServer]) -> None:
    server = serve({**BY_ID, "previous_response_id": "resp_elsewhere"})
    _, first = ask(server, input=[ASK])
    answer = {**ANSWER, "call_id": first["output"][0]["call_id"]}
    with pytest.raises(NoMatchingRecording):
        ask(server, input=[ASK, first["output"][0], answer])
