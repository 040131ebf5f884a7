import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.match import patterns
from respool.match.patterns import Pattern, PatternSet, escaped


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b+", "abc", True),
        ("^b", "abc", False),
        ("(?i)ABC", "xabc", True),
        ("ü$", "Grün, grü", True),
        ("a.c", "a\nc", False),
        ("", "x", True),
        ("x", "\ud800x", True),
    ],
)
def test_a_pattern_is_searched_for(pattern, text, found):
    assert Pattern(pattern).search(text) is found
    assert list(PatternSet(["nowhere", pattern]).search(text)) == [1] * found


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "missing [)]"),
        ("(?=a)", "look-around and backreferences are not known"),
        ("\\1", "invalid escape"),
        ("a" * 1001, "1001 characters, expected at most 1000"),
        ("((a{100}){100}){100}", "not a pattern"),
    ],
)
def test_what_is_no_pattern_is_told(pattern, message):
    with pytest.raises(ValueError, match=message):
        Pattern(pattern)


def test_patterns_are_equal_by_their_text():
    assert {Pattern("a"), Pattern("a")} == {Pattern("a")}
    assert Pattern("a").replace("<x>", "banana") == "b<x>n<x>n<x>"


def test_patterns_too_many_for_one_automaton_are_all_candidates(monkeypatch):
    monkeypatch.setattr(patterns, "MOST_MEMORY_OF_SET", 1000)
    assert list(PatternSet([f"a{{{number}}}b" for number in range(1, 90)]).search("x")) == list(range(89))


def test_without_patterns_nothing_is_found():
    assert PatternSet([]).search("x") == ()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=5), st.text(max_size=12))
def test_an_escaped_text_finds_just_itself(text, other):
    found = PatternSet([escaped(text)])
    assert list(found.search(f"{other}{text}")) == [0]
    assert bool(found.search(other)) is (text in other)
