"""``python -m bench.startup``: the time from the start of `respool serve` to its first answer.

The recordings are temporary; each figure is from a new process.
"""

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import recordings, report
from bench.servers import ROOT
from respool.bench.servers import STOP_LIMIT

LENGTHS = (20, 40, 60, 60, 120)  # events: 60 in the mean
_LISTENS = re.compile(rb"http://127\.0\.0\.1:([0-9]+)")


class Start(NamedTuple):
    """One start, in seconds since the process began."""

    listening: float  # it has printed its address, and accepts connections
    answered: float  # the first request, sent at once, is answered
    cpu: float  # CPU time used by then


def main(arguments: Sequence[str]) -> int:
    """Run the measurement; return the exit code."""
    options = _parse(arguments)
    cpu = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    print(
        f"load average {report.load_average()}; {'not pinned' if cpu is None else f'pinned to CPU {cpu}'}; "
        f"the median (least to most) of {options.runs} runs, in seconds"
    )
    print("recordings  listening           first answer        CPU time")
    for count in options.recordings:
        with tempfile.TemporaryDirectory() as folder:
            write_folder(Path(folder), count)
            measure(Path(folder), cpu)  # fills the caches of the system, and Python's own
            starts = [measure(Path(folder), cpu) for _ in range(options.runs)]
        columns = [_summary(values) for values in zip(*starts, strict=True)]
        print(f"{count:10,}  " + "  ".join(f"{column:18}" for column in columns).rstrip())
    return 0


def write_folder(folder: Path, count: int) -> None:
    """Write `count` recordings, of 60 events in the mean, into twenty folders below this one."""
    for number in range(count):
        below = folder / f"group-{number % 20}"
        below.mkdir(exist_ok=True)
        recordings.write(below / f"text-{number}.jsonl", LENGTHS[number % len(LENGTHS)], gap=0.02)


def measure(folder: Path, cpu: int | None = None) -> Start:
    """Start `respool serve` for this folder, send it one request, and end it.

    With `cpu` it is kept on that CPU. Raise RuntimeError if it does not start or not answer.
    """
    command = [sys.executable, "-m", "respool", "serve", str(folder), "--port", "0", "--quiet"]
    if cpu is not None:  # a process inherits it, and so is on it from its first moment
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu})
    # Installed packages have bytecode, so it must be written here, even if this machine disables it.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("RESPOOL_") and key != "PYTHONDONTWRITEBYTECODE"
    }
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        if cpu is not None:
            os.sched_setaffinity(0, mine)
        assert process.stdout is not None
        written = process.stdout.readline()  # the first line has the address
        listening = time.perf_counter() - begun
        found = _LISTENS.search(written)
        if found is None:
            raise RuntimeError(f"the server did not start; it wrote: {written.decode()}")
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=30) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            answer = client.recv(4096)
        answered = time.perf_counter() - begun
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered: {answer[:200]!r}")
        return Start(listening, answered, _cpu_seconds(process.pid))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far; 0 without /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summary(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="starts for each figure (default: 5)")
    parser.add_argument(
        "--recordings", type=int, nargs="+", default=[1, 1000], help="how many (default: 1 and 1000)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
