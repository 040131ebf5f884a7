"""The two servers, each in a process of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from respool.bench.servers import ServerProcess, started

ROOT = Path(__file__).parents[1]
RESPOOL, PLAIN = "Respool", "plain app"


@contextmanager
def running(
    name: str, folder: Path, *, instant: bool = False, cpu: int | None = None
) -> Iterator[ServerProcess]:
    """Serve the recordings in `folder` until the block ends.

    With `cpu` the process stays on that CPU. Raise RespoolError, with the server's output, if it does not
    start.
    """
    command, environment = _command(name, folder, instant)
    with started(name, command, folder / f"{name}.log", environment, ROOT) as server:
        if cpu is not None:
            os.sched_setaffinity(server.pid, {cpu})
        yield server


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
