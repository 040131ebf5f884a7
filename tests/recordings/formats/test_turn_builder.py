from collections.abc import Sequence

import pytest

from respool.protocol.events import Event
from respool.recordings.formats.turn_builder import TurnBuilder, response_id
from respool.recordings.recording import Header, Recording, TimedEvent

CREATED, DELTA, DONE = "response.created", "response.output_text.delta", "[DONE]"
COMPLETED, FAILED, INCOMPLETE = "response.completed", "response.failed", "response.incomplete"
HEADER = "header"


def built_of(*steps: str) -> TurnBuilder:
    """Each step is a type, then the response's id; or a header, then its note; or the sentinel."""
    builder = TurnBuilder("a")
    for line, step in enumerate(steps, start=1):
        word, _, rest = step.partition(" ")
        if word == HEADER:
            builder.header({"respool": 1, "note": rest}, line)
        elif word == DONE:
            builder.done()
        else:
            builder.event((None, "{}", word, line), rest or None)
    return builder


def turns_of(*steps: str) -> tuple[Recording, ...]:
    return built_of(*steps).finish()


@pytest.mark.parametrize(
    ("steps", "lengths"),
    [
        ([], []),
        ([CREATED + " a", DELTA, COMPLETED + " a"], [3]),
        ([CREATED + " a", COMPLETED + " a", CREATED + " b", DELTA, FAILED + " b"], [2, 3]),
        ([CREATED + " a", INCOMPLETE + " a", CREATED + " a"], [2, 1]),
        ([CREATED + " a", DELTA, CREATED + " b", DELTA], [2, 2]),
        ([CREATED + " a", CREATED + " a", DELTA], [3]),
        ([CREATED + " a", DELTA, CREATED + " a", COMPLETED + " a"], [4]),
        ([CREATED, DELTA, CREATED, COMPLETED], [4]),
        ([CREATED, COMPLETED, CREATED, COMPLETED], [2, 2]),
        ([CREATED + " a", COMPLETED + " a", "keepalive", "response.done"], [4]),
        ([CREATED + " a", COMPLETED + " a", "keepalive", CREATED + " b"], [3, 1]),
        ([CREATED + " a", COMPLETED + " a", "keepalive", CREATED + " a"], [3, 1]),
        ([CREATED + " a", "error", FAILED + " a"], [3]),
        ([CREATED + " a", "error", CREATED + " b"], [2, 1]),
        (["keepalive", "codex.rate_limits", CREATED + " a", COMPLETED + " a"], [4]),
        (["keepalive", CREATED + " a", CREATED + " b"], [2, 1]),
        ([HEADER, "keepalive", CREATED + " a"], [2]),
        ([DELTA, DELTA], [2]),
        ([DELTA, COMPLETED + " a", CREATED + " a"], [2, 1]),
        ([CREATED + " a", DONE, CREATED + " a"], [1, 1]),
        ([DONE, CREATED + " a"], [1]),
        ([CREATED, "response.in_progress a", CREATED + " a"], [3]),
        ([CREATED, "response.in_progress a", CREATED + " b"], [2, 1]),
        ([HEADER, CREATED + " a", COMPLETED + " a"], [2]),
        ([HEADER, CREATED + " a", HEADER, CREATED + " a"], [1, 1]),
        ([HEADER, DELTA, HEADER, DELTA], [1, 1]),
        ([CREATED + " a", HEADER, CREATED + " a"], [1, 1]),
        ([HEADER, CREATED + " a", COMPLETED + " a", CREATED + " b"], [2, 1]),
        # The first goes on after another was created: they run at a time.
        ([CREATED + " a", CREATED + " b", DELTA, COMPLETED + " b", COMPLETED + " a", CREATED + " c"], [5, 1]),
        ([CREATED + " a", CREATED + " b", COMPLETED + " a", DELTA, COMPLETED + " b", CREATED + " c"], [5, 1]),
        ([CREATED + " a", CREATED + " b", COMPLETED + " b", CREATED + " c", COMPLETED + " a"], [5]),
        ([CREATED + " a", CREATED + " b", FAILED + " b", FAILED + " b", COMPLETED + " a"], [5]),
        ([CREATED + " a", HEADER, CREATED + " b", COMPLETED + " a"], [1, 2]),
        ([CREATED + " a", DONE, CREATED + " b", COMPLETED + " a"], [1, 2]),
    ],
)
def test_a_turn_begins_with_a_header_or_another_response(
    steps: Sequence[str], lengths: Sequence[int]
) -> None:
    assert [len(turn.events) for turn in turns_of(*steps)] == lengths


def test_a_response_created_after_an_error_is_another() -> None:
    # After `error` only `response.failed` may come from the same response.
    assert [len(turn.events) for turn in turns_of("error", CREATED + " a", COMPLETED + " a")] == [1, 2]


def test_turns_are_named_after_the_file() -> None:
    turns = turns_of(CREATED + " a", CREATED + " b", CREATED + " c")
    assert [turn.name for turn in turns] == ["a", "a#2", "a#3"]


