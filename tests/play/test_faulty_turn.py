"""Faults of time on a socket: the same frames, at other moments."""

from collections.abc import Callable
from typing import Any

import pytest

from respool.faults import parse
from respool.faults.applying import ActiveFault
from respool.play.faulty_turn import FaultyTurn, faulty_turn
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Renditions

EVENTS = [
    (1.0, "response.created", {"sequence_number": 0}),
    (1.0, "response.in_progress", {"sequence_number": 1}),
    (1.0, "response.output_text.delta", {"sequence_number": 2, "delta": "x"}),
    (1.0, "response.completed", {"sequence_number": 3}),
]


@pytest.fixture
def turn(recording: Callable[..., Any]) -> Callable[[str], FaultyTurn]:
    def make(faults: str) -> FaultyTurn:
        playback = Playback(recording("a", EVENTS), Renditions(Pace()), started=100.0)
        return faulty_turn(playback, [ActiveFault.of(fault) for fault in parse(faults)])

    return make


@pytest.mark.parametrize(
    ("faults", "moments"),
    [
        ("latency(seconds=2)", [3, 4, 5, 6]),
        ("ttft(seconds=10)", [8, 9, 10, 11]),
        ("stall(after=2, seconds=7)", [1, 2, 10, 11]),
        ("stall(after=2, seconds=7, keepalive=1)", [1, 2, 10, 11]),
        ("burst(after=1, seconds=5)", [1, 6, 6, 6]),
        ("latency(seconds=1); stall(after=3, seconds=2)", [2, 3, 4, 7]),
    ],
)
def test_the_frames_come_later(faults: str, moments: list[float], turn: Callable[[str], FaultyTurn]) -> None:
    found = turn(faults)
    assert [found.due_at(place) - 100.0 for place in range(4)] == moments
    assert [event.text for event in found.events] == [
        event.text for event in turn("latency(seconds=0)").events
    ]


def test_gaps_change_by_so_much_at_most(turn: Callable[[str], FaultyTurn]) -> None:
    found = turn("jitter(seconds=0.5)").moments
    gaps = [after - before for before, after in zip([0.0, *found], found, strict=False)]
    assert gaps != [1.0] * 4
    assert all(0.5 <= gap <= 1.5 for gap in gaps)


def test_a_frame_has_come_when_all_of_its_bytes_have(turn: Callable[[str], FaultyTurn]) -> None:
    found = turn("bandwidth(rate=10)")
    sizes = [len(event.text.encode()) for event in found.events]
    sums = [sum(sizes[: place + 1]) / 10 for place in range(4)]
    assert min(sizes) > 10, "each takes longer than the gap before it"
    assert found.moments == pytest.approx([1.0 + at for at in sums])


def test_a_line_that_is_fast_enough_changes_nothing_but_the_time_of_the_bytes(
    turn: Callable[[str], FaultyTurn],
) -> None:
    found = turn("bandwidth(rate=1000)")
    sizes = [len(event.text.encode()) for event in found.events]
    assert found.moments == pytest.approx([at + size / 1000 for at, size in enumerate(sizes, 1)])


def test_a_slow_line_delays_the_close_as_well(turn: Callable[[str], FaultyTurn]) -> None:
    found = turn("socket_close(code=1011, after=2); bandwidth(rate=10)")
    assert found.ending
    assert found.ending.code == 1011
    assert found.moments[2] == found.moments[1] > 2.0
