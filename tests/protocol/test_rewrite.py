import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from respool.check.checker import check
from respool.check.findings import Level
from respool.protocol.events import Event
from respool.protocol.rewrite import (
    with_fresh_ids,
    with_missing_members,
    with_response_fields,
    without_obfuscation,
)
from respool.protocol.snapshot import fold
from respool.recordings import formats

FIXTURES = Path(__file__).parents[2] / "fixtures"
TURNS = [
    pytest.param(turn, id=turn.name)
    for path in sorted(FIXTURES.rglob("*"))
    if path.is_file() and formats.sniff(path.read_bytes(), str(path))
    for turn in formats.read(path.read_bytes(), path.stem, str(path))
    if not turn.plain
]


def events_of(*texts: str) -> list[Event]:
    return [Event.parse(text) for text in texts]


def texts_of(events: Any) -> list[str]:
    return [event.text for event in events]


def test_without_obfuscation_the_field_is_gone_and_nothing_else_changes() -> None:
    events = events_of(
        '{"type":"response.output_text.delta", "delta":"a\\u00e9" , "obfuscation":"x,\\"}", "n":1.0}',
        '{"type":"response.output_text.done","text":"\\"obfuscation\\":1"}',
        '{"type":"response.completed","response":{"obfuscation":"kept"}}',
    )
    assert texts_of(without_obfuscation(events)) == [
        '{"type":"response.output_text.delta", "delta":"a\\u00e9" , "n":1.0}',
        events[1].text,
        events[2].text,
    ]


def test_response_fields_are_set_in_each_response_and_nowhere_else() -> None:
    events = events_of(
        '{"type":"response.created","response":{"id":"r", "model":"old" ,"n":1.50}}',
        '{"type":"response.output_item.done","response":{"model":"old"}}',
        '{"type":"response.completed","response":{"id":"r"}}',
        '{"type":"response.failed","response":null}',
    )
    assert texts_of(with_response_fields(events, {"model": "new"})) == [
        '{"type":"response.created","response":{"id":"r", "model":"new" ,"n":1.50}}',
        events[1].text,
        '{"type":"response.completed","response":{"id":"r","model":"new"}}',
        events[3].text,
    ]


def test_ids_are_replaced_where_they_are_ids_and_nowhere_else() -> None:
    events = events_of(
        '{"type":"response.created","response":{"id":"resp_1","tools":[{"id":"resp_1x"}]}}',
        '{"type":"response.output_item.added","item":{"id":"fc_1", "call_id" : "call_1","name":"fc_1"}}',
        '{"type":"response.function_call_arguments.delta","item_id":"fc_1","delta":"{\\"id\\":\\"fc_1\\"}"}',
        '{"type":"response.completed","response":{"id":"resp_1","output":[{"id":"fc_1","call_id":"call_1"}]}}',
    )
    changed = [json.loads(text) for text in texts_of(with_fresh_ids(events, Random(1)))]
    response_id, item_id = changed[0]["response"]["id"], changed[1]["item"]["id"]
    call_id = changed[1]["item"]["call_id"]
    assert (response_id[:5], item_id[:3], call_id[:5]) == ("resp_", "fc_", "call_")
    assert (len(response_id), len(item_id), len(call_id)) == (55, 53, 29)
    assert changed[0]["response"]["tools"] == [{"id": "resp_1x"}]
    assert changed[1]["item"]["name"] == "fc_1"
    assert changed[2] == {
        "type": "response.function_call_arguments.delta",
        "item_id": item_id,
        "delta": '{"id":"fc_1"}',
    }
    assert changed[3]["response"] == {"id": response_id, "output": [{"id": item_id, "call_id": call_id}]}


@pytest.mark.parametrize(
    ("old", "kinds"),
    [
        ("resp_0b34b1b55186c45a006afac8e46fb481", "hex"),
        ("call_NuCtB6lcaqnqtGcTAPFzWWNy", "alphanumeric"),
        ("4c2ad2c8-93d5-4b2c-8f0e-0a1b2c3d4e5f", "hex"),
        ("gen-1764700000-AbCdEfGhIjKlMnOpQrSt", "alphanumeric"),
    ],
)
def test_a_fresh_id_looks_like_the_old_one(old: str, kinds: str) -> None:
    (event,) = with_fresh_ids(
        events_of(f'{{"type":"response.created","response":{{"id":"{old}"}}}}'), Random(2)
    )
    new = event.data["response"]["id"]
    assert new != old
    assert [len(new), *(at for at, one in enumerate(new) if not one.isalnum())] == [
        len(old),
        *(at for at, one in enumerate(old) if not one.isalnum()),
    ]
    tail = new.rpartition("_")[2]
    assert kinds != "hex" or set(tail) <= {*"0123456789abcdef-"}


@pytest.mark.parametrize("turn", TURNS)
def test_a_stream_with_fresh_ids_is_as_legal_as_before_and_shares_none(turn: Any) -> None:
    events = [timed.event for timed in turn.events]
    fresh = list(with_fresh_ids(events, Random(3)))
    assert [event.type for event in fresh] == [event.type for event in events]
    assert [one for one in check(fresh) if one.level is Level.ERROR] == [
        one for one in check(events) if one.level is Level.ERROR
    ]
    before, after = fold(events), fold(fresh)
    if "id" in before:
        assert before["id"] != after["id"]
    ids = [{item["id"] for item in one.get("output") or [] if item.get("id")} for one in (before, after)]
    assert len(ids[0]) == len(ids[1])
    assert not ids[0] & ids[1]
    assert list(with_fresh_ids(events, Random(3))) == fresh, "the same seed gives the same ids"


def test_a_response_gets_what_it_lacks_and_the_rest_of_the_event_stays() -> None:
    whole = '{"type":"response.created", "response":{"id":"a", "tools":[] }}'
    events = events_of(
        whole,
        '{"type":"response.completed", "response":{"id":"a" }}',
        '{"type":"response.failed", "response":3}',
        '{"type":"response.output_text.delta","response":{}}',
    )
    lacks = with_missing_members(events, lambda response: {} if "tools" in response else {"tools": []})
    assert [event.text for event in lacks] == [
        whole,
        '{"type":"response.completed", "response":{"id":"a" ,"tools":[]}}',
        '{"type":"response.failed", "response":3}',
        '{"type":"response.output_text.delta","response":{}}',
    ]