def test_each_turn_has_its_own_header_or_an_empty_one() -> None:
    turns = turns_of(HEADER + " one", CREATED + " a", CREATED + " b", HEADER + " three", CREATED + " c")
    assert [turn.header.note for turn in turns] == ["one", "", "three"]


def test_the_sentinel_is_noted_in_the_header_of_its_turn() -> None:
    turns = turns_of(
        CREATED + " a", CREATED + " b", DONE, HEADER + " c", CREATED + " c", DONE, CREATED + " d"
    )
    assert [turn.header.done for turn in turns] == [False, True, True, False]
    assert turns[2].header.fields == {"respool": 1, "note": "c", "done": True}


def test_events_keep_their_order_and_lines() -> None:
    builder = TurnBuilder("a")
    for n in range(3):
        builder.event((0.5, f'{{"type":"{n}"}}', str(n), n), None)
    [turn] = builder.finish()
    assert turn.events == tuple(TimedEvent(0.5, Event(f'{{"type":"{n}"}}', str(n)), n) for n in range(3))
    assert [event.line for event in turn.events] == [0, 1, 2]


@pytest.mark.parametrize("response", [None, "a", 1, [], {"id": None}, {"id": {"id": "a"}}, {}])
def test_a_response_of_another_shape_is_no_error(response: object) -> None:
    builder = TurnBuilder("a")
    for _ in range(2):
        builder.event((None, "{}", CREATED, None), response_id({"type": CREATED, "response": response}))
    assert [len(turn.events) for turn in builder.finish()] == [2]


def test_a_body_is_a_turn_of_its_own() -> None:
    builder = TurnBuilder("a")
    builder.header({"respool": 1, "status": 429, "body": {"error": {}}}, 1)
    builder.header({"respool": 1, "status": 500, "body": ""}, 2)
    assert [(turn.plain, turn.header.status) for turn in builder.finish()] == [(True, 429), (True, 500)]


def test_no_event_may_follow_a_body() -> None:
    builder = TurnBuilder("a")
    builder.header({"respool": 1, "body": {}}, 1)
    with pytest.raises(ValueError, match=r'^the header has a "body", so no event may follow it$'):
        builder.event((None, "{}", CREATED, None), None)


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        ([], []),
        ([HEADER, DELTA, CREATED + " a", CREATED + " b"], []),
        ([HEADER], [1]),
        ([DELTA, HEADER], [2]),
        ([HEADER, HEADER, DELTA, HEADER], [1, 4]),
    ],
)
def test_headers_that_neither_events_nor_a_body_follow_are_told(
    steps: Sequence[str], lines: Sequence[int]
) -> None:
    assert built_of(*steps).unused_headers() == lines


def test_a_turn_with_nothing_to_play_is_left_out() -> None:
    turns = turns_of(HEADER + " one", HEADER + " two", DELTA, HEADER + " three")
    assert [(turn.name, turn.header.note) for turn in turns] == [("a", "two")]


def test_a_header_with_a_field_of_the_wrong_type_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r'^the header\'s "status" is a string'):
        TurnBuilder("a").header({"respool": 1, "status": "200"}, 1)


def timed(builder: TurnBuilder) -> list[list[tuple[float | None, str]]]:
    return [[(timed.gap, timed.event.type) for timed in turn.events] for turn in builder.finish()]


def test_each_lane_has_turns_of_its_own_with_its_own_gaps() -> None:
    builder = TurnBuilder("a")
    for gap, lane, type_ in (
        (0.5, "a", CREATED), (0.25, "b", CREATED), (0.5, "a", DELTA), (1.0, None, CREATED),
        (0.25, "b", DELTA), (0.125, "a", COMPLETED), (1.0, "a", CREATED),
    ):  # fmt: skip
        text = "{}" if lane is None else f'{{"stream_id":"{lane}"}}'
        builder.event((gap, text, type_, None), "r")
    assert timed(builder) == [
        [(0.5, CREATED), (0.75, DELTA), (1.375, COMPLETED)],
        [(0.25, CREATED), (1.75, DELTA)],
        [(1.0, CREATED)],
        [(1.0, CREATED)],
    ]


def test_requests_of_a_socket_are_answered_in_their_order_on_each_lane() -> None:
    builder = TurnBuilder("a")
    for number, lane in enumerate(["a", "a", "b", None]):
        builder.request(Header({"note": str(number)}), lane, 1.0, left_out=lane is None)
    for lane, type_ in (("b", CREATED), ("a", "error"), (None, CREATED), ("a", CREATED), ("a", COMPLETED)):
        builder.event((0.5, "{}" if lane is None else f'{{"stream_id":"{lane}"}}', type_, None), "r")
    turns = builder.finish()
    assert [(turn.header.note, [timed.gap for timed in turn.events]) for turn in turns] == [
        ("0", [4.0]),
        ("1", [4.0, 0.5]),
        ("2", [1.5]),
    ]


def test_one_response_of_an_agent_is_of_the_stream_although_that_is_cut() -> None:
    builder = TurnBuilder("a")
    builder.event((None, "{}", CREATED, None), "r")
    builder.event((None, '{"agent": {"agent_name": "helper"}}', CREATED, None), "s")
    assert timed(builder) == [[(None, CREATED)] * 2]
