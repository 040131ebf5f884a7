"""Comparisons of a value with its repetition later in the stream."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from respool.check.json_values import shown

# The service encrypts it anew each time it is sent.
_NEVER_THE_SAME = "encrypted_content"

_NOTHING: tuple[object, ...] = (None, "", [], {})


@dataclass(slots=True)
class Grown:
    """A text that arrives as deltas."""

    pieces: list[str] = field(default_factory=list)
    whole: str | None = None  # from its .done event

    @property
    def text(self) -> str | None:
        """The text so far; None if there is none."""
        if self.whole is not None:
            return self.whole
        return "".join(self.pieces) if self.pieces else None


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """A place where a JSON value differs from the earlier one. `hard`: it contradicts it, or lacks a part of
    it."""

    place: str
    before: Any
    now: Any
    hard: bool

    def __str__(self) -> str:
        if isinstance(self.now, str) and isinstance(self.before, str):
            return f"{self.place} {_text_difference(self.before, self.now)}"
        if self.now is None:
            return f"{self.place} is missing, expected {shown(self.before)}"
        return f"{self.place} is {shown(self.now)}, expected {shown(self.before)}"


def difference(
    place: str, before: object, now: object, ignore: frozenset[str] = frozenset()
) -> ValueDifference | None:
    """Return the most serious difference between two values, the first of its kind; None if there is none.

    `place` is the path of the values, for a message. Keys in `ignore` are skipped; null and an absent key are
    equal.
    """
    found = None
    try:
        if before == now:
            return None  # the common case, and fast
        for one in _members(place, before, now, ignore | {_NEVER_THE_SAME}):
            if one.hard:
                return one
            found = found or one
    except RecursionError:
        pass  # nested too deeply to follow: return what was found so far
    return found


def _differences(place: str, before: Any, now: Any, ignore: frozenset[str]) -> Iterator[ValueDifference]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if key not in ignore:
                yield from _members(f"{place}.{key}", before.get(key), now.get(key), ignore)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, pair in enumerate(zip(before, now, strict=True)):
            yield from _differences(f"{place}[{number}]", *pair, ignore)
    elif before != now and not (_is_nan(before) and _is_nan(now)):
        yield ValueDifference(place, before, now, hard=True)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _members(place: str, before: Any, now: Any, ignore: frozenset[str]) -> Iterator[ValueDifference]:
    if before is not None and now is not None:
        yield from _differences(place, before, now, ignore)
    elif before != now:
        yield ValueDifference(place, before, now, hard=before not in _NOTHING)


def _text_difference(before: str, now: str) -> str:
    shared = min(len(before), len(now))
    at = next((at for at in range(shared) if before[at] != now[at]), shared)
    return f"has {_rest(now, at)} after {at} characters, expected {_rest(before, at)}"


def _rest(text: str, at: int) -> str:
    return shown(text[at:]) if at < len(text) else "its end"
