"""A recording at a glance: its rows, when they run, and what each event says."""

from collections.abc import Callable
from typing import Any

import pytest

from respool.play.pace import Pace
from respool.recordings.recording import Recording
from respool.show import Row, bar, gist, timeline

Make = Callable[..., Recording]


def event(gap: float | None, type: str, **fields: Any) -> tuple[float | None, str, dict[str, Any]]:
    return gap, type if "." not in type and type in ("error", "keepalive") else f"response.{type}", fields


TOOL = {"type": "web_search_call", "id": "ws_1"}
MESSAGE = {"type": "message", "id": "msg_1", "status": "in_progress"}
SEARCH = [
    event(1.0, "created", response={"status": "in_progress"}),
    event(1.0, "output_item.added", output_index=0, item=TOOL),
    event(0.0, "web_search_call.in_progress", output_index=0),
    event(1.0, "web_search_call.searching", output_index=0),
    event(2.0, "web_search_call.completed", output_index=0),
    event(0.0, "output_item.done", output_index=0, item=TOOL),
    event(1.0, "output_item.added", output_index=1, item=MESSAGE),
    event(0.0, "content_part.added", output_index=1, content_index=0, part={"type": "output_text"}),
    event(0.5, "output_text.delta", output_index=1, content_index=0, delta="Hi"),
    event(0.0, "content_part.done", output_index=1, content_index=0, part={"type": "output_text"}),
    event(0.0, "refusal.delta", output_index=1, content_index=1, delta="No"),
    event(0.5, "output_item.done", output_index=1, item=MESSAGE),
    event(1.0, "completed", response={"status": "completed"}),
]


def rows(recording: Recording) -> list[tuple[str, int, float, float, int]]:
    return [
        (row.label, row.depth, row.moments[0], row.moments[-1], len(row.moments))
        for row in timeline(recording).rows
    ]


def test_items_parts_and_phases_have_rows(recording: Make) -> None:
    assert rows(recording("a", SEARCH)) == [
        ("response", 0, 1.0, 8.0, 13),
        ("web_search_call", 0, 2.0, 5.0, 5),
        ("in_progress", 1, 2.0, 3.0, 2),
        ("searching", 1, 3.0, 5.0, 2),
        ("message", 0, 6.0, 7.0, 6),
        ("output_text", 1, 6.0, 6.5, 3),
        ("refusal 1", 1, 6.5, 6.5, 1),
    ]


def test_a_phase_goes_on_until_its_item_is_done(recording: Make) -> None:
    events = [*SEARCH[:4], SEARCH[5]]
    assert rows(recording("a", events))[-1] == ("searching", 1, 3.0, 3.0, 2)


def test_a_call_is_labelled_with_its_name(recording: Make) -> None:
    item = {"type": "mcp_call", "server_label": "docs", "name": "read"}
    events = [event(1.0, "output_item.added", output_index=0, item=item)]
    assert [row[0] for row in rows(recording("a", events))] == ["response", "mcp_call docs read"]


def test_items_are_told_by_their_ids_where_there_are_no_indexes(recording: Make) -> None:
    """As llama.cpp sends them."""
    events = [
        event(1.0, "output_item.added", item=MESSAGE),
        event(1.0, "output_text.delta", item_id="msg_1", delta="Hi"),
        event(1.0, "output_item.done", item=MESSAGE),
    ]
    assert rows(recording("a", events))[1:] == [("message", 0, 1.0, 3.0, 3)]


def test_the_numbers_of_a_turn(recording: Make) -> None:
    found = timeline(recording("a", SEARCH, note="a search"))
    assert (found.name, found.note, found.end, found.untimed) == ("a", "a search", "completed", 0)
    assert (found.seconds, found.first_token, found.events_per_second) == (8.0, 6.5, 13 / 8)
    assert found.size == sum(len(it.event.text) for it in recording("a", SEARCH).events)
    assert list(found.types.items())[:3] == [
        ("response.created", 1),
        ("response.output_item.added", 2),
        ("response.web_search_call.in_progress", 1),
    ]


