"""JSON texts that were changed at some places, for tests of what reads them."""

from hypothesis import strategies as st

# What may come into a text: of JSON's own characters, of numbers and names, of what is hard to read.
PIECES = (
    *'{}[],:"\\-0.e\n\r\t \0',
    *("null", "true", "NaN", "1e999", "9" * 30, "9" * 5000, "[0,", "{}", "[[]]", "null,"),
    *(r"\ud83d", r"\ude00", r"\u0041", "é", "\u2028", "\ufeff", "a", '"a":'),
)

Change = tuple[int, int, str]  # where, how many characters are cut, what comes in their place


def changes(*pieces: str) -> st.SearchStrategy[list[Change]]:
    """Up to three changes, by `PIECES` and these."""
    one = st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from((*PIECES, *pieces)))
    return st.lists(one, max_size=3)


def changed(text: str, changes: list[Change]) -> str:
    """The text after these changes; places beyond its end count from its beginning again."""
    for place, cut, piece in changes:
        at = place % (len(text) + 1)
        text = text[:at] + piece + text[at + cut :]
    return text
