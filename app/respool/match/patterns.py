"""Patterns: regular expressions of users, searched by RE2 in time linear in the text.

So no pattern can block the server. The syntax is that of RE2: no look-around, no backreferences.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

LONGEST = 1000  # characters of a pattern
MOST_MEMORY = 1 << 20  # bytes that RE2 may use for a pattern
MOST_MEMORY_OF_SET = 1 << 26  # bytes


class Pattern:
    """A compiled pattern. Patterns are equal if their texts are."""

    __slots__ = ("_found", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = _compile(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def search(self, text: str) -> bool:
        """Return True if the pattern is found anywhere in `text`."""
        return self._found.search(_utf8(text)) is not None

    def replace(self, by: str, text: str) -> str:
        """Return `text` with every occurrence of the pattern replaced."""
        return str(self._found.sub(lambda _: by, _utf8(text)))


class PatternSet:
    """Many patterns, searched together in the time of one. Compiled on first use."""

    __slots__ = ("_found", "_texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._found: Any = None

    def search(self, text: str) -> Sequence[int]:
        """Return the numbers of the patterns that are found anywhere in `text`.

        If they are too many for one automaton, return all numbers: the caller then searches for each.
        """
        if not self._texts:
            return ()
        if self._found is None:
            self._found = _compile_set(self._texts)
        if self._found is False:
            return range(len(self._texts))
        return self._found.Match(_utf8(text)) or ()


def escaped(text: str) -> str:
    """Return the pattern that matches exactly this text."""
    import re2

    return str(re2.escape(_utf8(text)))


def _compile_set(texts: Sequence[str]) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MOST_MEMORY_OF_SET
    found = re2.Set.SearchSet(options)
    try:
        for text in texts:
            found.Add(_utf8(text))
        found.Compile()
    except re2.error:
        return False
    return found


@lru_cache(maxsize=4096)
def _compile(text: str) -> Any:
    import re2  # imported late: only patterns need it

    if len(text) > LONGEST:
        raise ValueError(f"a pattern of {len(text)} characters, expected at most {LONGEST}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MOST_MEMORY
    try:
        return re2.compile(_utf8(text), options)
    except re2.error as error:
        cause = error.args[0] if error.args else "unreadable"
        shown = cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(cause)
        hint = "; look-around and backreferences are not known to RE2" if "(?" in text else ""
        raise ValueError(f"not a pattern: {shown}{hint}") from None


def _utf8(text: str) -> str:
    """Return a text that can be encoded, without lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
