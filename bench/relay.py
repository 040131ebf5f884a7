"""The cost of a recording relay: time to the first event, and delay of each, beside a direct connection.

python -m bench.relay [--streams 1,100] [--rounds 3]

Upstream, relay and client are a process each. Direct and relayed streams take turns, in one run. Lateness is
relative to the recording's own moments, so the difference of the two is the relay's delay. At the end the
recorded times of all relayed streams are compared with the upstream's schedule.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from respool.bench.load import Plan, allow_open_files, load
from respool.bench.servers import respool, started
from respool.bench.summary import LoadReport, milliseconds
from respool.bench.target import LoadTarget
from respool.play.pace import Pace
from respool.recordings.store import Store

FIXTURES = Path(__file__).parents[1] / "fixtures"
RECORDING = "text/hello"
RAMP = 0.004  # seconds from one stream's begin to the next one's


def main(arguments: Sequence[str]) -> int:
    """Print a table. Return 1 if a stream failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay")
    parser.add_argument("--streams", default="1,100", help="how many at once, as 1,100")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    counts = [int(count) for count in options.streams.split(",")]
    recording = Store(FIXTURES).get(RECORDING)
    assert recording is not None
    moments = Pace().moments(recording)
    allow_open_files(max(counts))
    failed = 0
    print("| streams | what | direct p50, ms | relayed p50, ms | added p50, ms | direct p99 | relayed p99 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, respool([FIXTURES], []) as upstream:
        direct = f"http://127.0.0.1:{upstream.port}/v1"
        into = str(Path(folder) / "recorded")
        command = [sys.executable, "-m", "respool", "record", "--port", "0", "--quiet"]
        command += ["--upstream", direct, "--into", into]
        with started("respool record", command, Path(folder) / "record.log") as relay:
            relayed = f"http://127.0.0.1:{relay.port}/v1"
            for url in (direct, relayed):  # loads the modules that are imported late
                load(LoadTarget(url, RECORDING), Plan(2, 1, None, 0.0, 60.0, moments), lambda live: None)
            for streams in counts:
                plan = Plan(streams, 1 if streams > 1 else 5, None, streams * RAMP, 60.0, moments)
                pairs = [
                    tuple(
                        load(LoadTarget(url, RECORDING), plan, lambda live: None) for url in (direct, relayed)
                    )
                    for _ in range(options.rounds)
                ]
                failed += sum(report.failed for pair in pairs for report in pair)
                for line in _rows(streams, pairs):
                    print(line)
            print(f"CPU time of the relay: {relay.cpu_seconds():.2f} s")
            _wait_until_written(Path(folder) / "recorded")
        print(timing_line(timing_errors(Path(folder) / "recorded", moments)))
    return 1 if failed else 0


def _wait_until_written(folder: Path) -> None:
    """Wait, a minute at most, until the recorder has written everything: it works behind the relay."""
    ending, files = time.monotonic() + 60, -1
    while time.monotonic() < ending:
        now = sum(1 for _ in folder.rglob("*.jsonl"))
        if now == files and not any(folder.rglob("*.partial")):
            return
        files = now
        time.sleep(2)


def timing_errors(folder: Path, moments: Sequence[float]) -> list[float]:
    """Return the difference of each event's recorded moment from the upstream's, in seconds, sorted. Leave
    out incomplete recordings."""
    store = Store(folder)
    turns = [turn for name in store.names for turn in store.turns(name) if len(turn.events) == len(moments)]
    recorded = (accumulate(timed.gap or 0.0 for timed in turn.events) for turn in turns)
    return sorted(abs(at - due) for times in recorded for at, due in zip(times, moments, strict=True))


def timing_line(errors: Sequence[float]) -> str:
    """Return the line on recorded times."""
    if not errors:
        return "recorded times: no recording was written"
    p50, p99 = (errors[min(len(errors) - 1, int(len(errors) * share))] * 1000 for share in (0.5, 0.99))
    return f"recorded times of {len(errors)} events: off by {p50:.2f} ms (p50), {p99:.2f} ms (p99)"


def _rows(streams: int, pairs: Sequence[tuple[LoadReport, ...]]) -> list[str]:
    rows = []
    for what in ("first event", "each event"):
        found = [[_figures(report, what) for report in pair] for pair in pairs]
        shown = [
            median(pair[0][0] for pair in found),
            median(pair[1][0] for pair in found),
            median(pair[1][0] - pair[0][0] for pair in found),
            median(pair[0][1] for pair in found),
            median(pair[1][1] for pair in found),
        ]
        rows.append(f"| {streams} | {what} | {' | '.join(map(milliseconds, shown))} |")
    return rows


def _figures(report: LoadReport, what: str) -> tuple[float, float]:
    figures = report.ttfe if what == "first event" else report.late
    assert figures is not None
    return figures.p50, figures.p99


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
