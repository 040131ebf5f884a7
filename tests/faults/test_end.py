"""Faults of the end: frame for frame."""

import pytest
from fault_streams import EVENTS, make_body, make_stream, numbers, run, timeline

from respool.faults import Abort, Close, Cut, Fault, HalfFrame, NoTerminal, ResetPeer, SlowClose
from respool.faults.frame import Action
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event

DATA = [encode_sse(Event.parse(text)) for text in EVENTS]
FIRST_TWO = [(0.0, 200), (1.0, DATA[0]), (2.0, DATA[1])]
ENDS = [(Close, Action.CLOSE), (Cut, Action.CUT), (Abort, Action.ABORT), (ResetPeer, Action.RESET)]


@pytest.mark.parametrize(("fault", "action"), ENDS)
def test_an_answer_ends_after_so_many_events(fault: type[Fault], action: Action) -> None:
    assert timeline(run(fault(after=2))) == [*FIRST_TWO, (2.0, action)]  # type: ignore[call-arg]


@pytest.mark.parametrize(("fault", "action"), ENDS)
def test_an_answer_ends_within_an_event(fault: type[Fault], action: Action) -> None:
    place = f"{len(DATA[0]) + 10}b"
    expected = [(0.0, 200), (1.0, DATA[0]), (2.0, DATA[1][:10]), (2.0, action)]
    assert timeline(run(fault(after=place))) == expected  # type: ignore[call-arg]


@pytest.mark.parametrize(("fault", "action"), ENDS)
def test_an_answer_ends_at_a_second(fault: type[Fault], action: Action) -> None:
    assert timeline(run(fault(after="2.5s"))) == [*FIRST_TWO, (2.5, action)]  # type: ignore[call-arg]


@pytest.mark.parametrize(("fault", "action"), ENDS)
def test_an_answer_without_stream_ends_after_half_of_its_bytes(fault: type[Fault], action: Action) -> None:
    assert timeline(run(fault(), make_body())) == [(5.0, 200), (5.0, b'{"id":"'), (5.0, action)]


@pytest.mark.parametrize(("fault", "action"), ENDS)
def test_an_answer_that_does_not_get_there_is_sound(fault: type[Fault], action: Action) -> None:
    assert run(fault(after=6)) == make_stream()  # type: ignore[call-arg]


def test_half_an_event_is_the_end() -> None:
    half = DATA[4][: len(DATA[4]) // 2]
    assert timeline(run(HalfFrame()))[-2:] == [(5.0, half), (5.0, Action.CLOSE)]
    half = DATA[1][: len(DATA[1]) // 2]
    assert timeline(run(HalfFrame(at=2))) == [(0.0, 200), (1.0, DATA[0]), (2.0, half), (2.0, Action.CLOSE)]


def test_a_stream_without_terminal_event_ends_properly() -> None:
    frames = run(NoTerminal(), make_stream(done=True))
    assert numbers(frames) == [0, 1, 2, 3]
    assert timeline(frames)[-1] == (5.0, Action.CLOSE)


def test_an_error_is_an_end_too() -> None:
    error = '{"type":"error","error":{"code":"server_error"}}'
    failed = '{"type":"response.failed","response":{}}'
    frames = run(NoTerminal(), make_stream([EVENTS[0], error, failed]))
    assert numbers(frames) == [0]


@pytest.mark.parametrize("frames", [make_stream(), make_body()])
def test_a_connection_stays_open_after_the_end(frames: list[object]) -> None:
    sound = timeline(frames)  # type: ignore[arg-type]
    assert timeline(run(SlowClose(seconds=3), frames)) == [*sound[:-1], (8.0, Action.CLOSE)]  # type: ignore[arg-type]
    assert timeline(run(SlowClose(), frames))[-1] == (float("inf"), Action.CLOSE)  # type: ignore[arg-type]
