import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.bench.summary import (
    BOUNDS,
    NO_LATENESS,
    Figures,
    LoadReport,
    as_json,
    as_text,
    bar,
    figures,
    histogram,
    milliseconds,
    percentile,
    plot,
)

TIMES = [0.0001, 0.0002, 0.0011, 0.0049]
REPORT = LoadReport(
    url="http://host/v1",
    model="text/hello",
    streams=3,
    plays=2,
    events=4000,
    size=2_000_000,
    seconds=2.0,
    errors={"timeout": 1, "HTTP 429": 2},
    ttfe=figures([0.25]),
    late=figures(TIMES),
    busy=0.5,
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 50, 7.0),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0, 3.0], 50, 2.0),
        ([float(value) for value in range(1, 101)], 99, 99.0),
        ([float(value) for value in range(1, 201)], 99, 198.0),
        ([float(value) for value in range(1, 11)], 99, 10.0),
        ([1.0, 2.0, 3.0], 100, 3.0),
        ([1.0, 2.0, 3.0], 0, 1.0),
    ],
)
def test_a_percentile_is_the_smallest_value_not_below_its_share(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.000524, "0.52"), (1.2344, "1,234"), (-0.001, "-1.00"), (0.0, "0.00")]
)
def test_milliseconds_have_as_many_digits_as_tell_something(seconds: float, expected: str) -> None:
    assert milliseconds(seconds) == expected


def test_figures_are_made_of_values_in_any_order() -> None:
    expected = Figures(3, 0.002, 0.003, 0.003, 0.003, histogram([0.001, 0.002, 0.003]))
    assert figures([0.003, 0.001, 0.002]) == expected
    assert figures([]) is None


def test_a_bound_belongs_to_the_bucket_above_it() -> None:
    counts = histogram([-0.1, 0.0, 0.0005, 0.000499, 5.0, 60.0])
    assert counts == [1, 2, 1, *[0] * (len(BOUNDS) - 3), 2]


@given(st.lists(st.floats(-10, 100)))
def test_each_value_is_in_one_bucket(values: list[float]) -> None:
    counts = histogram(values)
    assert sum(counts) == len(values)
    assert counts[0] == sum(value < 0 for value in values)
    assert counts[-1] == sum(value >= BOUNDS[-1] for value in values)


def test_a_plot_shows_each_bucket_from_the_first_to_the_last_that_has_values() -> None:
    assert plot(histogram(TIMES), width=4) == [
        "< 0.5 ms  ████   50.0%",
        "  < 1 ms          0.0%",
        "  < 2 ms  ██     25.0%",
        "  < 5 ms  ██     25.0%",
    ]


def test_the_ends_of_a_plot_are_named() -> None:
    lines = plot(histogram([-1.0, 9.0]), width=1)
    names = [line.split("  █")[0].strip() for line in lines]
    assert (names[0], names[-1]) == ("early", ">= 5 s")
    assert "< 5,000 ms" in lines[-2]
    assert plot(histogram([])) == []


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, ""), (0.0001, "▏"), (0.5, "██"), (0.53, "██▏"), (1.0, "████")]
)
def test_a_bar_is_exact_to_an_eighth_and_shows_what_is_not_nothing(share: float, expected: str) -> None:
    assert bar(share, 4) == expected


def test_a_report_is_told_to_a_person() -> None:
    assert as_text(REPORT) == [
        "3 streams of text/hello at http://host/v1",
        "2 plays, 4,000 events in 2.0 s: 2,000 events/s, 1.00 MB/s",
        "",
        "ms                 p50       p90       p99       max",
        "first event        250       250       250       250",
        "lateness          0.20      4.90      4.90      4.90",
        "",
        "lateness",
        *plot(histogram(TIMES)),
        "",
        "3 streams failed: 2 HTTP 429, 1 timeout",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"late": None}, NO_LATENESS),
        ({"busy": 0.93}, "the client was busy for 93% of the time: it may have been the limit"),
        ({"interrupted": True}, "interrupted: what was under way is not counted as a play, nor as an error"),
        ({"errors": {}}, "no errors"),
        ({"errors": {"cut": 1}}, "1 stream failed: 1 cut"),
    ],
)
def test_what_is_to_be_known_of_the_figures_is_told(changes: dict[str, Any], told: str) -> None:
    assert told not in as_text(REPORT)
    assert told in as_text(replace(REPORT, **changes))


def test_a_report_is_json_in_seconds() -> None:
    made = as_json(replace(REPORT, ttfe=None))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["events_per_second"], made["bytes"], made["ttfe"]) == (2000.0, 2_000_000, None)
    assert list(made["errors"].items()) == [("HTTP 429", 2), ("timeout", 1)]
    lateness = made["lateness"]
    assert (lateness["count"], lateness["p50"], lateness["max"]) == (4, 0.0002, 0.0049)
    first, second, *_, last = lateness["histogram"]
    assert first == {"from": None, "below": 0.0, "count": 0}
    assert second == {"from": 0.0, "below": 0.0005, "count": 2}
    assert last == {"from": 5.0, "below": None, "count": 0}
