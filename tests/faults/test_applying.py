"""Which faults happen, and in which order."""

import math
from dataclasses import replace
from itertools import islice, pairwise, permutations

import pytest
from fault_strategies import any_fault
from fault_streams import EVENTS, make_body, make_stream, numbers, timeline
from hypothesis import given
from hypothesis import strategies as st

from respool.faults import (
    Abort,
    ActiveFault,
    Close,
    Comments,
    Drop,
    Fault,
    FaultSampler,
    Gzip,
    HalfFrame,
    HugeEvent,
    Jitter,
    LineEnds,
    Quota,
    Refuse,
    Renumber,
    Slicer,
    Stall,
    Status,
    TruncatedJson,
    apply,
    applying,
    parse,
)
from respool.faults.frame import Action, Frame


def sampled(sampler: FaultSampler, faults: str, name: str = "a", codings: tuple[str, ...] = ()) -> list[str]:
    return [str(one.fault) for one in sampler.sample(name, parse(faults), codings)]


def frames_with(*faults: Fault) -> list[Frame]:
    return list(apply(make_stream(), map(ActiveFault.of, faults)))


def test_without_faults_nothing_happens_and_nothing_changes() -> None:
    assert FaultSampler().sample("a", ()) == ()
    assert frames_with() == make_stream()


def test_a_fault_happens_so_many_times_and_then_no_more() -> None:
    sampler = FaultSampler()
    assert [sampled(sampler, "status(times=2); abort") for _ in range(4)] == [
        ["status(times=2)", "abort"], ["status(times=2)", "abort"], ["abort"], ["abort"]
    ]  # fmt: skip
    assert sampled(sampler, "status(times=2)", "b") == ["status(times=2)"], (
        "each recording is counted by itself"
    )
    sampler.clear()
    assert sampled(sampler, "status(times=2)") == ["status(times=2)"]


def test_of_faults_that_answer_the_first_happens_and_the_others_are_not_counted() -> None:
    sampler = FaultSampler()
    faults = "status(code=503, times=1); status(code=429, times=2); abort"
    assert [sampled(sampler, faults)[0] for _ in range(4)] == [
        "status(code=503, times=1)", "status(code=429, times=2)", "status(code=429, times=2)", "abort"
    ]  # fmt: skip
    assert sampled(sampler, "refuse; quota; status") == ["refuse"]


def test_a_fault_happens_by_chance_and_a_run_that_is_repeated_is_the_same() -> None:
    def run(seed: int, name: str = "a") -> list[bool]:
        sampler = FaultSampler(seed)
        return [bool(sampler.sample(name, [Abort(probability=0.3)])) for _ in range(1000)]

    assert run(0) == run(0)
    assert run(0) != run(1)
    assert run(0) != run(0, "b")
    assert 250 < sum(run(0)) < 350
    assert not any(FaultSampler().sample("a", [Abort(probability=0)]) for _ in range(100))


def test_chance_and_count_go_together() -> None:
    sampler = FaultSampler()
    assert sum(len(sampler.sample("a", [Abort(probability=0.5, times=3)])) for _ in range(100)) == 3


def test_the_chance_of_one_fault_does_not_depend_on_another_that_follows() -> None:
    alone = [one.rng.random() for one in FaultSampler().sample("a", [Jitter()])]
    among = [one.rng.random() for one in FaultSampler().sample("a", [Jitter(), Slicer(probability=0.1)])]
    assert alone == among[:1]


def test_a_coding_that_the_client_does_not_accept_is_not_used() -> None:
    assert sampled(FaultSampler(), "gzip") == []
    assert sampled(FaultSampler(), "gzip", codings=("gzip",)) == ["gzip"]


