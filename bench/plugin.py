"""``python -m bench.plugin``: the cost of the pytest plugin for a run without its use, and of its first use.

Each figure is from a process of its own; runs with and without the plugin take turns. Figures are CPU time,
which other processes disturb less than wall-clock time.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.servers import ROOT

MOST_IDLE = 0.020  # seconds added to a run that does not use the plugin
MOST_FIRST = 0.6  # seconds of the first use of the fixture, with its server

EMPTY = "def test_it(): pass\n"
FIRST_USE = """
import time

def test_it(request):
    begin = time.process_time()
    request.getfixturevalue("respool")
    print("took", time.process_time() - begin)
"""


def main(arguments: Sequence[str]) -> int:
    """Run the measurement; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.plugin", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs of each kind [15]")
    parser.add_argument("--check", action="store_true", help="fail where a figure is over its limit")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text(EMPTY, "utf-8")
        (folder / "test_first.py").write_text(FIRST_USE, "utf-8")
        (folder / "fixtures").symlink_to(ROOT / "fixtures")
        without, with_, first = measure(folder, options.runs)
    cost = statistics.median(with_) - statistics.median(without)
    print(
        f"load average {report.load_average()}; median (least to most) of {options.runs} runs, in CPU seconds"
    )
    print(f"an empty run without the plugin  {_summary(without)}")
    print(f"an empty run with it             {_summary(with_)}")
    print(f"what the plugin costs            {cost:.3f}; limit {MOST_IDLE}")
    print(f"the first use of the fixture     {_summary(first)}; limit {MOST_FIRST}")
    over = cost > MOST_IDLE or statistics.median(first) > MOST_FIRST
    return int(options.check and over)


def measure(folder: Path, runs: int) -> tuple[list[float], list[float], list[float]]:
    """Return the seconds of empty runs without and with the plugin, and those of the fixture's first use."""
    without, with_, first = [], [], []
    for number in range(runs + 1):
        figures = (
            _seconds(folder, "test_empty.py", "-p", "no:respool"),
            _seconds(folder, "test_empty.py"),
            _printed_seconds(folder, "test_first.py"),
        )
        if number:  # the first fills the caches of the system, and Python's own
            for figure, figures_of in zip(figures, (without, with_, first), strict=True):
                figures_of.append(figure)
    return without, with_, first


def _pytest(folder: Path, *arguments: str) -> tuple[str, float]:
    """Run pytest, and return its output and its CPU time."""
    # Without other plugins, which would add their own cost.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *arguments]
    before = os.times()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return done.stdout, used


def _seconds(folder: Path, test: str, *arguments: str) -> float:
    given = arguments or ("-p", "respool.pytest_plugin")
    return _pytest(folder, test, *given)[1]


def _printed_seconds(folder: Path, test: str) -> float:
    text, _ = _pytest(folder, test, "-p", "respool.pytest_plugin")
    return float(text.partition("took ")[2].split()[0])


def _summary(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
