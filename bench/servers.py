"""The two servers, each in a process of its own, and what the kernel tells of a process."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESPOOL, PLAIN = "Respool", "plain app"
START_LIMIT = 30.0  # seconds
STOP_LIMIT = 5.0  # seconds

_LISTENS = re.compile(r"http://127\.0\.0\.1:([0-9]+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens on 127.0.0.1."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """The CPU time it has used so far; 0 where there is no /proc."""
        try:
            # The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Its resident memory in bytes. Raises OSError where there is no /proc."""
        resident = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(name: str, folder: Path, *, instant: bool = False, cpu: int | None = None) -> Iterator[Server]:
    """Serve the recordings in `folder` until the block ends.

    With `cpu` the process stays on that one. Raises RuntimeError, with what the server wrote, if it
    does not start.
    """
    command, environment = _command(name, folder, instant)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RESPOOL_")}
    log = folder / f"{name}.log"  # a file, since a pipe that nobody reads fills up
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        if cpu is not None:
            os.sched_setaffinity(process.pid, {cpu})
        yield Server(name, _port(process, log), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(name: str, folder: Path, instant: bool) -> tuple[list[str], dict[str, str]]:
    speed = "instant" if instant else "1"
    if name == RESPOOL:
        options = f"--port 0 --quiet --speed {speed}".split()
        return [sys.executable, "-m", "respool", "serve", str(folder), *options], {}
    options = "bench.plain_app:app --port 0 --no-access-log".split()
    return [sys.executable, "-m", "uvicorn", *options], {
        "PLAIN_RECORDINGS": str(folder),
        "PLAIN_SPEED": speed,
    }


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server says it listens on, once it does."""
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit and process.poll() is None:
        if found := _LISTENS.search(log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"{log.stem} did not start; it wrote:\n{log.read_text()}")
