"""Faults of time: what is sent stays, its moments change."""

import math
from itertools import islice

import pytest
from fault_streams import EVENTS, make_body, make_stream, moments, run, timeline

from respool.faults import (
    FAULTS,
    ActiveFault,
    Bandwidth,
    Burst,
    Fault,
    Jitter,
    Latency,
    SlowHeaders,
    Stall,
    Ttft,
    apply,
)
from respool.faults.frame import Action, Frame
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event

INF = math.inf
WHOLE = b"".join(encode_sse(Event.parse(text)) for text in EVENTS)


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        (Latency(seconds=2), [2, 3, 4, 5, 6, 7, 7]),
        (Latency(seconds=INF), [INF] * 7),
        (SlowHeaders(seconds=2.5), [2.5, 2.5, 2.5, 3, 4, 5, 5]),
        (Ttft(seconds=10), [0, 8, 9, 10, 11, 12, 12]),
        (Ttft(seconds=1.5), [0, 0, 0.5, 1.5, 2.5, 3.5, 3.5]),
        (Stall(after=2), [0, 1, 2, INF, INF, INF, INF]),
        (Stall(after=2, seconds=7), [0, 1, 2, 10, 11, 12, 12]),
        (Stall(after=0, seconds=7), [0, 8, 9, 10, 11, 12, 12]),
        (Stall(after="100%", seconds=7), [0, 1, 2, 3, 4, 5, 12]),
        (Stall(after=9, seconds=7), [0, 1, 2, 3, 4, 5, 5]),
        (Burst(), [0, 2, 2, 2, 2, 2, 2]),
        (Burst(after=3, seconds=4), [0, 1, 2, 3, 7, 7, 7]),
        (Burst(after=3, seconds=0), [0, 1, 2, 3, 3, 3, 3]),
        (Burst(after=9), [0, 1, 2, 3, 4, 5, 5]),
    ],
    ids=str,
)
def test_the_moments_of_the_head_of_each_event_and_of_the_end(fault: Fault, at: list[float]) -> None:
    frames = run(fault)
    assert moments(frames) == at
    assert [timeline([frame])[0][1] for frame in frames] == [
        timeline([frame])[0][1] for frame in make_stream()
    ]


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        (Latency(seconds=2), [7, 7, 7]),
        (SlowHeaders(seconds=6), [6, 6, 6]),
        (Stall(seconds=2), [5, 5, 7, 7]),
        (Stall(after="1s", seconds=2), [7, 7, 7]),
        (Stall(after=1), [5, 5, 5]),
        (Burst(seconds=3), [5, 8, 8]),
        (Burst(after="1s", seconds=1), [2, 2, 2]),
    ],
    ids=str,
)
def test_the_moments_of_an_answer_without_stream(fault: Fault, at: list[float]) -> None:
    assert moments(run(fault, make_body())) == at


def test_without_a_delta_the_first_event_is_the_first_token() -> None:
    assert moments(run(Ttft(seconds=4), make_stream([EVENTS[0], EVENTS[4]]))) == [0, 4, 5, 5]


def test_gaps_become_longer_and_shorter_but_never_negative() -> None:
    steady = make_stream([EVENTS[2]] * 200, gap=0.1)
    at = moments(run(Jitter(seconds=0.2), steady))[1:-1]
    gaps = [later - sooner for sooner, later in zip([0.0, *at], at, strict=False)]
    assert all(-1e-9 <= gap <= 0.3 + 1e-9 for gap in gaps)
    assert min(gaps) < 0.01
    assert max(gaps) > 0.25
    assert moments(run(Jitter(), steady)) == moments(run(Jitter(), steady, seed=0))
    assert moments(run(Jitter(), steady)) != moments(run(Jitter(), steady, seed=1))


def test_after_a_pause_without_end_no_moment_comes() -> None:
    assert moments(run(Jitter(), run(Stall(after=2))))[3:] == [INF] * 4


def test_comments_keep_a_stalled_stream_alive() -> None:
    frames = run(Stall(after=2, seconds=3, keepalive=1))
    assert timeline(frames)[3:5] == [(3.0, b": keepalive\n\n"), (4.0, b": keepalive\n\n")]
    assert moments(frames) == [0, 1, 2, 3, 4, 6, 7, 8, 8]


def test_comments_without_end_are_made_one_at_a_time() -> None:
    active = [
        ActiveFault.of(Stall(after=2, keepalive=1)),
        ActiveFault.of(Jitter(seconds=0)),
        ActiveFault.of(FAULTS["gzip"]()),
    ]
    frames = list(islice(apply(make_stream(), active), 1000))
    assert moments(frames)[3:] == list(range(3, 1000))


def test_an_answer_without_stream_has_no_comments() -> None:
    assert b"keepalive" not in b"".join(
        frame.data for frame in run(Stall(seconds=3, keepalive=1), make_body())
    )


@pytest.mark.parametrize("rate", [1, 9, 10, 100, 10_000])
def test_no_more_bytes_come_than_the_line_lets_through(rate: int) -> None:
    frames = run(Bandwidth(rate=rate))
    assert b"".join(frame.data for frame in frames) == WHOLE
    sent = 0
    for frame in frames[1:-1]:
        sent += len(frame.data)
        assert sent <= rate * (frame.at - 0.999999) + 1e-6, "the first event came at one second"
    assert frames[-1].at == max(5.0, frames[-2].at)
    most = max(1, rate // 10)
    assert all(len(frame.data) <= most for frame in frames)


def test_a_slow_line_is_used_all_the_time() -> None:
    frames = run(Bandwidth(rate=10))
    assert frames[-2].at == pytest.approx(1.0 + len(WHOLE) / 10)


def test_a_pause_comes_before_a_close_at_the_same_place() -> None:
    frames = list(
        apply(
            make_stream(),
            [ActiveFault.of(Stall(after=2, seconds=7)), ActiveFault.of(FAULTS["close"](after=2))],
        )
    )  # type: ignore[call-arg]
    assert frames[-1] == Frame(9.0, action=Action.CLOSE)


def test_every_fault_of_time_is_in_a_test_above() -> None:
    assert {Latency, Ttft, Jitter, Stall, Burst, Bandwidth} == {
        fault for fault in FAULTS.values() if fault.category == "time"
    }
