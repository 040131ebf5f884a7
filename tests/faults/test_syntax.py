"""The syntax of faults, read and written; and the table of them."""

import math
from contextlib import suppress
from dataclasses import fields
from itertools import islice
from typing import Any, get_args

import pytest
from fault_strategies import any_fault
from fault_streams import make_stream
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import OptionError
from respool.faults import (
    FAULTS,
    Abort,
    ActiveFault,
    Category,
    Comments,
    Fault,
    FaultError,
    ResetPeer,
    Slicer,
    Stall,
    Status,
    apply,
    parse,
    read,
)
from respool.recordings.store import Store
from respool.server.mock_server import MockServer


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ()),
        ("  ", ()),
        ("abort", (Abort(),)),
        ("abort()", (Abort(),)),
        (" abort ( after = 5 ) ", (Abort(after=5),)),
        ("abort(after=5);reset_peer", (Abort(after=5), ResetPeer())),
        ("abort(after=5); reset_peer ;", (Abort(after=5), ResetPeer())),
        ("abort(after=output_text.delta#3)", (Abort(after="output_text.delta#3"),)),
        ('abort(after="output_text.delta")', (Abort(after="output_text.delta"),)),
        ("stall(after=100b, seconds=forever, keepalive=0.5)", (Stall(after="100b", keepalive=0.5),)),
        ("stall(seconds=250ms)", (Stall(seconds=0.25),)),
        ("stall(seconds=2s)", (Stall(seconds=2),)),
        ("slicer(size=64K)", (Slicer(size=65536),)),
        ('comments(text="a, b; c) \\"d\\"")', (Comments(text='a, b; c) "d"'),)),
        ("status(code=503, times=2)", (Status(code=503, times=2),)),
        ("status(times=none, retry_after=none)", (Status(),)),
        ("abort(probability=25%)", (Abort(probability=0.25),)),
    ],
)
def test_a_text_is_read_as_its_faults(text: str, faults: tuple[Fault, ...]) -> None:
    assert parse(text) == faults


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ([], ()),
        (["abort(after=5); reset_peer", "slicer"], (Abort(after=5), ResetPeer(), Slicer())),
        ([{"fault": "abort", "after": 5}], (Abort(after=5),)),
        ([{"fault": "abort", "after": "50%", "probability": 0.5}], (Abort(probability=0.5),)),
        ([{"fault": "status", "code": 429, "retry_after": None, "times": 1}], (Status(code=429, times=1),)),
        ([{"fault": "stall", "seconds": "forever"}], (Stall(),)),
    ],
)
def test_a_json_list_is_read_as_its_faults(value: Any, faults: tuple[Fault, ...]) -> None:
    assert read(value) == faults


PLACE = "an event number, an event type with or without #nth, bytes (100b), a share (50%) or seconds (2s)"
SYNTAX = "(name, or name(key=value, key=value))"
OPTIONS = "after, probability, times"
KEY = "key=value, where key"
WRONG = {
    "abrt": "no fault is named abrt: did you mean abort?",
    "abort(aftr=5)": f"fault abort has no option aftr: expected one of {OPTIONS}; did you mean after?",
    "abort(after=-5)": f"fault abort: after is -5, expected {PLACE}",
    "drop(at=0)": f"fault drop: at is 0, expected {PLACE}; events count from 1",
    "status(code=200)": "fault status: code is 200, expected a whole number from 400 to 599",
    "stall(seconds=soon)": "fault stall: seconds is soon, expected seconds, 0 or more, or forever",
    "abort(probability=2)": "fault abort: probability is 2, expected a share from 0 to 1",
    "abort(times=0)": "fault abort: times is 0, expected a whole number from 1 to 2147483648, or none",
    "line_ends(kind=lf)": "fault line_ends: kind is lf, expected crlf or cr",
    "abort(after=5, after=6)": "fault abort: after is given twice",
    "abort(after=5": f'abort(after=5: found the end there, expected "," or ")" {SYNTAX}',
    "cut(5)": f"cut(5): found 5) at character 5, expected {KEY} is one of {OPTIONS} {SYNTAX}",
    "abort cut": f'abort cut: found cut at character 7, expected the end, or ";" and another fault {SYNTAX}',
    "; abort": f"; abort: found ; abort at character 1, expected a fault's name {SYNTAX}",
    'bom("': f'bom(": found " at character 5, expected {KEY} is one of probability, times {SYNTAX}',
    'cut(after="': f'cut(after=": found " at character 11, expected a JSON string as the value of after {SYNTAX}',  # noqa: E501
}
WRONG_LISTS = [
    ({"fault": "abort"}, "faults are a list, but this is an object"),
    ([5], 'fault 1 of the list is an integer, expected a string or an object with "fault", its name'),
    (["cut", {}], 'fault 2 of the list is an object, expected a string or an object with "fault", its name'),
    ([{"fault": "abort", "after": True}], f"fault abort: after is True, expected {PLACE}"),
    ([{"fault": "abort", "after": []}], f"fault abort: after is [], expected {PLACE}"),
]


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_is_wrong_says_where_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(("value", "message"), WRONG_LISTS)
def test_a_list_that_is_wrong_says_so(value: Any, message: str) -> None:
    with pytest.raises(FaultError) as caught:
        read(value)
    assert str(caught.value) == message