@pytest.mark.parametrize(
    ("events", "end"),
    [
        (SEARCH, "completed"),
        (SEARCH[:-1], "cut"),
        ([*SEARCH[:1], event(0, "error")], "error"),
        ([*SEARCH[:1], event(0, "error"), event(0, "failed")], "failed"),
        ([], "503"),
    ],
)
def test_how_it_ends(recording: Make, events: Any, end: str) -> None:
    assert timeline(recording("a", events, status=503 if not events else 200, body="x")).end == end


def test_an_answer_without_events_has_its_size_and_nothing_else(recording: Make) -> None:
    found = timeline(recording("a", [], status=429, body={"error": {}}))
    assert (found.rows, found.lines, found.first_token, found.events_per_second) == ((), (), None, None)
    assert (found.seconds, found.size) == (0.0, len('{"error": {}}'))


def test_the_pace_decides_where_no_time_is_known(recording: Make) -> None:
    events = [event(None, "created"), event(1.0, "in_progress"), event(None, "completed")]
    found = timeline(recording("a", events), Pace(gap=0.5))
    assert [line.moment for line in found.lines] == [0.5, 1.5, 2.0]
    assert found.untimed == 2


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ((0.0, 9.9), "█────────█"),
        ((2.0, 4.0, 6.0), "  █─█─█   "),
        ((10.0,), "         █"),
        ((3.0, 3.1), "   █      "),
    ],
)
def test_a_bar_shows_events_and_waiting(moments: tuple[float, ...], expected: str) -> None:
    assert bar(Row("a", 0, moments), 10.0, 10) == expected


def test_a_bar_of_no_time_is_one_mark() -> None:
    assert bar(Row("a", 0, (0.0, 0.0)), 0.0, 3) == "█  "


@pytest.mark.parametrize(
    ("type", "fields", "expected"),
    [
        ("output_text.delta", {"delta": 'a "b"\n'}, r'"a \"b\"\n"'),
        ("output_text.delta", {"delta": "é" * 41}, f'"{"é" * 40}..., 41 characters'),
        ("shell_call_output_content.delta", {"delta": {"stdout": "a"}}, '{"stdout": "a"}'),
        ("output_text.done", {"text": "Hi"}, '"Hi"'),
        ("function_call_arguments.done", {"arguments": "{}"}, '"{}"'),
        ("output_item.added", {"item": {"type": "mcp_call", "name": "f", "status": "x"}}, "mcp_call f x"),
        ("output_item.added", {"item": {}}, "item"),
        ("content_part.added", {"part": {"type": "refusal"}}, "refusal"),
        ("output_text.annotation.added", {"annotation": {"type": "t", "url": "u", "file_id": "f"}}, "t u"),
        ("image_generation_call.partial_image", {"partial_image_b64": "abc"}, "3 characters of base64"),
        ("created", {"response": {"status": "queued"}}, "queued"),
        ("failed", {"response": {"status": "failed", "error": {"code": "c", "message": "m"}}}, "failed c: m"),
        ("error", {"error": {"code": "c", "message": "m"}}, "c: m"),
        ("error", {"code": None, "message": "m"}, "m"),
        ("web_search_call.searching", {"item_id": "ws_1"}, ""),
        ("output_text.done", {"text": 5}, ""),
        ("x:unknown", {}, ""),
    ],
)
def test_the_gist_of_an_event(type: str, fields: dict[str, Any], expected: str) -> None:
    full = type if type in ("error", "x:unknown") else f"response.{type}"
    assert gist(full, fields) == expected


def test_nothing_of_a_recording_can_steer_a_terminal(recording: Make) -> None:
    item = {"type": "\x1b[2J", "id": "a"}
    events = [(0.0, "response.\x1b]0;x\x07", {}), event(0.0, "output_item.added", output_index=0, item=item)]
    found = timeline(recording("a", events, note="\x1b[31m"))
    shown = [
        found.note,
        *found.types,
        *(line.gist for line in found.lines),
        *(row.label for row in found.rows),
    ]
    assert [text for text in shown if "\x1b" in text or "\x07" in text] == []
    assert found.rows[1].label == r"\x1b[2J"
