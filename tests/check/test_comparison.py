from typing import Any

import pytest

from respool.check.comparison import Grown, difference


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ({"a": 1}, {"a": 2}, "it.a is 2, expected 1"),
        (
            {"a": [1, {"b": "x"}]},
            {"a": [1, {"b": "y"}]},
            'it.a[1].b has "y" after 0 characters, expected "x"',
        ),
        ({"a": [1]}, {"a": [1, 2]}, "it.a is [1, 2], expected [1]"),
        ({"a": "abc"}, {"a": "ab"}, 'it.a has its end after 2 characters, expected "c"'),
        ({"a": "ab"}, {"a": "abc"}, 'it.a has "c" after 2 characters, expected its end'),
        ({"a": "x" * 50}, {"a": 0}, f'it.a is 0, expected "{"x" * 24}"...'),
        ({"a": 1}, {}, "it.a is missing, expected 1"),
        ({"a": 1}, {"a": None}, "it.a is missing, expected 1"),
        (None, "x", 'it is "x", expected nothing'),
    ],
)
def test_a_difference_says_where_and_what(before: Any, now: Any, message: str) -> None:
    assert str(difference("it", before, now)) == message


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {}]}),
        ({"a": 1, "encrypted_content": "x"}, {"a": 1, "encrypted_content": "y"}),
        ({"a": 1, "id": "x"}, {"a": 1, "id": "y"}),
        (1, 1.0),
    ],
)
def test_values_that_say_the_same_do_not_differ(before: Any, now: Any) -> None:
    assert difference("it", before, now, frozenset({"id"})) is None


@pytest.mark.parametrize(
    ("before", "now", "hard"),
    [
        ({"a": []}, {}, False),
        ({"a": ""}, {}, False),
        ({}, {"a": "x"}, False),
        ({"a": "x"}, {}, True),
        ({"a": []}, {"a": ["x"]}, True),
    ],
)
def test_a_difference_is_hard_where_something_is_lost_or_contradicted(
    before: Any, now: Any, hard: bool
) -> None:
    found = difference("it", before, now)
    assert found
    assert found.hard is hard


def test_the_most_serious_difference_is_returned() -> None:
    found = difference("it", {"a": [], "b": 1, "c": 1}, {"b": 2, "c": 2})
    assert str(found) == "it.b is 2, expected 1"


def test_values_nested_without_end_do_no_harm() -> None:
    before: list[Any] = []
    for _ in range(5000):
        before = [before]
    assert difference("it", before, [before[0]]) is None


def test_a_text_is_what_its_done_event_says_or_else_its_deltas() -> None:
    assert Grown().text is None
    assert Grown(["a", "b"]).text == "ab"
    assert Grown(["a", "b"], "c").text == "c"