def test_no_more_than_32_faults_can_be_asked_for() -> None:
    assert len(parse("abort;" * 32)) == 32
    message = "^more than 32 faults: an answer takes no more; leave some out$"
    with pytest.raises(FaultError, match=message):
        parse("abort;" * 1100)
    with pytest.raises(FaultError, match=message):
        read(["abort"] * 33)
    with pytest.raises(FaultError, match=message):
        MockServer(Store([]), faults=[Abort()] * 33)


def test_three_times_32_faults_are_applied_one_after_the_other() -> None:
    """So many there are if a recording, a server and a request each have all that they may."""
    for name in FAULTS.keys() - {"huge_event", "long_text", "repeated_text"}:
        faults = parse(f"{name};" * 32) * 3
        frames = list(islice(apply(make_stream(), map(ActiveFault.of, faults)), 100))
        assert frames, name


def test_a_long_text_is_refused_at_once() -> None:
    with pytest.raises(FaultError, match=r"^the faults are 20016 characters long, expected no more "):
        parse(f"stall(seconds={'1' * 20_000}x)")


@pytest.mark.parametrize(
    "text", ["stall(seconds={}x)", "abort(after={}x)", "slicer(size={}x)", "abort(probability={}x%)"]
)
@pytest.mark.parametrize("digit", ["1", "1.", "1e", "1_"])
def test_a_number_of_many_digits_is_none(text: str, digit: str) -> None:
    with pytest.raises(FaultError, match="expected"):
        parse(text.format((digit * 8000)[:8000]))


def test_faults_may_add_16_mib_to_an_answer_and_no_more() -> None:
    parse("huge_event(size=8M); huge_event(size=8M)")
    with pytest.raises(FaultError, match="add 25165824 bytes to an answer, expected no more than 16777216 "):
        parse("huge_event(size=8M);" * 3)
    with pytest.raises(FaultError, match="size is 17M, expected a whole number from 1 to 16777216"):
        parse("huge_event(size=17M)")


def test_an_error_carries_what_was_wrong() -> None:
    with pytest.raises(OptionError) as caught:
        parse("stall(after=5, seconds=soon)")
    error = caught.value
    assert isinstance(error, FaultError)
    assert (error.fault, error.key, error.value) == ("stall", "seconds", "soon")


def test_a_fault_made_in_python_is_checked_in_the_same_way() -> None:
    with pytest.raises(
        FaultError, match=r"^fault stall: seconds is nan, expected seconds, 0 or more, or forever$"
    ):
        Stall(seconds=math.nan)


@given(st.lists(any_fault(), max_size=4))
def test_the_text_of_a_fault_gives_that_fault_again(faults: list[Fault]) -> None:
    assert parse("; ".join(map(str, faults))) == tuple(faults)


@given(st.text())
def test_no_text_is_anything_but_faults_or_a_fault_error(text: str) -> None:
    with suppress(FaultError):
        parse(text)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_a_category_a_help_and_works_without_options(name: str) -> None:
    fault = FAULTS[name]
    (made,) = parse(name)
    assert type(made) is fault
    assert fault.name == name == str(made)
    assert fault.category in get_args(Category)
    first, *lines = (fault.__doc__ or "").splitlines()
    assert first.endswith(".")
    own = {field.name for field in fields(fault)} - {"probability", "times"}
    described = {line.split("  ")[0].strip() for line in map(str.strip, lines) if "  " in line}
    assert described == own, "the docstring tells each option"
