import json
from typing import Any

import pytest

from respool.errors import OptionError
from respool.protocol.events import Event
from respool.recordings.hold_points import HoldPoint, parse, read_all

EVENTS = [
    Event.parse(json.dumps({"sequence_number": number + 10, **fields}))
    for number, fields in enumerate(
        [
            {"type": "response.created"},
            {"type": "response.output_item.added", "output_index": 0},
            {"type": "response.output_text.delta", "delta": "He"},
            {"type": "response.output_text.delta", "delta": "llo, w"},
            {"type": "response.output_item.done", "output_index": 0},
            {"type": "response.completed"},
        ]
    )
]

PLACES = [
    ("after=response.created", 1),
    ("before=response.created", 0),
    ("after=output_text.delta#2", 4),
    ("before=output_text.delta", 2),
    ("after=3", 3),
    ("before=3", 2),
    ("after=seq:12", 3),
    ("before=item:0", 1),
    ("after=item:0", 5),
    ("after=text:ello", 4),
    ('after=text:"lo, w"', 4),
    ("before=start", 0),
    ("after=start", 0),
    ("before=terminal", 5),
    ("after=terminal", 6),
    ("after=response.failed", None),
    ("after=7", None),
    ("after=text:bye", None),
]


@pytest.mark.parametrize(("text", "place"), PLACES)
def test_a_point_has_a_place_among_the_events(text: str, place: int | None) -> None:
    (point,) = parse(text)
    assert point.place(EVENTS) == place


@pytest.mark.parametrize("text", [text for text, _ in PLACES if '"' not in text and text != "after=start"])
def test_a_point_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)[0]).replace("response.", "") == text.replace("response.", "")


@pytest.mark.parametrize(
    ("at", "when", "text"),
    [
        ("response.created", None, "after=response.created"),
        ({"event": "output_text.delta", "nth": 2}, "before", "before=output_text.delta#2"),
        ({"seq": 5}, None, "after=seq:5"),
        ({"item": 0}, "before", "before=item:0"),
        ({"text": "Hel"}, None, "after=text:Hel"),
        ("start", None, "before=start"),
        ("terminal", None, "before=terminal"),
        ("terminal", "after", "after=terminal"),
    ],
)
def test_json_names_the_same_points(at: Any, when: str | None, text: str) -> None:
    assert str(HoldPoint.of(at, when)) == text


def test_several_points_have_options_of_their_own() -> None:
    one, other = parse("after=response.created, ttl=60; before=terminal, keepalive=15, on_expiry=continue")
    assert (one.ttl, one.keepalive, one.on_expiry) == (60.0, None, "abort")
    assert (other.ttl, other.keepalive, other.on_expiry) == (30.0, 15.0, "continue")


@pytest.mark.parametrize(
    "text",
    [
        "response.created",
        "after=",
        "after=x y",
        "after=seq:x",
        "after=text:",
        "after=1, after=2",
        "ttl=5",
        "after=1, ttl=0",
        "after=1, ttl=x",
        "after=1, on_expiry=explode",
        "after=1, keepalive=0",
        "after=created#0",
        "after=1 before=2",
        "after=1;" * 101,
        "x" * 10_000,
    ],
)
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        parse(text)


@pytest.mark.parametrize(
    "at", [{}, {"seq": -1}, {"event": "x", "nth": 0}, {"text": ""}, {"seq": 1, "item": 2}]
)
def test_json_that_is_no_point_is_refused(at: Any) -> None:
    with pytest.raises(OptionError):
        HoldPoint.of(at)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "before=start"),
        ("response.created", "after=response.created"),
        ("terminal", "before=terminal"),
        ("before=terminal", "before=terminal"),
        ({"at": {"event": "output_text.delta", "nth": 2}, "when": "before"}, "before=output_text.delta#2"),
        ({"after": {"text": "Hello"}}, "after=text:Hello"),
        ({"before": "3"}, "before=3"),
        ({"before": "item:0"}, "before=item:0"),
    ],
)
def test_a_file_names_the_same_points(value: Any, text: str) -> None:
    assert [str(point) for point in read_all(value)] == [text]
    assert read_all([value, False]) == read_all(value)


def test_points_of_a_file_have_options() -> None:
    text, mapping = read_all(
        [
            "after=1, ttl=60, keepalive=5",
            {"after": "1", "ttl": 60.0, "keepalive": 5.0, "on_expiry": "continue"},
        ]
    )
    assert (text.ttl, text.keepalive, text.on_expiry) == (60.0, 5.0, "abort")
    assert (mapping.ttl, mapping.keepalive, mapping.on_expiry) == (60.0, 5.0, "continue")


@pytest.mark.parametrize(
    "value",
    [
        5,
        None,
        {},
        {"after": "1", "before": "2"},
        {"after": "1", "when": "after"},
        {"after": "1", "colour": "red"},
        {"after": "1", "ttl": "x"},
        {"after": "1", "ttl": True},
        {"after": "1", "keepalive": 0},
        ["after=1"] * 101,
        "after=x y",
    ],
)
def test_what_is_no_point_in_a_file_is_refused(value: Any) -> None:
    with pytest.raises(OptionError):
        read_all(value)


@pytest.mark.parametrize("text", ["Hello", "Hello, world", 'a "b"; c', " x ", "a=b"])
def test_the_text_of_a_point_is_read_again(text: str) -> None:
    point = HoldPoint("text", text, after=True)
    assert parse(str(point)) == (point,)
