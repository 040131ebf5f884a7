"""Patterns: regular expressions of users, searched for by RE2 in time linear in the text.

So no pattern can stop a server. The syntax is that of RE2: no look-around, no backreferences.
"""

from functools import lru_cache
from typing import Any

LONGEST = 1000  # characters of a pattern
MOST_MEMORY = 1 << 20  # bytes that RE2 may take for one


class Pattern:
    """A compiled pattern. Equal if its text is."""

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
        """Return whether the pattern is found anywhere in `text`."""
        return self._found.search(_utf8(text)) is not None

    def replace(self, by: str, text: str) -> str:
        """Return `text` with all that the pattern finds replaced."""
        return str(self._found.sub(lambda _: by, _utf8(text)))


@lru_cache(maxsize=4096)
def _compile(text: str) -> Any:
    import re2  # late: only who has patterns should wait for it

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
    """A text that can be encoded, without half characters."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
