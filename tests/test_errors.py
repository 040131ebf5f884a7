import re

import pytest

from respool import errors
from respool.errors import (
    FaultError,
    NoMatchingRecording,
    RecordingError,
    RequestError,
    RespoolError,
    printable,
)

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_a_respool_error_with_a_docstring(error: type[Exception]) -> None:
    assert issubclass(error, RespoolError)
    assert error.__doc__


def test_the_module_s_docstring_shows_the_whole_tree() -> None:
    names = re.findall(r"^ +(?:│ +)?(?:[├└]── )?(\w+)", errors.__doc__ or "", re.MULTILINE)
    assert sorted(names) == sorted(error.__name__ for error in CLASSES)


@pytest.mark.parametrize(
    ("error", "place", "text"),
    [
        (RecordingError("broken"), "", "broken"),
        (RecordingError("broken", "a.jsonl"), "a.jsonl", "a.jsonl: broken"),
        (RecordingError("broken", "a.jsonl", 7), "a.jsonl:7", "a.jsonl:7: broken"),
        (RecordingError("broken", "a.jsonl", 7, 1), "a.jsonl:7:1", "a.jsonl:7:1: broken"),
        (RecordingError("broken", "", 7, 1), "7:1", "7:1: broken"),
    ],
)
def test_a_recording_error_tells_the_place_as_far_as_it_is_known(
    error: RecordingError, place: str, text: str
) -> None:
    assert error.place == place
    assert str(error) == text


def test_a_place_can_be_printed_whatever_the_file_is_called() -> None:
    assert str(RecordingError("broken", "a\n\udcff.jsonl", 7)) == r"a\n\udcff.jsonl:7: broken"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a b é 😀", "a b é 😀"),
        ("a\r\nb", r"a\r\nb"),
        ("\0\x1b[31m\x7f", r"\x00\x1b[31m\x7f"),
        ("\u2028\u0085\ud800", r"\u2028\x85\ud800"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 197 + "..."),
        ("\n" * 100, r"\n" * 100),
        ("\n" * 101, r"\n" * 98 + "\\..."),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_a_text_from_elsewhere_is_shown_in_one_line_that_is_not_too_long(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_the_parts_of_a_recording_error_are_attributes() -> None:
    error = RecordingError("broken", "a.jsonl", 7, 1)
    assert (error.cause, error.path, error.line, error.column) == ("broken", "a.jsonl", 7, 1)


def test_a_fault_error_carries_what_was_wrong_and_names_what_is_nearest() -> None:
    error = FaultError.of_value("stall", "seconds", "soon", "seconds")
    assert str(error) == "fault stall: seconds is soon, expected seconds"
    assert (error.fault, error.key, error.value) == ("stall", "seconds", "soon")
    assert str(FaultError.of_name("abrt", ["abort", "bom"])) == "no fault is named abrt: did you mean abort?"
    assert str(FaultError.of_name("zzz", ["abort", "bom"])) == (
        "no fault is named zzz: expected one of abort, bom"
    )
    assert str(FaultError.of_key("abort", "zzz", ["after"])) == (
        "fault abort has no option zzz: expected one of after"
    )


def test_no_matching_recording_carries_the_nearest_names() -> None:
    error = NoMatchingRecording("none", ["a", "b"])
    assert str(error) == "none"
    assert error.nearest == ("a", "b")
    assert NoMatchingRecording("none").nearest == ()


def test_a_request_error_has_the_fields_of_the_envelope() -> None:
    error = RequestError("no", status=404, code="c", param="p", type="t")
    assert str(error) == error.message == "no"
    assert (error.status, error.code, error.param, error.type) == (404, "c", "p", "t")


def test_a_request_error_is_a_400_unless_told_otherwise() -> None:
    error = RequestError("no")
    assert (error.status, error.code, error.param, error.type) == (400, None, None, "invalid_request_error")
