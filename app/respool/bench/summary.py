"""The results of a load, as values and text: percentiles, a histogram, JSON. No I/O, no colours."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The histogram's bounds in seconds: 1, 2, 5 ..., since lateness spans orders of magnitude.
BOUNDS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

NO_LATENESS = "no lateness: the moments of the events are not known; expected the recording's PATHS"

_EIGHTHS = " ▏▎▍▌▋▊▉"


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value that is not below `percent` of all values; NaN if there is none.

    `ordered` is sorted. Values are not interpolated.
    """
    if not ordered:
        return float("nan")
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds, with its significant digits only."""
    value = seconds * 1000
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Figures:
    """Summary of many durations (s); `histogram` counts those in each of the buckets of `BOUNDS`."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float
    histogram: Sequence[int]


def figures(values: Iterable[float]) -> Figures | None:
    """Return the figures of `values`, which are seconds; None if there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p90, p99, most = (percentile(ordered, percent) for percent in (50, 90, 99, 100))
    return Figures(len(ordered), p50, p90, p99, most, histogram(ordered))


def histogram(values: Iterable[float]) -> list[int]:
    """Return the number of values in each bucket: below the first bound, from there to the second, ..., from
    the last on. A bound belongs to the bucket above it."""
    counts = [0] * (len(BOUNDS) + 1)
    for value in values:
        counts[bisect_right(BOUNDS, value)] += 1
    return counts


def plot(counts: Sequence[int], width: int = 40) -> list[str]:
    """Return the histogram as lines: the bucket, a bar, its share. Empty buckets at the ends are left out."""
    filled = [place for place, count in enumerate(counts) if count]
    if not filled:
        return []
    names = ["early", *(f"< {milliseconds_of(bound)} ms" for bound in BOUNDS[1:]), f">= {BOUNDS[-1]:g} s"]
    total, most = sum(counts), max(counts)
    shown = range(filled[0], filled[-1] + 1)
    widest = max(len(names[place]) for place in shown)
    return [
        f"{names[place]:>{widest}}  {bar(counts[place] / most, width):{width}}  {counts[place] / total:6.1%}"
        for place in shown
    ]


def milliseconds_of(bound: float) -> str:
    """Return a round number of seconds in milliseconds, without more digits than it has."""
    return f"{round(bound * 1000, 3):,g}"


def bar(share: float, width: int) -> str:
    """Return a bar for a share of `width` characters, in steps of 1/8 of one; a share above 0 is visible."""
    eighths = max(round(share * width * 8), 1 if share else 0)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The results of a load on a server. All times are seconds."""

    url: str
    model: str
    streams: int
    plays: int  # correct answers
    events: int
    size: int  # bytes of bodies, without HTTP's own
    seconds: float
    errors: Mapping[str, int]  # streams that failed, by kind
    ttfe: Figures | None  # from the request sent to the first event; None if none came
    late: Figures | None  # (arrival - request sent) - the event's moment; None if the moments are not known
    busy: float  # the share of the time in which the client had work
    interrupted: bool = False

    @property
    def failed(self) -> int:
        """The number of failed streams."""
        return sum(self.errors.values())


def as_json(report: LoadReport) -> Mapping[str, Any]:
    """Return the report for another program; all times are seconds."""
    return {
        "url": report.url,
        "model": report.model,
        "streams": report.streams,
        "plays": report.plays,
        "events": report.events,
        "bytes": report.size,
        "seconds": report.seconds,
        "events_per_second": report.events / report.seconds,
        "errors": dict(sorted(report.errors.items())),
        "ttfe": _as_json(report.ttfe),
        "lateness": _as_json(report.late),
        "client_busy": report.busy,
        "interrupted": report.interrupted,
    }


def _as_json(figures: Figures | None) -> Mapping[str, Any] | None:
    if figures is None:
        return None
    buckets = [
        {"from": low, "below": high, "count": count}
        for low, high, count in zip((None, *BOUNDS), (*BOUNDS, None), figures.histogram, strict=True)
    ]
    return {
        **{name: getattr(figures, name) for name in ("count", "p50", "p90", "p99", "max")},
        "histogram": buckets,
    }


def as_text(report: LoadReport) -> list[str]:
    """Return the report for a person, line by line."""
    rates = f"{report.events / report.seconds:,.0f} events/s, {report.size / report.seconds / 1e6:,.2f} MB/s"
    lines = [
        f"{report.streams:,} streams of {report.model} at {report.url}",
        f"{report.plays:,} plays, {report.events:,} events in {report.seconds:.1f} s: {rates}",
        "",
        f"{'ms':<12}{'p50':>10}{'p90':>10}{'p99':>10}{'max':>10}",
    ]
    for name, of in (("first event", report.ttfe), ("lateness", report.late)):
        if of:
            lines.append(
                f"{name:<12}"
                + "".join(f"{milliseconds(value):>10}" for value in (of.p50, of.p90, of.p99, of.max))
            )
    if report.late:
        lines += ["", "lateness", *plot(report.late.histogram)]
    elif report.ttfe:
        lines += ["", NO_LATENESS]
    lines.append("")
    if report.busy > 0.8:
        lines.append(f"the client was busy for {report.busy:.0%} of the time: it may have been the limit")
    if report.interrupted:
        lines.append("interrupted: what was under way is not counted as a play, nor as an error")
    kinds = (f"{count} {kind}" for kind, count in sorted(report.errors.items()))
    failed = f"{report.failed} stream{'s' * (report.failed != 1)} failed"
    lines.append(f"{failed}: {', '.join(kinds)}" if report.failed else "no errors")
    return lines
