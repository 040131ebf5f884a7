"""Running the client: a server and a process for each case. `verdict` judges the result."""

import hashlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import IO

from respool.drill.cases import Case
from respool.drill.verdict import ClientRun, Result, judge, last_line
from respool.errors import OptionError, ReferenceFailed
from respool.play.pace import Pace
from respool.testing import running_server

# The placeholder for clients that do not read OPENAI_BASE_URL.
BASE_URL = "{base_url}"
API_KEY = "respool-drill"
_OVER = {"http": "", "websocket": " over WebSocket"}

# Bytes of an output that are kept for reports. Whole outputs are compared by their digests.
KEPT = 100_000
MAX_OUTPUT = 64 * 1024 * 1024  # bytes; a client that prints more is killed, and counts as hung

# One server starts at a time: FastAPI silences a warning of pydantic's while it makes routes, and what one
# thread silences another may switch on again (warnings.catch_warnings holds for the whole process).
_starting = threading.Lock()

# Seconds between two checks whether the drill was given up.
_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Trial:
    """The client under test and its options, the same for all runs."""

    command: Sequence[str]
    paths: Sequence[str | os.PathLike[str]]
    recording: str
    pace: Pace
    timeout: float  # seconds that a run may take
    transport: str = "http"  # or websocket


@dataclass(frozen=True, slots=True)
class Reference:
    """The result of the runs without a fault."""

    run: ClientRun
    stable: bool  # whether a second run gave the same output

    @property
    def comparable(self) -> bool:
        """True if runs can be judged by their output; an empty output shows nothing."""
        return self.stable and bool(self.run.output)


def reference(trial: Trial) -> Reference:
    """Run the client twice without a fault.

    Raise ReferenceFailed if it fails or makes no request, OptionError if it cannot be run.
    """
    first, second = (_run(trial, None, threading.Event()) for _ in range(2))
    for run in (first, second):
        if run.exit_code != 0:
            how = f"does not end within {trial.timeout:g} s" if run.hung else f"exits with {run.exit_code}"
            last = last_line(run.errors)
            raise ReferenceFailed(f"without any fault the client {how}" + (last and f": {last}"), run.errors)
    if not first.requests:
        raise ReferenceFailed(
            f"the client made no request to the server{_OVER[trial.transport]}: it should take its base URL "
            f"from OPENAI_BASE_URL, or from {BASE_URL} in the command"
        )
    return Reference(first, first.digest == second.digest)


def drill(
    trial: Trial, cases: Sequence[Case], reference: Reference, jobs: int = 1
) -> Generator[Result, None, None]:
    """Run the client once per case, up to `jobs` at a time. Yield each result when it is ready.

    Closing the generator ends the clients that still run.
    """
    given_up = threading.Event()

    def result(case: Case) -> Result:
        run = _run(trial, case, given_up)
        return judge(case, run, reference.run, comparable=reference.comparable)

    with ThreadPoolExecutor(jobs, thread_name_prefix="drill") as pool:
        waiting = {pool.submit(result, case) for case in cases}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _run(trial: Trial, case: Case | None, given_up: threading.Event) -> ClientRun:
    # A server for each run keeps their requests apart. When it has stopped, its journal is complete.
    # A fault may make a client send more requests than there are turns: then the last turn is repeated.
    faults = case.faults if case else ()
    serving = running_server(*trial.paths, pace=trial.pace, faults=faults, on_exhausted="last")
    with ExitStack() as stack:
        with _starting:
            running = stack.enter_context(serving)
        url = running.base_url_of(trial.recording)
        run = run_client(trial.command, url, trial.timeout, given_up.is_set)
    requests = [one for one in running.server.journal if one.transport == trial.transport]
    return replace(run, requests=sum(one.method != "WEBSOCKET" for one in requests))


def run_client(
    command: Sequence[str], base_url: str, timeout: float, given_up: Callable[[], bool] = lambda: False
) -> ClientRun:
    """Run `command`. After `timeout` seconds, or more than `MAX_OUTPUT` bytes of output, end it and its
    children.

    Raise OptionError if there is no such program.
    """
    arguments = [argument.replace(BASE_URL, base_url) for argument in command]
    # Files, not pipes: a child that outlives the client would keep a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment(base_url, os.environ),
                start_new_session=True,  # a process group of its own, so that it can be ended as a whole
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OptionError(f"cannot run {arguments[0]}: {reason}; expected a command after '--'") from None
        try:
            too_much = partial(_prints_too_much, output, errors)
            exit_code = _wait(process, began + timeout, lambda: given_up() or too_much())
            seconds = time.monotonic() - began
        finally:
            _end(process)
        text, digest = _read(output)
        return ClientRun(exit_code, seconds, 0, text, digest, _read(errors)[0])


def environment(base_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the client's environment: the inherited one, with the server's address."""
    here = "127.0.0.1,localhost"
    direct = {name: ",".join(filter(None, (inherited.get(name), here))) for name in ("NO_PROXY", "no_proxy")}
    return {**inherited, **direct, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": API_KEY}


def _wait(process: subprocess.Popen[bytes], deadline: float, given_up: Callable[[], bool]) -> int | None:
    """Return the exit code; None after a timeout."""
    while not given_up():
        left = deadline - time.monotonic()
        try:
            return process.wait(max(0.0, min(left, _LOOK)))
        except subprocess.TimeoutExpired:
            if left <= 0:
                return None
    return None


def _prints_too_much(*files: IO[bytes]) -> bool:
    return sum(os.fstat(file.fileno()).st_size for file in files) > MAX_OUTPUT


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its group: children may outlive the client."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _read(file: IO[bytes]) -> tuple[str, str]:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return file.read(KEPT).decode("utf-8", "replace"), digest
