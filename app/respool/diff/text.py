"""Differences as lines of text, and as JSON."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from respool.diff.compare import Change, Timing, TurnDiff, shown
from respool.errors import printable

_AROUND = 24  # characters shown on both sides of the first difference of two texts


def as_text(diff: TurnDiff) -> list[str]:
    """Return a line or more for each change, then the times."""
    return [*(line for change in diff.changes for line in _lines(change)), *map(_timing, diff.timings)]


def as_json(diff: TurnDiff) -> dict[str, Any]:
    """Return the differences and times as JSON data."""
    return {
        "changes": [
            {"kind": one.kind, "place": one.place, "before": one.before, "now": one.now}
            for one in diff.changes
        ],
        "timings": [{"label": one.label, "before": one.before, "now": one.now} for one in diff.timings],
    }


def _lines(change: Change) -> Iterator[str]:
    place = printable(change.place, 400)
    yield f"{change.kind}: {place}"
    if change.kind == "text":
        before, now = _around(change.before, change.now)
    elif change.kind == "events" and isinstance(change.before, list) and isinstance(change.now, list):
        yield from _types(change.before, change.now)
        return
    else:
        before, now = shown(change.before), shown(change.now)
    if change.before is not None:
        yield f"  - {printable(before, 400)}"
    if change.now is not None:
        yield f"  + {printable(now, 400)}"


def _types(before: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    for tag, start, end, other_start, other_end in SequenceMatcher(
        None, before, now, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            yield from (f"  - {printable(one)}" for one in before[start:end])
            yield from (f"  + {printable(one)}" for one in now[other_start:other_end])


def _around(before: str, now: str) -> tuple[str, str]:
    """Return both texts around their first difference."""
    at = next(
        (number for number, (left, right) in enumerate(zip(before, now, strict=False)) if left != right),
        min(len(before), len(now)),
    )
    start = max(0, at - _AROUND)
    lead = "..." if start else ""

    def part(text: str) -> str:
        more = "..." if len(text) > at + _AROUND else ""
        return f"{lead}{text[start : at + _AROUND]}{more} ({len(text)} characters)"

    return part(before), part(now)


def _timing(timing: Timing) -> str:
    before, now = (
        "not known" if value is None else f"{value:.3f} s" for value in (timing.before, timing.now)
    )
    return f"time: {timing.label}: {before}, now {now}"
