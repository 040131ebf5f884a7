import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from random import Random
from statistics import mean, quantiles
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import OptionError
from respool.play.pace import Pace, draw, fill, fill_typical, jitter, limit_gap, shift_first_token
from respool.protocol.events import Event
from respool.recordings.recording import Header, Recording, TimedEvent

CREATED = Event('{"type":"response.created"}', "response.created")
DELTA = Event('{"type":"response.output_text.delta"}', "response.output_text.delta")
COMPLETED = Event('{"type":"response.completed"}', "response.completed")


def timed(*gaps: float | None, deltas: Sequence[int] = (), name: str = "a") -> Recording:
    """A recording with these gaps, whose events at the places `deltas` are deltas."""
    events = [TimedEvent(gap, DELTA if at in deltas else CREATED) for at, gap in enumerate(gaps)]
    return Recording(name, Header(), tuple(events))


class Fixed(Random):
    """Chance that always gives the same share of what is possible."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def random(self) -> float:
        return self.share


@pytest.mark.parametrize(
    ("gaps", "gap", "filled"),
    [
        ([], 0.5, []),
        ([None, None], 0.5, [0.5, 0.5]),
        ([None, 1.0, None], 0.5, [0.5, 1.0, 0.5]),
        ([0.0, None], 0.5, [0.0, 0.5]),
        ([1.0, None], 0.0, [1.0, 0.0]),
    ],
)
def test_fill_takes_the_gap_only_where_no_time_is_known(
    gaps: list[float | None], gap: float, filled: list[float]
) -> None:
    assert list(fill(gaps, gap)) == filled


@pytest.mark.parametrize(
    ("gaps", "max_gap", "limited"),
    [
        ([], 1.0, []),
        ([0.2, 3.0, 1.0], 1.0, [0.2, 1.0, 1.0]),
        ([0.2, 3.0], 0.0, [0.0, 0.0]),
        ([0.2, 3.0], 5.0, [0.2, 3.0]),
    ],
)
def test_limit_gap_shortens_only_what_is_longer(
    gaps: list[float], max_gap: float, limited: list[float]
) -> None:
    assert list(limit_gap(gaps, max_gap)) == limited


@pytest.mark.parametrize(
    ("share", "gaps", "jittered"),
    [
        (0.0, [1.0, 0.5, 0.25, 0.0], [0.5, 0.0, 0.0, 0.0]),
        (0.5, [1.0, 0.5, 0.25, 0.0], [1.0, 0.5, 0.25, 0.0]),
        (1.0, [1.0, 0.5, 0.25, 0.0], [1.5, 1.0, 0.75, 0.5]),
        (1.0, [], []),
    ],
)
def test_jitter_changes_each_gap_by_up_to_its_amount_and_none_becomes_negative(
    share: float, gaps: list[float], jittered: list[float]
) -> None:
    assert list(jitter(gaps, 0.5, Fixed(share))) == jittered


@pytest.mark.parametrize(
    ("moments", "first_token", "ttft", "shifted"),
    [
        ([1.0, 2.0, 4.0, 7.0], 2, 6.0, [3.0, 4.0, 6.0, 9.0]),
        ([1.0, 2.0, 4.0, 7.0], 2, 3.0, [0.0, 1.0, 3.0, 6.0]),
        ([1.0, 2.0, 4.0, 7.0], 2, 1.0, [0.0, 0.0, 1.0, 4.0]),
        ([1.0, 2.0, 4.0, 7.0], 2, 0.0, [0.0, 0.0, 0.0, 3.0]),
        ([1.0, 2.0], 0, 5.0, [5.0, 6.0]),
    ],
)
def test_shift_first_token_moves_it_there_and_keeps_the_distances_of_the_rest(
    moments: list[float], first_token: int, ttft: float, shifted: list[float]
) -> None:
    assert shift_first_token(moments, first_token, ttft) == shifted


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.25, 10.0), (0.5, 100.0), (0.75, 200.0), (1.0, 400.0)]
)
def test_a_draw_is_spread_on_a_logarithmic_scale_between_two_quantiles(share: float, value: float) -> None:
    assert draw(((0.0, 1.0), (0.5, 100.0), (1.0, 400.0)), Fixed(share)) == pytest.approx(value)


def test_typical_gaps_keep_every_time_that_is_known() -> None:
    gaps = [7.0, None, 0.0, None, 9.0]
    filled = list(fill_typical(gaps, 1, 3, Random(0)))
    assert [filled[0], filled[2], filled[4]] == [7.0, 0.0, 9.0]
    assert all(0 < gap < 2 for gap in (filled[1], filled[3]))


@pytest.mark.parametrize(
    ("gaps", "first_token", "moments"),
    [
        ([None, 0.125, 0.25, 1.0], 2, [0.045, 0.17, 0.42, 1.42]),
        ([None, 1.0], 0, [0.42, 1.42]),
        ([None, 1.0], 1, [0.0, 1.0]),  # it would have come later than that
        ([0.0, 1.0], 1, [0.0, 1.0]),
    ],
)
def test_typical_gaps_put_the_first_delta_where_those_of_real_streams_are(
    gaps: list[float | None], first_token: int, moments: list[float]
) -> None:
    filled = fill_typical(gaps, first_token, None, Fixed(0.5))
    assert list(accumulate(filled)) == pytest.approx(moments)


@pytest.mark.parametrize(
    ("options", "moments"),
    [
        ({}, [0.02, 8.02, 9.02, 10.02, 10.02]),
        ({"gap": 3}, [3, 11, 12, 13, 13]),
        ({"gap": 0}, [0, 8, 9, 10, 10]),
        ({"gap": 3, "max_gap": 2}, [2, 4, 5, 6, 6]),
        ({"gap": 3, "max_gap": 0}, [0, 0, 0, 0, 0]),
        ({"gap": 3, "ttft": 20}, [11, 19, 20, 21, 21]),
        ({"gap": 3, "ttft": 8}, [0, 7, 8, 9, 9]),
        ({"gap": 3, "ttft": 0}, [0, 0, 0, 1, 1]),
        ({"gap": 3, "speed": 0.5}, [6, 22, 24, 26, 26]),
        ({"gap": 3, "speed": math.inf}, [0, 0, 0, 0, 0]),
        ({"gap": 3, "ttft": 20, "max_gap": 2, "jitter": 1, "speed": math.inf}, [0, 0, 0, 0, 0]),
        # Were the order any other, these would differ: fill, limit, add up, shift, speed.
        ({"gap": 3, "max_gap": 2, "ttft": 20, "speed": 2}, [8.5, 9.5, 10, 10.5, 10.5]),
    ],
)
def test_a_pace_turns_gaps_into_moments(options: dict[str, Any], moments: list[float]) -> None:
    assert Pace(**options).moments(timed(None, 8, 1, 1, 0, deltas=(2, 3))) == pytest.approx(moments)


def test_a_stream_without_deltas_has_its_first_event_at_ttft() -> None:
    assert Pace(ttft=5).moments(timed(1, 2, 3)) == [5, 7, 10]


@pytest.mark.parametrize("pace", [Pace(), Pace(gap="typical"), Pace(ttft=1, jitter=1), Pace(speed=math.inf)])
def test_a_recording_without_events_has_no_moments(pace: Pace) -> None:
    assert pace.moments(timed()) == []


def test_jitter_comes_after_the_limit_so_that_a_long_pause_can_exceed_it() -> None:
    moments = Pace(max_gap=1, jitter=0.5).moments(timed(*[9.0] * 100))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(0.5 <= gap <= 1.5 for gap in gaps)
    assert min(gaps) < 0.75
    assert max(gaps) > 1.25


def test_jitter_comes_before_ttft_so_that_the_first_delta_is_exactly_there() -> None:
    moments = Pace(jitter=0.5, ttft=9).moments(timed(1, 1, 1, 1, deltas=(2, 3)))
    assert moments[2] == 9
    assert moments[3] != 10


def test_moments_never_fall_however_large_the_jitter() -> None:
    moments = Pace(jitter=10).moments(timed(*[0.1] * 200))
    assert moments == sorted(moments)


@pytest.mark.parametrize("options", [{"jitter": 0.5}, {"gap": "typical"}])
def test_chance_is_the_same_for_the_same_seed_and_recording_only(options: dict[str, Any]) -> None:
    gaps = (None, None, 0.2, None) * 5
    first = Pace(seed=1, **options).moments(timed(*gaps))
    assert Pace(seed=1, **options).moments(timed(*gaps)) == first
    assert Pace(seed=2, **options).moments(timed(*gaps)) != first
    assert Pace(seed=1, **options).moments(timed(*gaps, name="b")) != first


def test_playing_a_recording_twice_at_one_pace_gives_the_same_times() -> None:
    pace = Pace(gap="typical", jitter=0.1)
    assert pace.moments(timed(None, None, 1)) == pace.moments(timed(None, None, 1))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_typical_gaps_between_deltas_are_those_of_real_streams(seed: int) -> None:
    events = (TimedEvent(None, CREATED), *[TimedEvent(None, DELTA)] * 20_001)
    moments = Pace(gap="typical", seed=seed).moments(Recording("a", Header(), events))
    gaps = [later - earlier for earlier, later in pairwise(moments[1:])]
    shares = quantiles(gaps, n=100)
    assert min(gaps) > 0
    assert mean(gaps) == pytest.approx(0.017, rel=0.1)
    assert [shares[at - 1] for at in (75, 90, 95, 99)] == pytest.approx([0.027, 0.048, 0.064, 0.110], rel=0.1)
    assert shares[49] == pytest.approx(0.003, rel=0.25)  # the steepest place: 1 % of the draws is 10 %
    assert sum(gap <= 0.002 for gap in gaps) / len(gaps) == pytest.approx(0.47, abs=0.02)
    assert 0.3 < max(gaps) <= 1.3


def test_typical_first_deltas_and_ends_are_those_of_real_streams() -> None:
    events = [TimedEvent(None, event) for event in (CREATED, CREATED, DELTA, DELTA, COMPLETED)]
    plays = [Pace(gap="typical").moments(Recording(f"r{n}", Header(), tuple(events))) for n in range(4000)]
    first_deltas = quantiles((moments[2] for moments in plays), n=100)
    assert [first_deltas[at - 1] for at in (5, 50, 95, 99)] == pytest.approx([0.23, 0.42, 0.97, 1.5], rel=0.1)
    ends = quantiles((moments[4] - moments[3] for moments in plays), n=100)
    assert ends[49] == pytest.approx(0.14, rel=0.1)
    assert all(moments == sorted(moments) and moments[0] >= 0 for moments in plays)


def test_typical_times_leave_a_recorded_first_event_where_it_is() -> None:
    events = [TimedEvent(0.5, CREATED), TimedEvent(None, DELTA), TimedEvent(0.25, COMPLETED)]
    moments = Pace(gap="typical").moments(Recording("a", Header(), tuple(events)))
    assert moments[0] == 0.5
    assert moments[2] - moments[1] == pytest.approx(0.25)


@pytest.mark.parametrize("value", [math.nan, -0.1, -math.inf, math.inf])
@pytest.mark.parametrize("option", ["gap", "max_gap", "jitter", "ttft"])
def test_an_option_in_seconds_is_refused_unless_it_is_finite_and_0_or_more(option: str, value: float) -> None:
    with pytest.raises(OptionError, match=rf"^{option.replace('_', '-')} is .*, expected seconds, 0 or more"):
        Pace(**{option: value})


@pytest.mark.parametrize("option", ["gap", "max_gap", "jitter", "ttft"])
def test_an_option_in_seconds_that_is_too_large_is_told_the_limit(option: str) -> None:
    Pace(**{option: 1e9})
    with pytest.raises(OptionError) as raised:
        Pace(**{option: 2e9})
    assert not str(raised.value).endswith("expected seconds, 0 or more")


@pytest.mark.parametrize("speed", [math.nan, 0, -1, -math.inf])
def test_a_speed_is_refused_unless_it_is_above_0(speed: float) -> None:
    with pytest.raises(OptionError, match=r"^speed is .*, expected a factor above 0, or instant"):
        Pace(speed=speed)


@pytest.mark.parametrize(
    "options",
    [
        {"max_gap": "typical"},
        {"jitter": "typical"},
        {"ttft": "typical"},
        {"speed": "typical"},
        {"gap": "fast"},
        {"gap": None},
        {"jitter": None},
        {"speed": None},
    ],
)
def test_a_value_of_another_type_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Pace(**options)


@pytest.mark.parametrize(
    ("options", "moments"),
    [
        ({}, [1e9, 1e9, 1e9]),
        ({"speed": 1e-320}, [1e9, 1e9, 1e9]),
        ({"speed": 1e308}, [1e-299, 1e-299, 1e-299]),
        ({"jitter": 1e9}, [1e9, 1e9, 1e9]),
        ({"ttft": 2.0}, [2.0, 2.0, 2.0]),
    ],
)
def test_no_gap_however_long_makes_a_moment_infinite(options: dict[str, Any], moments: list[float]) -> None:
    assert Pace(**options).moments(timed(1e308, 1e308, 1.0)) == pytest.approx(moments, abs=0)


seconds = st.floats(0, 1e6)


@given(
    st.builds(
        Pace,
        gap=seconds | st.just("typical"),
        max_gap=st.none() | seconds,
        jitter=seconds,
        ttft=st.none() | seconds,
        speed=st.floats(1e-6, 1e6) | st.just(math.inf),
        seed=st.integers(),
    ),
    st.lists(st.tuples(st.none() | seconds, st.sampled_from([CREATED, DELTA]))),
)
def test_whatever_the_pace_there_is_a_finite_moment_for_each_event_and_none_falls(
    pace: Pace, events: list[tuple[float | None, Event]]
) -> None:
    recording = Recording("a", Header(), tuple(TimedEvent(*event) for event in events))
    moments = pace.moments(recording)
    assert len(moments) == len(events)
    assert moments == sorted(moments)
    assert all(moment >= 0 and math.isfinite(moment) for moment in moments)
