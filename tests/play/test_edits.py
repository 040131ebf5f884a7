import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import EditError
from respool.play.edits import (
    NEVER,
    Cancel,
    Comment,
    Edit,
    EditTime,
    Finish,
    Hold,
    Insert,
    Postpone,
    Release,
    Replace,
)
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Renditions
from respool.protocol.events import Event
from respool.recordings.recording import Header, Recording, TimedEvent

STARTED = 1_700_000_000.1


def numbered(count: int, gaps: Sequence[float] = (), *, done: bool = False) -> Playback:
    gaps = gaps or [1.0] * count
    events = tuple(
        TimedEvent(gap, Event.parse(json.dumps({"type": "response.x", "sequence_number": n})))
        for n, gap in zip(range(count), gaps, strict=True)
    )
    return Playback(Recording("a", Header({"done": done}), events), Renditions(Pace()), STARTED)


def due(playback: Playback, seconds: float) -> list[int | None]:
    """The numbers of the events that were sent by then."""
    count = playback.playing.sse.events_in(playback.due(STARTED + seconds))
    return [event.sequence_number for event in playback.events[:count]]


def edit(playback: Playback, edit: Edit, seconds: float) -> None:
    playback.edit(edit, STARTED + seconds)


def test_what_is_held_is_due_never() -> None:
    playback = numbered(4)
    edit(playback, Hold(2), 0.0)
    assert due(playback, 1e9) == [0, 1]
    assert playback.schedule.end == NEVER


def test_a_hold_without_a_place_stops_what_is_not_due() -> None:
    playback = numbered(4)
    edit(playback, Hold(), 3.0)
    assert due(playback, 1e9) == [0, 1, 2]


def test_releases_add_up_and_are_due_at_once() -> None:
    playback = numbered(6)
    edit(playback, Hold(1), 0.0)
    edit(playback, Release(1), 50.0)
    edit(playback, Release(2), 50.0)
    assert due(playback, 50.0) == [0, 1, 2, 3]
    assert due(playback, 1e9) == [0, 1, 2, 3]
    assert due(playback, 49.0) == [0], "what was due before stays as it was"


def test_what_goes_on_keeps_its_gaps() -> None:
    playback = numbered(4)
    edit(playback, Hold(1), 0.0)
    edit(playback, Release(), 50.0)
    assert [due(playback, moment) for moment in (50.0, 50.9, 51.0, 52.0)] == [
        [0, 1],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
    ]


def test_a_hold_that_is_released_before_it_is_reached_changes_nothing() -> None:
    playback = numbered(4)
    before = list(playback.schedule.moments)
    edit(playback, Hold(3), 0.0)
    edit(playback, Release(), 1.5)
    assert list(playback.schedule.moments) == before


def test_what_goes_on_stops_at_the_next_hold() -> None:
    playback = numbered(6)
    edit(playback, Hold(4), 0.0)
    edit(playback, Hold(2), 0.0)
    edit(playback, Release(), 10.0)
    assert due(playback, 1e9) == [0, 1, 2, 3]
    edit(playback, Release(5), 20.0)
    assert due(playback, 20.0) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("done", [False, True])
def test_the_end_of_an_answer_can_be_held(done: bool) -> None:
    playback = numbered(2, done=done)
    edit(playback, Hold(2), 0.0)
    assert playback.due(STARTED + 1e9) == 2 < len(playback.schedule)
    edit(playback, Release(), 9.0)
    assert playback.due(STARTED + 9) == len(playback.schedule)
    assert playback.playing.sse.done is done


def test_events_that_come_between_take_the_next_numbers() -> None:
    playback = numbered(4)
    edit(playback, Hold(2), 0.0)
    edit(playback, Insert(Event.parse('{"type":"response.new"}')), 5.0)
    assert [event.type for event in playback.events[:3]] == ["response.x", "response.x", "response.new"]
    assert due(playback, 5.0) == [0, 1, 2], "it is sent at once"
    edit(playback, Insert(Event.parse('{"type":"response.late"}'), place=4), 6.0)
    edit(playback, Release(10), 7.0)
    assert due(playback, 7.0) == [0, 1, 2, 3, 4, 5]
    assert b'"response.late","sequence_number":4' in playback.schedule.encoded.data


def test_an_event_may_come_between_just_as_it_is() -> None:
    playback = numbered(2)
    edit(playback, Insert(Event.parse('{"type":"x"}'), place=1, renumber=False), 0.0)
    assert [event.sequence_number for event in playback.events] == [0, None, 1]


def test_events_can_be_replaced_and_left_out_until_they_are_sent() -> None:
    playback = numbered(4)
    edit(playback, Replace(2, Event.parse('{"type":"other"}')), 1.0)
    edit(playback, Replace(3), 1.0)
    assert [event.type for event in playback.events] == ["response.x", "response.x", "other"]
    with pytest.raises(EditError, match="cannot be changed: 3 events were sent already"):
        edit(playback, Replace(1), 3.0)


def test_where_the_last_event_is_left_out_that_was_held_the_end_is() -> None:
    playback = numbered(2)
    edit(playback, Hold(1), 0.0)
    edit(playback, Replace(1), 5.0)
    assert playback.due(STARTED + 1e9) == 1 < len(playback.schedule)


@pytest.mark.parametrize("how", ["cut", "reset", "close"])
def test_a_stream_can_end_anywhere(how: Any) -> None:
    playback = numbered(4)
    edit(playback, Finish(how), 2.0)
    assert (due(playback, 1e9), playback.ending) == ([0, 1], how)
    assert playback.due(STARTED + 2.0) == len(playback.schedule)


