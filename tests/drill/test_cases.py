from collections.abc import Callable

import pytest

from respool.drill.cases import CASES, SETS, Case, Expect, choose, cuts, of_faults
from respool.errors import FaultError, OptionError
from respool.faults import FAULTS
from respool.recordings.recording import Recording


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_has_faults_that_can_be_read(case: Case) -> None:
    assert case.faults
    assert case.why


def test_every_fault_is_in_a_case() -> None:
    assert {fault.name for case in CASES for fault in case.faults} == set(FAULTS)


def test_names_are_unique_and_tell_cases_from_sets() -> None:
    names = [*SETS, *{case.category for case in CASES}, *(case.name for case in CASES)]
    assert len(names) == len(set(names))


def test_the_quick_set_has_some_of_every_category_and_every_expectation() -> None:
    quick = choose("quick")
    assert {case.category for case in quick} == {case.category for case in CASES}
    assert {case.expect for case in quick} == set(Expect)
    assert len(quick) < len(CASES) / 2


def test_all_are_all() -> None:
    assert choose("all") == list(CASES)


def test_cuts_are_ways_to_end_too_early() -> None:
    names = {fault.name for case in choose("cuts") for fault in case.faults}
    assert names == {"close", "no_terminal", "half_frame", "cut", "abort", "reset_peer"}


def test_sets_categories_and_names_can_be_mixed_and_nothing_comes_twice() -> None:
    chosen = choose("close, wire,crlf,quick")
    assert chosen[0].name == "close"
    assert {case.name for case in chosen} == {
        case.name for case in CASES if case.name == "close" or case.category == "wire" or case.quick
    }
    assert len(chosen) == len(set(chosen))


def test_no_set_is_no_case() -> None:
    assert choose("") == []


def test_a_name_that_is_no_set_is_an_error_which_tells_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"^no set of cases is called failled; expected quick, all, "):
        choose("failled")
    with pytest.raises(OptionError, match=r"; nearest: failed"):
        choose("quick,failled")


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        ("abort(after=5)", Expect.NOTICE),
        ("abort(after=5, times=2)", Expect.EITHER),
        ("abort(after=5, probability=0.5)", Expect.EITHER),
        ("status(code=503)", Expect.NOTICE),
        ("line_ends(kind=cr)", Expect.SURVIVE),
        ("latency(seconds=2, probability=0.5)", Expect.SURVIVE),
        ("stall(seconds=2)", Expect.EITHER),
        ("line_ends(kind=cr); drop(at=3)", Expect.EITHER),
        ("failed; slicer", Expect.NOTICE),
        ("code_fence", Expect.COPE),
        ("code_fence(times=1); drop", Expect.COPE),
        ("code_fence; close", Expect.NOTICE),
    ],
)
def test_what_is_expected_under_a_fault_of_one_s_own_follows_from_its_name(text: str, expect: Expect) -> None:
    assert of_faults(text).expect is expect


def test_the_cases_of_the_table_expect_no_less_than_a_fault_of_one_s_own_would() -> None:
    order = list(Expect).index
    stricter = [case.name for case in CASES if order(case.expect) > order(of_faults(case.fault).expect)]
    # These stop for ever, which depends on an option of the fault.
    assert stricter == ["no-headers", "stall", "stall-at-start", "stall-keepalive"]


def test_a_fault_of_one_s_own_is_written_as_it_is_read() -> None:
    case, written = of_faults(" abort( after = 5 );slicer"), "abort(after=5); slicer"
    assert (case.name, case.fault, case.category) == (written, written, "end")


def test_a_fault_that_is_none_is_an_error() -> None:
    with pytest.raises(FaultError, match="abrot"):
        of_faults("abrot")
    with pytest.raises(OptionError, match="expected one such as"):
        of_faults(" ")


def test_a_recording_is_cut_before_each_event_up_to_the_terminal_one(
    recording: Callable[..., Recording],
) -> None:
    assert [(case.name, case.fault) for case in cuts(recording(), "abort")] == [
        ("abort-0", "abort(after=0)"),
        ("abort-1", "abort(after=1)"),
        ("abort-2", "abort(after=2)"),
        ("abort-3", "abort(after=3)"),
    ]
    assert {case.expect for case in cuts(recording())} == {Expect.NOTICE}
    assert cuts(recording())[-1].why == "the stream ends after 3 of 4 events, before response.completed"


def test_what_comes_after_the_terminal_event_is_not_cut(recording: Callable[..., Recording]) -> None:
    events = [(0, "response.created"), (0, "response.failed"), (0, "keepalive")]
    assert [case.fault for case in cuts(recording(events=events))] == ["close(after=0)", "close(after=1)"]


def test_every_event_of_a_recording_that_is_cut_itself_is_cut(recording: Callable[..., Recording]) -> None:
    assert [case.fault for case in cuts(recording(events=[(0, "response.created")]))] == ["close(after=0)"]
    assert cuts(recording(events=[])) == []
