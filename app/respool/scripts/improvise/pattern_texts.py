"""Texts that match a regular expression of a JSON Schema.

Python's own parser reads the expression, and a text is made from its tree. So the text matches by
construction: no expression is run, so none can backtrack without end. Lookarounds would need a search and
are refused; so are anchors and word boundaries inside the text.
"""

import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from random import Random
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LONGEST = 10_000  # characters of a text
MOST_STEPS = 20_000  # steps of making a text
MOST_PATTERN = 5_000  # characters of an expression
MORE = 4  # repetitions beyond the least

_WORDS = string.ascii_lowercase
_PLAIN = string.ascii_lowercase + string.digits
_ALL = string.ascii_letters + string.digits + "-_.,:;/ !#$%&()*+<=>?@[]^{|}~\"'`\\"


class PatternError(ValueError):
    """No text can be made for an expression: it is invalid, needs a search, or needs too long a text."""


def matching(pattern: str, rng: Random, more: int = MORE) -> str:
    """Return a text that matches. Each part is repeated at most `more` times beyond its least.

    Raise PatternError.
    """
    try:
        return _Maker(rng, more).text(_parsed(pattern))
    except RecursionError:
        raise PatternError("the groups of the pattern are nested too deeply") from None


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> Any:
    if len(pattern) > MOST_PATTERN:
        raise PatternError(f"a pattern of {len(pattern)} characters, expected at most {MOST_PATTERN}")
    try:
        # ECMA-262 writes (?<name>...) where Python has (?P<name>...), and escapes the slash.
        return parser.parse(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"not a regular expression: {error}") from None


# Characters of each class, ASCII: what Python and ECMA-262 agree on.
_CATEGORIES: Mapping[Any, Callable[[str], bool]] = {
    codes.CATEGORY_DIGIT: str.isdigit,
    codes.CATEGORY_NOT_DIGIT: lambda one: not one.isdigit(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda one: not one.isspace(),
    codes.CATEGORY_WORD: lambda one: one.isalnum() or one == "_",
    codes.CATEGORY_NOT_WORD: lambda one: not (one.isalnum() or one == "_"),
}


class _Maker:
    def __init__(self, rng: Random, more: int) -> None:
        self._rng = rng
        self._more = more
        self._steps = 0
        self._length = 0
        self._groups: dict[int, str] = {}

    def text(self, tree: Any) -> str:
        return "".join(self._sequence(tree, outer=True))

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise PatternError("a text that matches would be too long")

    def _sequence(self, tree: Any, *, outer: bool = False) -> Iterator[str]:
        """Yield the pieces for a sequence of nodes. An `outer` sequence begins and ends with the text."""
        nodes = list(tree)
        for place, (code, value) in enumerate(nodes):
            self._step()
            if code is codes.AT:
                self._anchor(value, nodes[:place], nodes[place + 1 :], outer=outer)
                continue
            for piece in self._node(code, value, outer=outer and len(nodes) == 1):
                self._length += 0 if code in _NESTED else len(piece)
                if self._length > LONGEST:
                    raise PatternError(f"a text that matches has more than {LONGEST} characters")
                yield piece

    def _anchor(self, where: Any, before: Sequence[Any], after: Sequence[Any], *, outer: bool) -> None:
        """Accept ^ and $ at the ends of the text, and a word boundary between its end and a word."""
        starts = outer and all(code is codes.AT for code, _ in before)
        ends = outer and all(code is codes.AT for code, _ in after)
        if where in (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING) and starts:
            return
        if where in (codes.AT_END, codes.AT_END_STRING) and ends:
            return
        if where is codes.AT_BOUNDARY:
            inner = next((one for one in after if one[0] is not codes.AT), None) if starts else None
            inner = next((one for one in before[::-1] if one[0] is not codes.AT), None) if ends else inner
            if inner and inner[0] is codes.LITERAL and (chr(inner[1]).isalnum() or chr(inner[1]) == "_"):
                return
        raise PatternError("anchors and word boundaries are understood at the ends of a pattern only")

    def _node(self, code: Any, value: Any, *, outer: bool) -> Iterator[str]:
        match code:
            case codes.LITERAL:
                yield _character(value)
            case codes.NOT_LITERAL:
                yield self._one_of([(codes.NEGATE, None), (codes.LITERAL, value)])
            case codes.ANY:
                yield self._rng.choice(_WORDS)
            case codes.IN:
                yield self._one_of(value)
            case codes.BRANCH:
                yield from self._sequence(self._rng.choice(value[1]), outer=outer)
            case codes.SUBPATTERN:
                group, _, _, inner = value
                text = "".join(self._sequence(inner, outer=outer))
                if group is not None:
                    self._groups[group] = text
                yield text
            case codes.ATOMIC_GROUP:
                yield from self._sequence(value)
            case codes.GROUPREF:
                yield self._groups.get(value, "")
            case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
                least, most, inner = value
                most = least + self._more if most is codes.MAXREPEAT else min(int(most), least + self._more)
                for _ in range(self._rng.randint(least, most)):
                    self._step()
                    yield from self._sequence(inner)
            case _:
                raise PatternError(f"{str(code).lower().replace('_', ' ')} is not supported")

    def _one_of(self, members: Sequence[Any]) -> str:
        negated = bool(members) and members[0][0] is codes.NEGATE
        if negated:
            usual = [one for one in _PLAIN + _ALL if not any(_holds(member, one) for member in members[1:])]
            if not usual:
                usual = [
                    one
                    for one in map(chr, range(0x00C0, 0x0500))
                    if not any(_holds(member, one) for member in members[1:])
                ]
            if not usual:
                raise PatternError("no character is left for a class of the pattern")
            return self._rng.choice(usual[:36])
        plain = [one for one in _PLAIN if any(_holds(member, one) for member in members)]
        if plain:
            return self._rng.choice(plain)
        code, value = self._rng.choice(list(members))
        match code:
            case codes.LITERAL:
                return _character(value)
            case codes.RANGE:
                return _character(self._rng.randint(value[0], value[1]))
            case _:
                return self._rng.choice([one for one in _ALL + " \t" if _CATEGORIES[value](one)])


# Nodes that only hold other nodes.
_NESTED = frozenset(
    {
        codes.SUBPATTERN,
        codes.BRANCH,
        codes.ATOMIC_GROUP,
        codes.MAX_REPEAT,
        codes.MIN_REPEAT,
        codes.POSSESSIVE_REPEAT,
    }
)


def _character(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        raise PatternError("half of a surrogate pair is no character")
    return chr(code)


def _holds(member: Any, one: str) -> bool:
    code, value = member
    match code:
        case codes.LITERAL:
            return bool(ord(one) == value)
        case codes.RANGE:
            return bool(value[0] <= ord(one) <= value[1])
        case codes.CATEGORY:
            return _CATEGORIES[value](one)
        case _:
            return False
