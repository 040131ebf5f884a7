"""Pace: at which moments the events of a recording are sent. Pure functions over lists of seconds.

A recording gives gaps (seconds since the event before, None where it has no time); each function
takes gaps and gives gaps, and `Pace.moments` adds them up to moments since the request.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any, Literal

from respool import option_types, options
from respool.errors import OptionError, did_you_mean, printable
from respool.recordings.recording import Entry, Recording, Verbatim

DEFAULT_GAP = 0.02  # seconds

Gaps = Iterable[float]

# Quantiles of what 111 real streams with a time per chunk showed (docs/format.md, "Typical times").
# Between two of them a draw is spread evenly on a logarithmic scale; the tail's 0.999 is chosen so
# that the mean is that of those streams, 17 ms.
_TYPICAL_GAP = (
    (0.0, 0.0003), (0.47, 0.002), (0.5, 0.003), (0.75, 0.027), (0.9, 0.048),
    (0.95, 0.064), (0.99, 0.110), (0.999, 0.3), (1.0, 1.3),
)  # fmt: skip
_TYPICAL_FIRST_TOKEN = ((0.0, 0.15), (0.05, 0.23), (0.5, 0.42), (0.95, 0.97), (0.99, 1.5), (1.0, 2.0))
_TYPICAL_END = ((0.0, 0.04), (0.5, 0.14), (1.0, 0.5))


def fill(gaps: Iterable[float | None], gap: float) -> Gaps:
    """Put `gap` where the recording has no time."""
    return (gap if known is None else known for known in gaps)


def fill_typical(
    gaps: Sequence[float | None], first_token: int | None, last_token: int | None, rng: Random
) -> Gaps:
    """Fill missing gaps with random ones from the distribution of real streams: in bursts.

    `first_token` and `last_token` are the places of the first and the last delta.
    """
    filled = [draw(_TYPICAL_GAP, rng) if known is None else known for known in gaps]
    if first_token is not None and gaps[0] is None:
        before = sum(filled[1 : first_token + 1])
        filled[0] = max(0.0, draw(_TYPICAL_FIRST_TOKEN, rng) - before)
    if last_token is not None and last_token + 1 < len(filled) and gaps[last_token + 1] is None:
        filled[last_token + 1] = draw(_TYPICAL_END, rng)
    return filled


def draw(quantiles: Sequence[tuple[float, float]], rng: Random) -> float:
    """Return a random value whose distribution has these quantiles: (share of values below, value)."""
    share = rng.random()
    at = max(1, bisect_left(quantiles, (share,)))
    (low, value), (high, next_value) = quantiles[at - 1], quantiles[at]
    return float(value * (next_value / value) ** ((share - low) / (high - low)))


def limit_gap(gaps: Gaps, max_gap: float) -> Gaps:
    """Shorten every longer pause to `max_gap` seconds."""
    return (min(gap, max_gap) for gap in gaps)


def jitter(gaps: Gaps, amount: float, rng: Random) -> Gaps:
    """Make each gap longer or shorter by up to `amount` seconds; none becomes negative."""
    return (max(0.0, gap + rng.uniform(-amount, amount)) for gap in gaps)


def shift_first_token(moments: Sequence[float], first_token: int, ttft: float) -> list[float]:
    """Move the whole stream so that the event at place `first_token` comes at `ttft` seconds.

    What precedes it keeps its distance to it, as far as the request's moment allows.
    """
    shift = ttft - moments[first_token]
    return [max(0.0, moment + shift) for moment in moments]


def moments_between(entries: Sequence[Entry], moments: Sequence[float]) -> list[tuple[int, float, Verbatim]]:
    """Return for each captured text the number of events before it, and the moment at which it is sent.

    `moments` are those of the events, at the pace of the play. Between two events a text keeps its share of
    the time; one without a time goes with the event that follows.
    """
    placed: list[tuple[int, float, Verbatim]] = []
    waiting: list[Verbatim] = []
    events = 0
    for entry in entries:
        if isinstance(entry, Verbatim):
            waiting.append(entry)
            continue
        since, until = moments[events - 1] if events else 0.0, moments[events]
        total = sum(one.gap or 0.0 for one in waiting) + (entry.gap or 0.0)
        passed = 0.0
        for one in waiting:
            passed += one.gap or 0.0
            known = one.gap is not None and total
            placed.append((events, since + (until - since) * passed / total if known else until, one))
        waiting = []
        events += 1
    at = moments[-1] if moments else 0.0
    return [*placed, *((events, at, one) for one in waiting)]


def read_changes(text: str) -> dict[str, Any]:
    """Return the changes to a pace in a text, by the names of `Pace`'s fields. The text is a speed (``2``,
    ``instant``), or ``speed=2, ttft=0.5``. Raise OptionError."""
    known = options.options_of(Pace)
    changes: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (one.strip() for one in part.partition("="))
        if not equals:
            name, value = "speed", name
        name = name.replace("-", "_")
        if name not in known:
            hint = did_you_mean(name[:60], tuple(known))
            raise OptionError(f"{printable(name, 60)} is not of a pace{hint}; expected {', '.join(known)}")
        if name in changes:
            raise OptionError(f"{name} is given twice")
        changes[name] = value
    pace = Pace(**changes)
    return {name: getattr(pace, name) for name in changes}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a recording plays. All times are seconds; `speed` is applied last, to all of them.

    gap      time before an event for which the recording has none; "typical" draws it as real
             streams have it
    max_gap  no pause is longer
    jitter   each gap is changed by a random amount up to this
    ttft     time to first token: the first delta (or, without deltas, the first event) comes then
    speed    2 is twice as fast; math.inf sends everything at once
    seed     of random values: the same seed gives the same times, for each play of a recording

    Raises OptionError for values out of range.
    """

    gap: float | Literal["typical"] = options.declare(DEFAULT_GAP, option_types.GAP)
    max_gap: float | None = options.declare(None, option_types.or_none(option_types.FINITE))
    jitter: float = options.declare(0.0, option_types.FINITE)
    ttft: float | None = options.declare(None, option_types.or_none(option_types.FINITE))
    speed: float = options.declare(1.0, option_types.SPEED)
    seed: int = options.declare(0, option_types.INTEGER)

    def __post_init__(self) -> None:
        options.read_options(self, options.out_of_range)

    def moments(self, recording: Recording) -> list[float]:
        """Return the moments of the events: seconds since the request, never falling."""
        if not recording.events:
            return []
        if self.speed == math.inf:
            return [0.0] * len(recording.events)
        rng = Random(f"{self.seed}:{recording.name}")
        gaps: Gaps
        known = [timed.gap for timed in recording.events]
        deltas = [
            place for place, timed in enumerate(recording.events) if timed.event.type.endswith(".delta")
        ]
        if isinstance(self.gap, str):
            gaps = fill_typical(known, deltas[0] if deltas else None, deltas[-1] if deltas else None, rng)
        else:
            gaps = fill(known, self.gap)
        if self.max_gap is not None:
            gaps = limit_gap(gaps, self.max_gap)
        if self.jitter:
            gaps = jitter(gaps, self.jitter, rng)
        moments = [min(moment, option_types.LONGEST) for moment in accumulate(gaps)]
        if self.ttft is not None:
            moments = shift_first_token(moments, deltas[0] if deltas else 0, self.ttft)
        return [min(moment / self.speed, option_types.LONGEST) for moment in moments]