@pytest.mark.parametrize(
    "faults",
    [
        (Slicer(size=3), Drop(at=2)),
        (Close(after=3), Comments(), Stall(after=2, seconds=1)),
        (Gzip(), LineEnds(), Slicer(size=5)),
        (TruncatedJson(at=2), Renumber(first=5)),
    ],
    ids=str,
)
def test_faults_of_several_stages_do_the_same_in_whichever_order_they_are_named(
    faults: tuple[Fault, ...],
) -> None:
    first, *others = [frames_with(*order) for order in permutations(faults)]
    assert all(other == first for other in others)


def test_faults_of_one_stage_are_applied_in_the_order_in_which_they_are_named() -> None:
    assert numbers(frames_with(Drop(at=2), Renumber())) == [1, 2, 3, 4]
    assert numbers(frames_with(Renumber(), Drop(at=2))) == [1, 3, 4, 5]


def test_a_fraction_is_of_all_events_before_the_answer_is_cut() -> None:
    frames = frames_with(Close(after="80%"), Stall(after="80%", seconds=3))
    assert timeline(frames)[-1] == (7.0, Action.CLOSE)


def test_a_fraction_names_an_event_even_if_it_is_none() -> None:
    assert len(timeline(frames_with(HalfFrame(at="0%")))) == 3


@pytest.mark.parametrize("fault", [Status(), Quota()])
def test_another_answer_is_sent_slowly_too(fault: Fault) -> None:
    frames = frames_with(Stall(seconds=1), Slicer(size=10), fault)
    assert frames[0].head is not None
    assert frames[0].head.status >= 400
    assert frames[-1].at == 1.0


def test_nothing_more_happens_to_a_connection_that_was_refused() -> None:
    assert timeline(frames_with(Refuse(), Close(after=2), Slicer(), Gzip())) == [(0.0, Action.RESET)]


@pytest.mark.parametrize(
    ("fault", "length"),
    [(Close(after="4b"), "4"), (Abort(after="4b"), "15"), (Abort(after="15b"), "16"), (Slicer(), "15")],
    ids=str,
)
def test_an_answer_with_a_length_tells_the_truth_unless_it_breaks_off(fault: Fault, length: str) -> None:
    frames = list(apply(make_body(), [ActiveFault.of(fault)]))
    assert frames[0].head is not None
    assert frames[0].head.headers["content-length"] == length


def test_a_million_pieces_are_made_one_at_a_time() -> None:
    big = '{"type":"response.x","d":"' + "x" * 1_000_000 + '"}'
    frames = apply(make_stream([big, *EVENTS]), map(ActiveFault.of, (Slicer(), Stall(after="50%"), Gzip())))
    assert sum(1 for _, frame in zip(range(500), frames, strict=False) if frame.data) >= 499


SOUND = [
    make_stream(),
    make_stream(done=True),
    make_stream([EVENTS[2]] * 30, gap=0.1),
    make_body(),
    make_stream([]),
]


def smaller(fault: Fault) -> Fault:
    """The same, but for the size of a huge event: the test is of other things."""
    return replace(fault, size=1000) if isinstance(fault, HugeEvent) else fault


@given(st.sampled_from(SOUND), st.lists(any_fault(), max_size=5))
def test_whatever_faults_happen_an_answer_stays_one(sound: list[Frame], faults: list[Fault]) -> None:
    active = FaultSampler().sample("a", map(smaller, faults), ["gzip"])
    frames = list(islice(apply(sound, active), 3000))
    if len(frames) < 3000:
        assert frames.pop().action is not Action.SEND
    assert all(frame.action is Action.SEND for frame in frames), "only the last one ends it"
    assert all(frame.head is None for frame in frames[1:]), "the head is first"
    assert all(sooner.at <= later.at for sooner, later in pairwise(frames)), "moments never fall"
    assert not any(math.isnan(frame.at) for frame in frames)


def test_counts_are_bounded_and_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "MOST_COUNTED", 3)
    counter = applying.BoundedCounter()
    assert [counter.count(key) for key in "aabcad"] == [1, 2, 1, 1, 3, 1]
    assert dict(counter) == {"c": 1, "a": 3, "d": 1}
    assert counter["b"] == 0
