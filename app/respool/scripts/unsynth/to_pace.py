"""The times of a recording in, a Script's pauses and pace out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from respool.protocol.response import count_tokens
from respool.scripts import ScriptPace

SHORTEST = 0.1  # seconds; a shorter silence before a step is no pause
_DIGITS = 3
_LONGEST = 1e9  # seconds

Gaps = Sequence[float | None]


def _sum(gaps: Iterable[float]) -> float:
    try:
        return math.fsum(gaps)
    except OverflowError:
        return _LONGEST


def pauses(gaps: Gaps, starts: Iterable[int]) -> dict[int, float]:
    """Return the pauses (s) before the events that begin a step."""
    return {at: round(gap, _DIGITS) for at in starts if (gap := gaps[at] or 0.0) >= SHORTEST}


def turn_pace(
    gaps: Gaps, events: Sequence[Mapping[str, Any]], paused: Mapping[int, float]
) -> ScriptPace | None:
    """Return the pace of a turn without its pauses; None if the recording has no times."""
    if all(gap is None for gap in gaps):
        return None
    left = [(gap or 0.0) - paused.get(at, 0.0) for at, gap in enumerate(gaps)]
    deltas = [at for at, event in enumerate(events) if isinstance(event.get("delta"), str)]
    if not deltas:
        return ScriptPace(ttft=round(_sum(left), _DIGITS))
    first, last = deltas[0], deltas[-1]
    seconds = _sum(left[first + 1 : last + 1])
    tokens = sum(count_tokens(events[at]["delta"]) for at in deltas[1:])
    return ScriptPace(
        tokens_per_second=round(tokens / seconds, 1) if seconds > 0 and tokens else None,
        ttft=max(0.0, round(_sum(left[: first + 1]), _DIGITS)),
    )
