"""Each test runs a small program of its own: workers are fresh interpreters, which import its functions."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

PROGRAM = """
import logging, os, signal, sys, time
from respool.errors import OptionError
from respool.workers import Workers

def say(line):
    os.write(1, f"{line}\\n".encode())  # at once: others write there, too

def works(number, report):
    report(f"report {number}")
    say(f"worker {number} {os.getpid()}")
    signal.pause()

def stubborn(number, report):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    works(number, report)

def refuses(number, report):
    if number == 2:
        raise OptionError("this will not do")
    works(number, report)

def dies(number, report):
    os._exit(7)

def refuses_when_replaced(number, report, marker):
    if os.path.exists(marker):
        raise OptionError("the folder has gone")
    open(marker, "w").close()
    works(number, report)

def dies_once_when_replaced(number, report, marker):
    with open(marker, "a+") as file:
        file.write("x")
        file.seek(0)
        starts = len(file.read())
    if starts == 2:
        os._exit(9)
    works(number, report)

if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    work, count, *arguments = sys.argv[1:]
    try:
        workers = Workers(globals()[work], [tuple(arguments)] * int(count), limit=0.5)
        workers.run(lambda told: say(f"ready: {told}"), lambda: say("ending"))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run the program with workers that do what one of its functions says."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with ExitStack() as stack:

        def run(*arguments: str | int | Path) -> "subprocess.Popen[str]":
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, program, *map(str, arguments)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield run


def read(process: "subprocess.Popen[str]", count: int) -> list[str]:
    """So many lines of its output, sorted: who of several comes first is chance."""
    assert process.stdout is not None
    return sorted(process.stdout.readline().strip() for _ in range(count))


def worker_ids(lines: list[str]) -> list[int]:
    return [int(line.split()[2]) for line in lines if line.startswith("worker ")]


def ends(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Its exit code and the rest of what it writes, once it and all of its workers have closed their ends."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out.strip(), err.strip()


def test_it_is_ready_once_when_all_workers_are(start: Start) -> None:
    process = start("works", 3)
    lines = read(process, 4)
    assert lines[0] == "ready: report 1"
    assert [line.split()[1] for line in lines[1:]] == ["1", "2", "3"]
    assert len({*worker_ids(lines), process.pid}) == 4
    process.terminate()
    assert ends(process)[1] == "ending"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_a_signal_ends_all_and_then_happens_to_the_one_above_them(
    number: signal.Signals, code: int, start: Start
) -> None:
    process = start("works", 2)
    read(process, 3)
    process.send_signal(number)
    returned, out, err = ends(process)
    assert (returned, out) == (code, "ending")
    assert err == ""


def test_a_worker_that_does_not_end_is_killed_at_the_limit(start: Start) -> None:
    process = start("stubborn", 2)
    read(process, 3)
    process.terminate()
    assert ends(process) == (-signal.SIGTERM, "ending", "")


def test_what_a_worker_cannot_do_is_raised_once_and_ends_all(start: Start) -> None:
    returned, out, err = ends(start("refuses", 3))
    assert (returned, err) == (1, "OptionError: this will not do")
    assert "ready" not in out


def test_a_worker_that_dies_before_it_is_ready_ends_all(start: Start) -> None:
    returned, out, err = ends(start("dies", 2))
    assert (returned, out) == (1, "ending")
    assert err.startswith("WorkerDied: worker 1 (process ")
    assert err.endswith(") ended with exit code 7 before it was ready")


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    process = start("works", 2)
    first, second = worker_ids(read(process, 3))
    os.kill(first, signal.SIGKILL)
    (third,) = worker_ids(read(process, 1))
    assert third not in (first, second)
    assert process.stderr is not None
    assert process.stderr.readline() == f"worker 1 (process {first}) was ended by signal 9, and is replaced\n"
    assert process.stderr.readline() == f"worker 1 (process {third}) is ready\n"
    process.terminate()
    assert ends(process) == (-signal.SIGTERM, "ending", "")


def test_where_a_worker_cannot_be_replaced_all_end(start: Start, tmp_path: Path) -> None:
    process = start("refuses_when_replaced", 1, tmp_path / "marker")
    (first,) = worker_ids(read(process, 2))
    os.kill(first, signal.SIGKILL)
    returned, out, err = ends(process)
    assert (returned, out) == (1, "ending")
    assert err.endswith("OptionError: the folder has gone")


def test_a_replacement_that_dies_before_it_is_ready_is_replaced(start: Start, tmp_path: Path) -> None:
    process = start("dies_once_when_replaced", 1, tmp_path / "marker")
    (first,) = worker_ids(read(process, 2))
    os.kill(first, signal.SIGKILL)
    (third,) = worker_ids(read(process, 1))
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    assert lines[1].endswith("ended with exit code 9, and is replaced\n")
    assert lines[2] == f"worker 1 (process {third}) is ready\n"
    process.terminate()
    assert ends(process) == (-signal.SIGTERM, "ending", "")


def test_no_worker_stays_behind_when_the_one_above_is_killed(start: Start) -> None:
    process = start("works", 2)
    read(process, 3)
    process.kill()
    # This returns when nobody is left who could write.
    assert ends(process) == (-signal.SIGKILL, "", "")
