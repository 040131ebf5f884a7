import json
from pathlib import Path
from typing import Any

import pytest

from respool.check.checker import check
from respool.check.findings import Level
from respool.protocol.snapshot import fold
from respool.recordings.store import Store
from respool.scripts.unsynth.from_answer import events_of
from respool.scripts.unsynth.likeness import bare, final_response

ROOT = Path(__file__).parents[3]
STORE = Store([ROOT / "fixtures", *(one for one in [ROOT.parent / "shared/recordings"] if one.is_dir())])
ENDED = ("completed", "failed", "incomplete")
ANSWERS = {
    turn.name: answer
    for name in STORE.names
    for turn in STORE.turns(name)
    if turn.events
    and (answer := final_response([timed.event for timed in turn.events])).get("status") in ENDED
    and answer.get("object") == "response"
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_becomes_a_legal_stream_that_ends_with_it(answer: dict[str, Any]) -> None:
    events = events_of(answer)
    assert events is not None
    assert final_response(events) == answer
    assert [str(one) for one in check(events) if one.level is Level.ERROR] == []
    done = [event.data["item"] for event in events if event.type == "response.output_item.done"]
    assert done == answer["output"]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_its_items_are_whole_before_the_end_of_the_stream(answer: dict[str, Any]) -> None:
    events = events_of(answer)
    assert events is not None
    assert bare(fold(events[:-1]).get("output", [])) == bare(answer["output"])


def test_texts_come_in_deltas() -> None:
    text = {"type": "output_text", "text": "two words more", "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    events = events_of({"id": "r", "object": "response", "status": "completed", "output": [item]})
    assert events is not None
    deltas = [event.data["delta"] for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == "two words more"


@pytest.mark.parametrize(
    "item",
    [
        {"id": "x_1", "type": "hologram_call", "depth": 3},
        {"type": "message", "content": None},
        {"id": "msg_1", "type": "message", "content": 5},
        {"id": "rs_1", "type": "reasoning", "summary": [None]},
        {"id": "fc_1", "type": "function_call", "arguments": {}},
        {"id": "", "type": None},
        {},
    ],
)
def test_an_item_of_another_shape_is_added_and_done_as_it_stands(item: dict[str, Any]) -> None:
    events = events_of({"id": "r", "object": "response", "status": "completed", "output": [item]})
    assert events is not None
    assert [event.data.get("item") for event in events] == [None, None, item, item, None]


@pytest.mark.parametrize("status", ["queued", "in_progress", "hello", 5])
def test_what_has_not_ended_has_no_stream(status: Any) -> None:
    assert events_of({"id": "r", "object": "response", "status": status, "output": []}) is None


def test_a_cancelled_response_ends_as_one_that_failed() -> None:
    events = events_of({"id": "r", "object": "response", "status": "cancelled", "output": []})
    assert events is not None
    assert [event.type for event in events][-1] == "response.failed"
    assert json.loads(events[-1].text)["response"]["status"] == "cancelled"
