"""Cutting text into deltas: never inside a code point or a grapheme cluster."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_WORDS = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")
# A word with the space before it, a run of other characters, or white space: about four characters, the
# average of a token of English text.
_PIECES = re.compile(r" ?[^\W_]+| ?(?:[^\w\s]|_)+|\s+")
_LONGEST_TOKEN = 10
_TOKEN = 4

_ZERO_WIDTH_JOINER = "\u200d"


def cut(text: str, deltas: str | int) -> list[str]:
    """Return the text in pieces, none of them empty.

    `deltas` is tokens (about four characters), words, whole, or a number of characters.
    """
    match deltas:
        case "whole":
            ends: Iterable[int] = ()
        case "words":
            ends = (match.end() for match in _WORDS.finditer(text))
        case int():
            return list(_fixed(text, deltas))
        case _:
            ends = _tokens(text)
    pieces, start = [], 0
    for end in ends:
        if end < len(text) and not _joined(text, end):
            pieces.append(text[start:end])
            start = end
    return [*pieces, text[start:]] if text else []


def take(text: str, lengths: Iterator[int]) -> list[str]:
    """Return the text in pieces of these lengths. Text beyond them is one more piece."""
    pieces, start = [], 0
    while start < len(text):
        end = start + next(lengths, len(text))
        pieces.append(text[start:end])
        start = end
    return pieces


def _fixed(text: str, size: int) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + size
        while end < len(text) and _joined(text, end):
            end += 1
        yield text[start:end]
        start = end


def _tokens(text: str) -> Iterator[int]:
    for match in _PIECES.finditer(text):
        if match.end() - match.start() > _LONGEST_TOKEN:
            yield from range(match.start() + _TOKEN, match.end() - 1, _TOKEN)
        yield match.end()


def _joined(text: str, at: int) -> bool:
    """Return True if the character at this place belongs to the one before it.

    The common cases of extended grapheme clusters (Unicode Standard Annex 29): combining marks and
    variation selectors, emoji joined or coloured, flags, Hangul syllables in parts, CR LF.
    """
    before, after = text[at - 1], text[at]
    if before.isascii() and after.isascii():
        return before == "\r" and after == "\n"
    return (
        unicodedata.category(after) in ("Mn", "Me", "Mc")
        or _ZERO_WIDTH_JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags: the flags of England, Scotland, Wales
        or "\u1160" <= after <= "\u11ff"  # Hangul vowels and final consonants
        or (_is_regional(after) and _regionals_before(text, at) % 2 == 1)
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regionals_before(text: str, at: int) -> int:
    start = at
    while start and _is_regional(text[start - 1]):
        start -= 1
    return at - start
