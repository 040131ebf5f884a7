"""The names most similar to another one, in a time that does not grow with their number."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import chain, zip_longest

# Pairs of characters that may be compared, some 80 ns each: enough for all names of a small store, or the
# likeliest of a large one.
_MOST_PAIRS = 300_000
_LONGEST = 200  # characters of the wanted name


def nearest_of(name: str, names: Sequence[str], limit: int = 3) -> list[str]:
    """Return up to `limit` of the sorted `names` that are most like `name`, the best first."""
    name = name[:_LONGEST]
    if (len(name) + 1) * sum(map(len, names)) <= _MOST_PAIRS:
        return get_close_matches(name, names, n=limit, cutoff=0.4)
    candidates: dict[str, None] = {}
    pairs = 0
    for one in _likeliest(name, names):
        pairs += (len(name) + 1) * len(one)
        if pairs > _MOST_PAIRS:
            break
        candidates[one] = None
    return get_close_matches(name, candidates, n=limit, cutoff=0.4)


def _likeliest(name: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the names with the same ending, then those with the same beginning: its neighbours in sorted
    order."""
    last = name.rpartition("/")[2]
    if len(last) > 2:
        found = (one for one in names if one.endswith(last))
        yield from (one for one, _ in zip(found, range(5), strict=False))
    at = bisect_left(names, name)
    before, after = names[max(0, at - 200) : at], names[at : at + 200]
    for one in chain.from_iterable(zip_longest(after, reversed(before))):
        if one is not None:
            yield one
