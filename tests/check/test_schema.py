import json
import re
from pathlib import Path

import pytest

from respool.check.schema import sdk_version, validate
from respool.protocol.events import Event
from respool.recordings.store import Store

ROOT = Path(__file__).parents[2]


def findings(*texts: str) -> list[tuple[str, str, str, int | None]]:
    found = validate(Event.parse(text) for text in texts)
    return [(finding.code, finding.level, finding.message, finding.event) for finding in found]


def test_the_version_of_the_sdk_is_returned() -> None:
    from openai import __version__

    assert sdk_version() == __version__


def test_a_missing_field_is_an_info_said_once_with_its_count() -> None:
    delta = json.dumps(
        {
            "type": "response.refusal.delta",
            "sequence_number": 1,
            "item_id": "a",
            "output_index": 0,
            "content_index": 0,
        }
    )
    expected = "response.refusal.delta: delta: field required (2 times)"
    assert findings('{"type":"keepalive"}', delta, delta) == [("RS651", "info", expected, 1)]


def test_a_value_of_another_type_is_a_warning() -> None:
    (finding,) = findings(
        '{"type":"response.refusal.done","sequence_number":"?","item_id":"a","output_index":0,'
        '"content_index":0,"refusal":"no"}'
    )
    assert finding[:2] == ("RS652", "warning")
    assert finding[2].startswith("response.refusal.done: sequence_number: input should be a valid integer")


def test_of_a_union_only_the_member_of_the_values_type_is_validated() -> None:
    added = (
        '{"type":"response.output_item.added","sequence_number":1,"output_index":0,'
        '"item":{"type":"web_search_call","id":"ws_1","status":"in_progress"}}'
    )
    assert findings(added) == [
        ("RS651", "info", "response.output_item.added: item.action: field required", 0)
    ]


def test_an_item_of_a_type_that_the_sdk_does_not_know_is_told_once() -> None:
    item = {"type": "tea_call"}
    event = {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}
    ((code, level, message, place),) = findings(json.dumps(event))
    assert (code, level, place) == ("RS652", "warning", 0)
    assert message.startswith("response.output_item.added: item.type: input should be ")


def test_the_same_field_of_several_items_is_one_finding() -> None:
    item = '{"type":"web_search_call","id":"ws_1","status":"completed"}'
    response = f'{{"output":[{item},{item}]}}'
    found = [message for _, _, message, _ in findings(f'{{"type":"response.failed","response":{response}}}')]
    assert "response.failed: response.output[].action: field required (2 times)" in found


@pytest.mark.parametrize(
    "name", [name for name in Store(ROOT / "fixtures").names if name != "images/echidna"]
)
def test_our_recordings_have_nothing_that_the_sdk_misses(name: str) -> None:
    for turn in Store(ROOT / "fixtures").turns(name):
        # The service nests an error, and its codes are more than the types list.
        found = [finding.message for finding in validate(timed.event for timed in turn.events)]
        assert [
            message for message in found if not re.match(r"error: |.*: response.error.code: ", message)
        ] == []
