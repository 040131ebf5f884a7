import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.drill.cases import Case, Expect
from respool.drill.verdict import (
    MEANINGS,
    VERDICTS,
    ClientOutcome,
    ClientRun,
    Verdict,
    difference,
    judge,
    last_line,
    outcome_of,
)


def run(exit_code: int | None = 0, output: str = "Hello", errors: str = "") -> ClientRun:
    return ClientRun(exit_code, 1.0, 1, output, output, errors)


def case(expect: Expect) -> Case:
    return Case("a-case", "abort(after=5)", expect, "why")


SURVIVE, EITHER, COPE, NOTICE = Expect

# exit code, output, and the verdict where the case should be survived, may be, is one to cope with, and
# cannot be survived
JUDGED = [
    (0, "Hello", Verdict.SURVIVED, Verdict.SURVIVED, Verdict.SURVIVED, Verdict.LUCKY),
    (0, "Hel", Verdict.FOOLED, Verdict.FOOLED, Verdict.COPED, Verdict.FOOLED),
    (1, "Hello", Verdict.GAVE_UP, Verdict.NOTICED, Verdict.NOTICED, Verdict.NOTICED),
    (1, "Hel", Verdict.GAVE_UP, Verdict.NOTICED, Verdict.NOTICED, Verdict.NOTICED),
    (None, "Hello", Verdict.HUNG, Verdict.HUNG, Verdict.HUNG, Verdict.HUNG),
    (-signal.SIGSEGV, "Hello", Verdict.CRASHED, Verdict.CRASHED, Verdict.CRASHED, Verdict.CRASHED),
    (128 + signal.SIGABRT, "", Verdict.CRASHED, Verdict.CRASHED, Verdict.CRASHED, Verdict.CRASHED),
    (128 + signal.SIGPIPE, "", Verdict.GAVE_UP, Verdict.NOTICED, Verdict.NOTICED, Verdict.NOTICED),
]


@pytest.mark.parametrize(("exit_code", "output", "survive", "either", "cope", "notice"), JUDGED)
def test_a_run_is_judged_by_exit_code_output_and_what_was_expected(
    exit_code: int | None, output: str, survive: Verdict, either: Verdict, cope: Verdict, notice: Verdict
) -> None:
    verdicts = [
        judge(case(expect), run(exit_code, output), run(), comparable=True).verdict for expect in Expect
    ]
    assert verdicts == [survive, either, cope, notice]


@pytest.mark.parametrize("output", ["Hello", "Hel"])
def test_without_an_output_to_compare_success_on_a_broken_answer_is_what_fools(output: str) -> None:
    verdicts = [judge(case(expect), run(0, output), run(), comparable=False).verdict for expect in Expect]
    assert verdicts == [Verdict.SURVIVED, Verdict.SURVIVED, Verdict.COPED, Verdict.FOOLED]


def test_outputs_are_compared_whole_even_if_not_all_is_kept() -> None:
    reference = ClientRun(0, 1.0, 1, "Hello", "digest 1")
    assert (
        outcome_of(ClientRun(0, 1.0, 1, "Hello", "digest 2"), reference, comparable=True)
        is ClientOutcome.OTHER
    )


def test_every_outcome_has_a_verdict_for_every_expectation_and_every_verdict_a_meaning() -> None:
    assert set(VERDICTS) == set(ClientOutcome)
    assert all(set(row) == set(Expect) for row in VERDICTS.values())
    assert {verdict for row in VERDICTS.values() for verdict in row.values()} == set(Verdict)
    assert set(MEANINGS) == set(Verdict)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (run(None), "still running after 1.0 s"),
        (run(-signal.SIGSEGV), "killed by SIGSEGV"),
        (run(128 + signal.SIGABRT), "killed by SIGABRT"),
        (run(-99), "killed by signal 99"),
        (run(3), "exit code 3"),
        (run(3, errors="Traceback\n  line\nValueError: bad\n\n"), "ValueError: bad"),
        (run(0, "Hel"), "output ends after 3 characters, 2 early"),
        (run(0, ""), "no output"),
        (run(0, "Hallo"), "output differs at character 1: 'allo' for 'ello'"),
        (run(0, "He\nlo"), "output differs at character 2: '\\nlo' for 'llo'"),
        (run(0, "Hello, you"), "output goes on after 5 characters: ', you'"),
        (run(0), ""),
    ],
)
def test_the_reason_says_what_was_seen(seen: ClientRun, reason: str) -> None:
    assert judge(case(NOTICE), seen, run(), comparable=True).reason == reason


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_difference_is_one_printable_line(expected: str, got: str) -> None:
    assert difference(expected, got).isprintable()


def test_the_last_line_is_the_last_with_something_in_it() -> None:
    assert last_line("a\nb \n \n") == "b"
    assert last_line(" \n") == ""
