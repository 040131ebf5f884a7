import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from bench import habits, soak
from bench.habits import HABITS, Answers
from bench.soak import GROWTH, POOLED, Held, Tally, problems

from respool.faults import parse
from respool.testing import running_server

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")

BEFORE = Held(descriptors=14, threads=1, memory=70.0)
MIDDLE = Held(descriptors=50, threads=1, memory=90.0)


def test_a_short_soak_finds_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "LEAST", 0.0)
    monkeypatch.setattr(soak, "LOOK", 0.1)
    monkeypatch.setattr(soak, "RESPONSES", 100)
    monkeypatch.setattr(soak, "CONVERSATIONS", 100)
    assert soak.main(["--minutes", str(4 / 60)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    before, middle, end, after, visits = out.splitlines()
    assert before.startswith("before: ")
    assert middle.startswith("    2 s: ")
    assert end.startswith("    4 s: ")
    assert after.endswith(", 0 wrong")
    assert all(name in visits for name in HABITS)


def test_a_store_may_keep_its_connections_and_must_not_grow() -> None:
    before, middle = Held(14, 1, 70.0, 10, 1.0), Held(50, 1, 90.0, 1000, 20.0)
    after = Held(14 + POOLED, 1, 70.0, 1000, 20.0)
    assert problems(before, middle, middle, after, Tally(Counter(HABITS))) == []
    end = Held(50, 1, 90.0, 1201, 36.1)
    assert problems(before, middle, end, after, Tally(Counter(HABITS))) == [
        "the store has 1201 keys at the end, expected at most 200 more than the 1000 of half the time",
        "the store has 36.1 MB at the end, expected at most 16 MB more than the 20.0 MB of half the time",
    ]


def test_what_is_as_before_is_no_problem() -> None:
    end = Held(60, 1, MIDDLE.memory + GROWTH)
    assert problems(BEFORE, MIDDLE, end, BEFORE, Tally(Counter(HABITS))) == []


@pytest.mark.parametrize(
    ("end", "after", "expected"),
    [
        (MIDDLE, Held(15, 1, 70.0), "15 descriptors are open, expected 14 as before"),
        (MIDDLE, Held(14, 2, 70.0), "2 threads run, expected 1 as before"),
        (
            Held(50, 1, 98.1),
            BEFORE,
            "98.1 MB are resident at the end, expected at most 8 MB more than the 90.0 MB of half the time",
        ),
    ],
)
def test_what_stays_is_a_problem(end: Held, after: Held, expected: str) -> None:
    assert problems(BEFORE, MIDDLE, end, after, Tally(Counter(HABITS))) == [expected]


def test_wrong_answers_and_visits_that_nobody_made_are_problems() -> None:
    visits = Counter(HABITS)
    del visits["plays"]
    tally = Tally(visits, Counter({"polls: status 500": 3}))
    assert problems(BEFORE, MIDDLE, MIDDLE, BEFORE, tally) == [
        "wrong, 3 times: polls: status 500",
        "no client has made this visit: plays",
    ]


@pytest.mark.parametrize(
    ("habit", "fault"),
    [
        (habits.plays, "drop(at=3)"),
        (habits.plays, "cut(after=90%)"),
        (habits.plays_again, "duplicate(at=3)"),
        (habits.reads_slowly, "close(after=99%)"),
        (habits.waits_for_json, "close"),
        (habits.polls, "status(code=503)"),
        (habits.resumes, "status(code=503)"),
        (habits.converses, "no_terminal"),
        (habits.requests_faults, "status(code=503)"),
    ],
)
def test_a_habit_notices_that_an_answer_is_wrong(
    habit: Callable[[int, Answers, Random], object], fault: str, tmp_path: Path
) -> None:
    answers = habits.write(tmp_path)
    with running_server(tmp_path, faults=parse(fault)) as running:
        tally = Tally()
        port = urlsplit(running.url).port or 0
        asyncio.run(soak._visit(habit.__name__, port, answers, Random(1), tally))
    assert tally.wrong.total() == 1


@pytest.mark.parametrize("minutes", ["0", "0.05", "1441", "nan"])
def test_a_time_out_of_bounds_is_refused(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        soak.main(["--minutes", minutes])
    assert f"minutes is {minutes}, expected 0.1 to 1440" in capsys.readouterr().err
