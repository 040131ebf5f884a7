import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from bench import __main__ as command
from bench import measure, recordings, startup, waits
from bench.measure import PARTS, SERVERS, Bench, Plan, steps
from bench.report import Table, disturbance, microseconds, ratio, render

from respool.play.pace import Pace
from respool.recordings.store import Store

TABLE = Table(
    "Lateness",
    "How late.",
    ("streams", "server", "p50 ms"),
    [("1", "Respool", "0.52"), ("1", "plain app", "1,234")],
    ("A note.",),
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (microseconds(0.00003149), "31"),
        (microseconds(0.000249), "250"),
        (microseconds(0.0), "unknown"),
        (ratio(3.0, 2.0), "1.5x"),
        (ratio(123456.0, 1.0), "123,456x"),
        (ratio(1.0, 0.0), ""),
        (ratio(math.nan, 1.0), ""),
    ],
)
def test_figures_have_as_many_digits_as_tell_something(shown: str, expected: str) -> None:
    assert shown == expected


def test_a_table_is_markdown_whose_columns_line_up() -> None:
    assert render(TABLE).splitlines() == [
        "## Lateness",
        "",
        "How late.",
        "",
        "| streams | server    | p50 ms |",
        "| ------- | --------- | -----: |",
        "| 1       | Respool   |   0.52 |",
        "| 1       | plain app |  1,234 |",
        "",
        "- A note.",
    ]


def test_disturbance_is_what_neither_the_bench_nor_idling_has_used() -> None:
    before = [0] * 8
    after = [40, 0, 20, 25, 5, 0, 0, 10]  # user, nice, system, idle, iowait, irq, softirq, steal
    used = 50 / os.sysconf("SC_CLK_TCK")
    assert disturbance(before, after, used) == ("10.0%", "10.0%")
    assert disturbance([], [], used) == ("unknown", "unknown")


@pytest.mark.parametrize("count", [recordings.FEWEST, 9, 50])
def test_a_recording_has_the_events_and_the_moments_that_were_asked_for(tmp_path: Path, count: int) -> None:
    recordings.write(tmp_path / "a.jsonl", count, gap=0.04)
    recording = Store([tmp_path]).get("a")
    assert recording is not None
    assert [timed.event.sequence_number for timed in recording.events] == list(range(count))
    assert Pace().moments(recording) == recordings.moments(count, 0.04)


def test_a_recording_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="7 events, expected 8 or more"):
        list(recordings.text_events(7, padding=0))


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path | None]:
    """Run the command with a part that gives TABLE at once; where it has written its results, if it has."""
    path = tmp_path / "results.md"
    monkeypatch.setattr(command, "RESULTS", path)

    def run(arguments: Sequence[str], failed: int = 0) -> Path | None:
        table = replace(TABLE, failed=failed)
        monkeypatch.setattr(command, "PARTS", dict.fromkeys(PARTS, lambda bench: table))
        assert command.main(arguments) == bool(failed)
        return path if path.exists() else None

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], True),
        (["--quick"], False),
        (["lateness"], False),
        (["--streams", "1,5"], False),
        (["lateness", "--quick", "--write"], True),
    ],
)
def test_only_a_full_run_writes_its_results_unasked(
    written: Callable[..., Path | None],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: bool,
) -> None:
    path = written(arguments)
    printed = capsys.readouterr().out
    assert render(TABLE) in printed
    assert (path is not None) == expected
    assert path is None or path.read_text() == printed.removesuffix("\n")


def test_results_with_failed_streams_are_not_written(
    written: Callable[..., Path | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(["--write"], failed=2) is None
    assert capsys.readouterr().err == "8 streams failed: these figures are worth nothing\n"


@pytest.mark.parametrize(("value", "code"), [(0.5, 3), (1.99, 3), (2.0, 0), (7.0, 0), (math.nan, 3)])
def test_a_check_fails_where_a_ratio_is_below_its_floor(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = replace(TABLE, ratios={"requests a second": value, "another": 0.0})
    monkeypatch.setattr(command, "PARTS", {"requests": lambda bench: table})
    assert command.main(["requests", "--quick", "--check"]) == code
    told = f"requests a second: {value:.2f} times better than the plain app, expected 2 or more\n"
    assert capsys.readouterr().err == (told if code else "")


@pytest.mark.parametrize("counts", ["", "0", "1,", "x", "1001", "-1"])
def test_numbers_of_streams_out_of_bounds_are_refused(
    counts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main([f"--streams={counts}"])
    assert f"{counts!r} is no list of numbers from 1 to 1000" in capsys.readouterr().err


COMPARED = {
    "lateness": "CPU per timed event",
    "throughput": "events a second, untimed",
    "requests": "requests a second",
}


@pytest.fixture
def bench() -> Iterator[tuple[Bench, list[str]]]:
    """A bench of the smallest size, and the steps that it has told."""
    plan = Plan(
        timed_events=10,
        gap=0.0,
        streams=(2,),
        untimed_events=10,
        clients=(2,),
        seconds=0.0,
        slow_readers=2,
        repeats=1,
    )
    told: list[str] = []
    with ThreadPoolExecutor(1) as client:
        yield Bench(plan, client, None, told.append), told


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("part", PARTS)
def test_each_part_plays_both_servers_without_a_failure(
    part: str, bench: tuple[Bench, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "SETTLED", 0.0)
    made, told = bench
    table = PARTS[part](made)
    assert table.failed == 0
    assert [row[:2] for row in table.rows] == [["2", name] for name in (*SERVERS, "ratio")]
    assert len(told) == steps(part, made.plan)
    assert list(table.ratios) == ([COMPARED[part]] if part in COMPARED else [])
    assert set(COMPARED.values()) == set(command.FLOORS)


def test_the_folder_for_starts_has_sixty_events_to_a_recording_in_the_mean(tmp_path: Path) -> None:
    startup.write_folder(tmp_path, 25)
    store = Store(tmp_path)
    events = [len(store.turns(name)[0].events) for name in store.names]
    assert (len(events), sum(events)) == (25, 25 * 60)


def test_a_start_is_measured_until_the_address_is_said_and_until_a_request_is_answered(
    tmp_path: Path,
) -> None:
    startup.write_folder(tmp_path, 2)
    start = startup.measure(tmp_path)
    assert 0 < start.listening < start.answered


def test_a_server_that_does_not_start_is_told_with_what_it_wrote(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such file or folder"):
        startup.measure(tmp_path / "missing")


@pytest.mark.parametrize("redis", [False, True])
def test_waits_are_measured_while_an_expensive_request_is_answered(redis: bool) -> None:
    lines: list[str] = []
    (case,) = [one for one in waits.cases() if one.name == "a short answer"]
    assert waits.measure(case, redis, lines.append) >= 0
    assert "200" in lines[0]