def test_a_stream_can_end_with_an_error() -> None:
    playback = numbered(4)
    edit(playback, Hold(1), 0.0)
    edit(playback, Finish("close", Event.parse('{"type":"error"}')), 2.0)
    assert [event.type for event in playback.events] == ["response.x", "error"]
    assert due(playback, 2.0) == [0, 1]


def test_a_comment_keeps_alive_what_is_held_and_lets_nothing_go() -> None:
    playback = numbered(3)
    edit(playback, Hold(1), 0.0)
    for moment in (5.0, 6.0):
        edit(playback, Comment(), moment)
    assert playback.due(STARTED + 6.0) == 3
    assert due(playback, 1e9) == [0]
    edit(playback, Release(1), 7.0)
    assert due(playback, 7.0) == [0, 1]
    assert playback.schedule.encoded.data.count(b": keepalive\n\n") == 2


def test_events_of_one_moment_can_be_told_apart() -> None:
    playback = numbered(4, [1.0, 0.0, 0.0, 1.0])
    edit(playback, Postpone(1.5, keep=1), 0.0)
    assert [due(playback, moment) for moment in (1.0, 1.5, 2.0)] == [[0], [0, 1, 2], [0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("edits", "problem"),
    [
        ([Release(1)], "nothing of it is held"),
        ([Hold(1)], "event 1 cannot be held: 3 events were sent already"),
        (
            [Insert(Event("{}", "x"), place=2)],
            "nothing can be sent before event 2: 3 events were sent already",
        ),
        ([Cancel(), Hold()], "all of it|were sent already"),
    ],
)
def test_what_is_too_late_is_refused_and_changes_nothing(edits: list[Edit], problem: str) -> None:
    playback = numbered(5)
    for one in edits[:-1]:
        edit(playback, one, 3.0)
    before = playback.schedule
    with pytest.raises(EditError, match=problem):
        edit(playback, edits[-1], 3.0)
    assert playback.schedule is before


def test_a_cancel_of_what_is_held_ends_it() -> None:
    playback = numbered(5)
    edit(playback, Hold(1), 0.0)
    playback.cancel(STARTED + 9.0)
    assert playback.due(STARTED + 9.0) == len(playback.schedule)
    with pytest.raises(EditError, match="was cancelled"):
        edit(playback, Release(), 9.0)


def test_a_view_with_other_padding_has_the_same_edits() -> None:
    playback = numbered(4)
    view = playback.with_obfuscation(False)
    edit(playback, Hold(2), 0.0)
    edit(playback, Release(1), 5.0)
    assert view.schedule.moments == playback.schedule.moments


@given(st.floats(0, 2e9), st.floats(0, 1e6))
def test_what_is_let_go_now_is_due_now_to_the_last_bit(started: float, passed: float) -> None:
    now = started + passed
    assert started + EditTime(started, now).at <= now


EDITS = st.one_of(
    st.builds(Hold, st.none() | st.integers(0, 10)),
    st.builds(Release, st.none() | st.integers(1, 4)),
    st.builds(Insert, st.just(Event('{"type":"new"}', "new")), st.none() | st.integers(0, 10)),
    st.builds(Replace, st.integers(0, 10), st.none() | st.just(Event('{"type":"other"}', "other"))),
    st.builds(Comment),
    st.builds(Postpone, st.floats(0, 20), st.integers(0, 1)),
    st.builds(Finish, st.sampled_from(["terminal", "cut", "close"])),
    st.builds(Cancel),
)


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=8, max_size=8),
    st.lists(st.tuples(st.floats(0, 5), EDITS), max_size=12),
    st.booleans(),
)
def test_whatever_is_done_what_was_due_is_a_prefix(
    gaps: list[float], edits: list[tuple[float, Edit]], done: bool
) -> None:
    playback = numbered(8, gaps, done=done)
    now, sent = 0.0, b""
    for wait, one in edits:
        now += wait
        if isinstance(one, Cancel) and playback.due(STARTED + now) == len(playback.schedule):
            continue  # the server cancels nothing that has ended
        with suppress(EditError):
            edit(playback, one, now)
        schedule = playback.schedule
        count = playback.due(STARTED + now)
        data = schedule.encoded.data[: schedule.encoded.start_of(count)] if count else b""
        assert data.startswith(sent)
        sent = data
        assert list(schedule.moments) == sorted(schedule.moments)
        assert len(schedule.encoded.ends) == len(schedule.moments)
        assert playback.playing.sse.events_in(len(schedule)) == len(playback.events)
        edited = playback.edited
        if edited and edited.gate is not None:
            assert math.isinf(schedule.end), "something waits at each hold"
        else:
            assert not math.isinf(schedule.end)


@given(st.integers(1, 6), st.lists(st.integers(1, 3), max_size=10), st.data())
def test_two_controllers_lose_nothing(gate: int, steps: list[int], data: st.DataObject) -> None:
    playback = numbered(12)
    edit(playback, Hold(gate), 0.0)
    released, now = gate, float(gate)
    for count in steps:
        now += data.draw(st.sampled_from([0.0, 0.5]))
        try:
            edit(playback, Release(count), now)
        except EditError:
            assert released >= 12
        released = min(12, released + count)
        assert due(playback, now) == list(range(released))


def test_those_who_look_are_told_of_each_edit(recording: Callable[..., Recording]) -> None:
    playback = numbered(3)
    calls: list[int] = []
    playback.subscribe(lambda: calls.append(len(playback.run.edits)))
    edit(playback, Hold(1), 0.0)
    edit(playback, Release(), 1.0)
    assert calls == [1, 2]
