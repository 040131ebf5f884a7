"""Differences are aligned by item, and values that are new in each response are none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.diff import Change, compare
from respool.diff.page import page
from respool.diff.text import as_json, as_text
from respool.protocol.events import Event
from respool.recordings import formats
from respool.recordings.recording import Header, Recording, TimedEvent

FIXTURES = Path(__file__).parents[2] / "fixtures"


def recording(*events: dict[str, Any], **header: Any) -> Recording:
    timed = [TimedEvent(0.5, Event.parse(json.dumps(event))) for event in events]
    return Recording("a", Header(header), tuple(timed))


def stream(*items: dict[str, Any], change: Callable[[dict[str, Any]], Any] = dict) -> Recording:
    response = {"id": "resp_1", "model": "m", "output": []}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": response}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        grows = {"type": "response.function_call_arguments.delta", "output_index": index}
        events.extend({**grows, "delta": delta} for delta in item.get("arguments", ""))
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    final = {**response, "status": "completed", "output": list(items)}
    events.append({"type": "response.completed", "response": final})
    return recording(*(change(event) or event for event in events))


def call(name: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": name,
        "arguments": arguments,
        **more,
    }


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.jsonl")), ids=lambda path: path.stem)
def test_a_recording_is_not_different_from_itself(path: Path) -> None:
    for turn in formats.read(path.read_bytes(), "a", str(path)):
        assert compare(turn, turn).changes == ()


def test_ids_are_no_difference_unless_asked_for() -> None:
    old, new = stream(call("f")), stream(call("f", id="fc_2", call_id="call_2"))
    assert compare(old, new).changes == ()
    assert compare(old, new, strict=True).changes


def test_how_a_text_was_cut_is_no_difference() -> None:
    old = stream(call("f", "abc"))
    events = [timed for timed in old.events if timed.event.data.get("delta") != "b"]
    assert compare(old, Recording("b", Header(), tuple(events))).changes == ()


def test_one_more_item_is_one_difference() -> None:
    found = compare(stream(call("f"), call("g")), stream(call("f"), call("new"), call("g")))
    assert found.changes == (Change("items", "item 1", None, "function_call new"),)


def test_arguments_are_a_text_of_their_item() -> None:
    (found,) = compare(stream(call("f", "[1]")), stream(call("f", "[2]"))).changes
    assert (found.kind, found.place) == ("text", "item 0 (function_call f).arguments")
    assert any("[1]" in line for line in as_text(compare(stream(call("f", "[1]")), stream(call("f", "[2]")))))


def test_fields_of_events_are_told_by_type() -> None:
    def added(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "new": 1} if event["type"] == "response.created" else event

    (found,) = compare(stream(), stream(change=added)).changes
    assert found == Change("fields", "response: response.created new", None, "there")


def test_types_of_events_are_compared() -> None:
    old = stream()
    new = Recording("b", Header(), old.events[:-1])
    kinds = {change.kind for change in compare(old, new).changes}
    assert "events" in kinds
    assert "events" not in {change.kind for change in compare(old, new, ignore=["events"]).changes}


def test_status_and_bodies_of_errors_are_compared() -> None:
    found = compare(
        recording(status=429, body={"error": {"code": "a"}}), recording(status=500, body={"error": {}})
    )
    assert [change.place for change in found.changes] == ["status", "error.code"]


def test_times_are_told_and_are_no_difference() -> None:
    found = compare(stream(), stream(call("f")), ignore=["items", "events", "fields", "text", "value"])
    assert found.changes == ()
    assert [(one.label, one.before, one.now) for one in found.timings][-1] == ("end", 1.0, 3.0)


def test_the_page_holds_no_markup_of_recordings() -> None:
    evil = "</td><script>alert(1)</script>\"'&"
    diff = compare(stream(call(evil, evil)), stream(call("f", evil + "x")))
    changed = compare(stream(call("f", evil)), stream(call("f", evil + "<b>")))
    shown = page(evil, "<img src=x>", {1: diff, 2: changed})
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown


def test_json_has_all_changes() -> None:
    found = as_json(compare(stream(), stream(call("f"))))
    assert json.loads(json.dumps(found))["changes"][0]["kind"] == "items"
