"""Differences of two canonical forms: their paths, and both values. The work is bounded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from respool.match import pointers
from respool.protocol.events import dumps

MOST = 20  # differences that are reported
MOST_LOOKED_AT = 20_000  # values
SHOWN = 160  # characters of a value


@dataclass(frozen=True, slots=True)
class Difference:
    """A path at which two canonical forms differ, and both values, shortened; None: no value."""

    pointer: str
    recorded: str | None
    received: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison.

    distance     0 for equal forms, 1 for those that have nothing in common
    differences  the first ones, with their paths
    whole        whether those are all
    texts        both texts of each difference between two texts
    """

    distance: float
    differences: tuple[Difference, ...]
    whole: bool
    texts: tuple[tuple[str, str], ...]


_ABSENT = object()


@dataclass(slots=True)
class _Walk:
    left: int = MOST_LOOKED_AT
    same: float = 0.0
    different: float = 0.0

    def pairs(self, recorded: Any, received: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Any, ...]]:
        """Yield the path and both values of each difference."""
        self.left -= 1
        if self.left < 0:
            return
        if recorded == received and type(recorded) is type(received):
            self.same += _size(recorded)
            return
        match recorded, received:
            case dict(), dict():
                for key in sorted(recorded.keys() | received.keys()):
                    yield from self.pairs(
                        recorded.get(key, _ABSENT), received.get(key, _ABSENT), (*path, key)
                    )
            case list(), list():
                yield from self.lists(recorded, received, path)
            case str(), str():
                alike = _alike(recorded, received)
                self.same += alike
                self.different += 1 - alike
                yield path, recorded, received
            case _:
                self.different += max(_size(recorded), _size(received))
                yield path, recorded, received

    def lists(
        self, recorded: list[Any], received: list[Any], path: tuple[str | int, ...]
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the differences of two lists: pairs from the beginning; equal elements at the end are
        paired."""
        short = min(len(recorded), len(received))
        end = 0
        if len(recorded) != len(received):
            start = next((at for at in range(short) if recorded[at] != received[at]), short)
            while end < short - start and recorded[-1 - end] == received[-1 - end]:
                end += 1
        for at in range(max(len(recorded), len(received)) - end):
            one = recorded[at] if at < len(recorded) - end else _ABSENT
            other = received[at] if at < len(received) - end else _ABSENT
            yield from self.pairs(one, other, (*path, at))
        self.same += sum(_size(one) for one in recorded[len(recorded) - end :])


def compare(recorded: Any, received: Any, most: int = MOST_LOOKED_AT) -> Comparison:
    """Return how far two canonical forms are from each other, and where they differ, among the first `most`
    values."""
    walk = _Walk(most)
    differences: list[Difference] = []
    texts: list[tuple[str, str]] = []
    whole = True
    for path, one, other in walk.pairs(recorded, received, ()):
        if len(differences) == MOST:
            whole = False
            continue
        if isinstance(one, str) and isinstance(other, str):
            texts.append((one, other))
            start = max(0, _common(one, other) - SHOWN // 3)
            one, other = _window(one, start), _window(other, start)
        differences.append(Difference(pointers.write(path), _shown(one), _shown(other)))
    total = walk.same + walk.different
    whole = whole and walk.left >= 0
    distance = walk.different / total if total else 0.0
    return Comparison(round(distance, 4), tuple(differences), whole, tuple(texts))


def _size(value: Any) -> float:
    """Return the number of values in a value, at most two levels deep."""
    match value:
        case dict():
            inner = value.values()
        case list():
            inner = value  # type: ignore[assignment]
        case _:
            return 1.0
    return 1.0 + sum(len(one) if isinstance(one, dict | list) else 1 for one in inner)


def _common(one: str, other: str) -> int:
    """Return the length of the common beginning of two texts, by bisection."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_ends(one: str, other: str) -> tuple[int, int]:
    """Return the lengths of the common beginning and the common end of two texts, without overlap."""
    start = _common(one, other)
    most = min(len(one), len(other)) - start
    end = _common(one[len(one) - most :][::-1], other[len(other) - most :][::-1]) if most else 0
    return start, end


def _alike(one: str, other: str) -> float:
    longest = max(len(one), len(other))
    return sum(common_ends(one, other)) / longest if longest else 1.0


def _window(text: str, start: int) -> str:
    shown = text[start : start + SHOWN]
    return f"{'...' if start else ''}{shown}{'...' if start + SHOWN < len(text) else ''}"


def _shown(value: Any) -> str | None:
    if value is _ABSENT:
        return None
    if isinstance(value, str):
        return value
    text = dumps(_cut(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _cut(value: Any, depth: int = 0) -> Any:
    """Return as much of a value as can be shown."""
    match value:
        case str():
            return value[:SHOWN]
        case dict():
            return {key: _cut(value[key], depth + 1) for key in list(value)[:20]} if depth < 4 else {}
        case list():
            return [_cut(one, depth + 1) for one in value[:20]] if depth < 4 else []
        case _:
            return value
