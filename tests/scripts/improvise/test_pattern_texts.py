"""Texts for regular expressions: each matches, as Python searches it."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.scripts.improvise.pattern_texts import PatternError, matching

ATOMS = st.sampled_from(["a", "b", ".", r"\d", r"\w", r"\s", r"\S", "[a-c]", "[^a-c]", "[0-9_-]", r"\.", "é"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.integers())
def test_a_text_matches(pattern: str, seed: int) -> None:
    assert re.fullmatch(pattern, matching(f"^{pattern}$", Random(seed)))


@pytest.mark.parametrize("pattern", ["(?<a>x)", "(?P<a>x)", r"https:\/\/x", r"\u0041"])
def test_what_ecma_262_writes_in_another_way_is_understood(pattern: str) -> None:
    assert matching(pattern, Random(1)) in ("x", "https://x", "A")


@pytest.mark.parametrize("pattern", ["(", "a{3,1}", "(?=a)", "(?<!a)b", "a$b", r"a\bb", r"\p{L}"])
def test_what_is_no_pattern_or_needs_a_search_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        matching(pattern, Random(1))
