import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from respool import Pace
from respool.drill.cases import Case, Expect
from respool.drill.running import API_KEY, Reference, Trial, drill, environment, reference, run_client
from respool.drill.verdict import Verdict
from respool.errors import OptionError, ReferenceFailed

FIXTURES = Path(__file__).parents[2] / "fixtures"
URL = "http://127.0.0.1:1/v1"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# Asks once, and prints how many bytes came.
ASK = """
import os, urllib.request
url = os.environ["OPENAI_BASE_URL"] + "/responses"
print(len(urllib.request.urlopen(url, b'{"stream": true}').read()))
"""


def trial(code: str, timeout: float = 60, recording: str = "text/hello") -> Trial:
    return Trial(python(code), [FIXTURES], recording, Pace(speed=float("inf")), timeout)


def test_the_environment_has_the_address_of_the_server_and_no_proxy_for_it() -> None:
    found = environment(URL, {"HOME": "/", "no_proxy": "a.example", "OPENAI_API_KEY": "sk-real"})
    assert found == {
        "HOME": "/",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "a.example,127.0.0.1,localhost",
        "OPENAI_BASE_URL": URL,
        "OPENAI_API_KEY": API_KEY,
    }


def test_the_url_is_put_into_the_command() -> None:
    assert (
        run_client([*python("import sys; print(sys.argv[1])"), "{base_url}/x"], URL, 60).output
        == f"{URL}/x\n"
    )


def test_exit_code_and_output_are_those_of_the_client() -> None:
    run = run_client(python("import sys; print('é'); sys.exit('bad')"), URL, 60)
    assert (run.exit_code, run.output, run.errors) == (1, "é\n", "bad\n")


def test_a_signal_is_told_as_a_negative_exit_code() -> None:
    run = run_client(python("import os; os.abort()"), URL, 60)
    assert run.exit_code == -signal.SIGABRT


def test_a_client_reads_no_input() -> None:
    assert run_client(python("print(repr(input()))"), URL, 60).errors.endswith(
        "EOFError: EOF when reading a line\n"
    )


def test_the_output_is_kept_in_part_and_compared_whole() -> None:
    one, two = (run_client(python(f"print('x' * 200_000 + '{end}')"), URL, 60) for end in "ab")
    assert one.output == two.output == "x" * 100_000
    assert one.digest != two.digest


def test_a_client_that_hangs_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(pids)!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)
"""
    given_up = lambda: pids.exists() and " " in pids.read_text()  # noqa: E731
    run = run_client(python(code), URL, 60, given_up)
    assert run.exit_code is None
    assert run.hung
    assert all(ends(int(pid)) for pid in pids.read_text().split())


def ends(pid: int) -> bool:
    """Whether a process is gone, or soon is: a signal takes a moment."""
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.001)
    return not is_running(pid)


def is_running(pid: int) -> bool:
    """One that has ended, and that nobody has waited for, runs no more: its parent has gone before."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_that_outlives_its_client_delays_nothing_and_is_ended(tmp_path: Path) -> None:
    code = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
"""
    run = run_client(python(code), URL, 60)
    assert run.exit_code == 0
    assert ends(int(run.output))


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OptionError, match=r"^cannot run nowhere/client: no such file or directory; expected"):
        run_client(["nowhere/client"], URL, 60)


def test_the_reference_counts_requests_and_is_stable_when_two_runs_print_the_same() -> None:
    without_fault = reference(trial(ASK + "urllib.request.urlopen(url, b'{}').read()"))
    assert (without_fault.run.requests, without_fault.stable, without_fault.comparable) == (2, True, True)


def test_an_output_that_differs_between_two_runs_is_not_compared() -> None:
    without_fault = reference(trial(ASK + "print(os.getpid())"))
    assert (without_fault.stable, without_fault.comparable) == (False, False)


def test_no_output_is_not_compared() -> None:
    without_fault = reference(trial(ASK.replace("print", "bool")))
    assert (without_fault.stable, without_fault.comparable) == (True, False)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print(1)", r"^the client made no request to the server: it should take its base URL from OPENAI"),
        ("import sys; sys.exit(3)", r"^without any fault the client exits with 3$"),
        ("import nothing_like_it", r"^without any fault the client exits with 1: ModuleNotFoundError: No"),
        ("import os; os.abort()", r"^without any fault the client exits with -6$"),
    ],
)  # fmt: skip
def test_a_client_that_fails_without_a_fault_is_not_drilled(code: str, message: str) -> None:
    with pytest.raises(ReferenceFailed, match=message):
        reference(trial(code))


def test_a_client_that_hangs_without_a_fault_is_not_drilled() -> None:
    with pytest.raises(ReferenceFailed, match=r"^without any fault the client does not end within 0.01 s$"):
        reference(trial("import time; time.sleep(600)", timeout=0.01))


# As above, but tries three times, and says so.
RETRY = """
import os, urllib.request
url = os.environ["OPENAI_BASE_URL"] + "/responses"
for attempt in range(3):
    try:
        print(len(urllib.request.urlopen(url, b'{"stream": true}', timeout=60).read()))
        break
    except OSError:
        pass
else:
    raise SystemExit("three times nothing")
"""


def test_each_case_has_its_fault_and_its_requests_are_counted() -> None:
    client = trial(RETRY)
    cases = [
        Case("sound", "slicer(size=1000)", Expect.SURVIVE, ""),
        Case("twice", "status(code=503, times=2)", Expect.EITHER, ""),
        Case("always", "refuse", Expect.NOTICE, ""),
        Case("shorter", "close(after=5)", Expect.NOTICE, ""),
    ]
    results = {result.case.name: result for result in drill(client, cases, reference(client), jobs=2)}
    assert {name: (result.verdict, result.run.requests) for name, result in results.items()} == {
        "sound": (Verdict.SURVIVED, 1),
        "twice": (Verdict.SURVIVED, 3),
        "always": (Verdict.NOTICED, 3),
        "shorter": (Verdict.FOOLED, 1),
    }


def test_a_stream_that_stalls_makes_a_client_without_a_timeout_hang() -> None:
    client = replace(trial(ASK), timeout=1.5)
    sound = Reference(run_client(python("print(1)"), URL, 60), stable=True)
    (result,) = drill(client, [Case("stall", "stall", Expect.NOTICE, "")], sound)
    assert (result.verdict, result.run.requests) == (Verdict.HUNG, 1)


def test_whoever_stops_taking_results_ends_the_clients(tmp_path: Path) -> None:
    code = f"import pathlib, os; pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\n{ASK}"
    client = trial(code, timeout=600)
    cases = [
        Case("stall", "stall(after=0)", Expect.NOTICE, ""),
        Case("sound", "slicer(size=1000)", Expect.SURVIVE, ""),
        Case("more", "stall(after=1)", Expect.NOTICE, ""),
    ]
    results = drill(client, cases, reference(client), jobs=2)
    assert next(results).case.name == "sound"
    results.close()
    assert all(ends(int(path.name)) for path in tmp_path.iterdir())
