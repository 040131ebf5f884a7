"""A server in a process of its own, and its resource usage."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from respool.errors import RespoolError

START_LIMIT = 30.0  # seconds
STOP_LIMIT = 5.0  # seconds

_LISTENS = re.compile(r"http://127\.0\.0\.1:([0-9]+)")


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server that listens on 127.0.0.1."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used so far; 0 where there is no /proc."""
        try:
            # The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Return its resident memory in bytes. Raise OSError where there is no /proc."""
        resident = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Return the number of its open files and connections. Raise OSError where there is no /proc."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        """Return the number of its threads. Raise OSError where there is no /proc."""
        return len(os.listdir(f"/proc/{self.pid}/task"))


@contextmanager
def respool(paths: Sequence[str | os.PathLike[str]], options: Sequence[str]) -> Iterator[ServerProcess]:
    """Run ``respool serve`` with the recordings below `paths`, on a free port, until the block ends.

    Raise RespoolError, with the server's output, if it does not start.
    """
    command = [sys.executable, "-m", "respool", "serve", "--port", "0", "--quiet", *options, "--"]
    with TemporaryDirectory() as folder:
        command += [os.fspath(path) for path in paths]
        with started("respool serve", command, Path(folder) / "serve.log") as server:
            yield server


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[ServerProcess]:
    """Run the server in `folder` until the block ends; its output goes into `log`.

    It gets `environment` besides ours, but none of our RESPOOL_ variables. Raise RespoolError, with the
    server's output, if it does not print its address within `START_LIMIT`.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RESPOOL_")}
    with log.open("w") as output:  # a file, since a pipe without a reader fills up
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield ServerProcess(name, _port(name, process, log), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(name: str, process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the port that the server prints when it listens."""
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit and process.poll() is None:
        if found := _LISTENS.search(log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise RespoolError(f"{name} did not start; it wrote: {log.read_text().strip()}")
