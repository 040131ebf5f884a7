import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import respool
from respool.cli import main
from respool.drill.cases import CASES

FIXTURES = Path(__file__).parents[2] / "fixtures"

# Reads the stream with nothing but the standard library, and prints the text of its deltas. What it does not
# look at is how the stream ends.
CLIENT = """
import json, os, urllib.request
request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/responses", b'{"stream": true}')
for line in urllib.request.urlopen(request):
    if line.startswith(b"data: {"):
        event = json.loads(line[6:])
        print(event.get("delta", ""), end="")
"""


def run(*args: str | Path, client: str = CLIENT, recording: str = "hello", folder: str = "text") -> int:
    command = [sys.executable, "-c", client]
    with pytest.raises(SystemExit) as ended:
        main(["drill", "--recording", recording, *map(str, args), str(FIXTURES / folder), "--", *command])
    return int(ended.value.code or 0)


def test_a_bad_verdict_is_told_with_the_case_and_what_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fault", "close(after=5)", "--fault", "abort(after=5)") == 1
    head, category, closed, aborted, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["case", "verdict", "exit", "seconds", "requests", "seen"]
    assert category.split() == ["end", "1", "noticed,", "1", "fooled"]
    assert closed.split()[:3] == ["close(after=5)", "fooled", "0"]
    assert closed.split()[4:6] == ["1", "output"]
    assert aborted.split()[:3] == ["abort(after=5)", "noticed", "1"]
    assert last == "2 cases: 1 noticed, 1 fooled; 1 bad"


def test_nothing_bad_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fault", "abort(after=5)") == 0
    assert capsys.readouterr().out.endswith("1 case: 1 noticed; nothing bad\n")


def test_being_lucky_is_bad_only_when_strict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fault", "no_terminal") == 0
    assert capsys.readouterr().out.endswith("1 case: 1 lucky; nothing bad\n")
    assert run("--fault", "no_terminal", "--strict") == 1


def test_a_cut_before_every_event_is_told_in_one_row_as_far_as_the_same_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--cut-everywhere", folder="scripts") == 1
    rows = [re.split("  +", line.strip()) for line in capsys.readouterr().out.splitlines()[2:-1]]
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        ("close-0 ... close-6", "fooled", "0", "1"),
        ("close-7 ... close-10", "lucky", "0", "1"),
    ]
    assert [row[5] for row in rows] == ["7 times, first: no output", "4 times"]


def test_show_prints_what_bad_runs_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    noisy = f"{CLIENT}\nimport sys; print('a warning', file=sys.stderr)"
    assert run("--fault", "close(after=5)", "--show", client=noisy) == 1
    shown = capsys.readouterr().out
    assert "\nfault: close(after=5)\n" in shown
    assert "\nstderr:\na warning\n" in shown


def test_reports_are_written_to_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = tmp_path / "drill.json", tmp_path / "drill.xml"
    assert run("--fault", "abort(after=5)", "--json", files[0], "--junit", files[1]) == 0
    assert capsys.readouterr().out.endswith("nothing bad\n")
    report = json.loads(files[0].read_text("utf-8"))
    assert (report["passed"], [case["verdict"] for case in report["cases"]]) == (True, ["noticed"])
    assert [case.get("name") for case in ElementTree.parse(files[1]).iter("testcase")] == ["abort(after=5)"]


def test_a_report_on_stdout_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fault", "abort(after=5)", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["recording"] == "hello"


def test_an_output_that_is_not_compared_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fault", "close(after=5)", client=f"{CLIENT}\nprint(os.getpid())") == 1
    assert (
        "The client's output is not the same in two runs without a fault: only exit"
        in capsys.readouterr().out
    )
    assert run("--fault", "close(after=5)", client=CLIENT.partition("        print")[0]) == 1
    assert "The client's output is empty: only exit codes are judged." in capsys.readouterr().out


def test_all_cases_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["drill", "--list"])
    assert ended.value.code == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [case.name for case in CASES]


@pytest.mark.parametrize(
    ("args", "client", "message"),
    [
        (["--set", "nothing"], CLIENT, "no set of cases is called nothing; expected quick, all, cuts, "),
        (["--fault", "abrot"], CLIENT, "no fault is named abrot"),
        (["--timeout", "0"], CLIENT, "timeout is 0, expected seconds above 0"),
        (["--recording", "helo"], CLIENT, "no recording is called helo; nearest: hello"),
        (["--fault", "abort(after=5)"], "print(1)", "the client made no request to the server: it "),
        (["--fault", "abort(after=5)"], "1 / 0", "without any fault the client exits with 1: ZeroDivi"),
        (["--fault", "abort(after=5)", "--json", "/no/a.json"], CLIENT, "cannot write /no/a.json: no "),
    ],
)  # fmt: skip
def test_what_cannot_be_drilled_is_one_line_on_stderr(
    args: list[str], client: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*args, client=client) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"respool: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "args", [["drill", "--recording", "a", "fixtures"], ["drill", "--recording", "a", "--"]]
)
def test_a_command_is_wanted(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("respool: there is no command to run; expected it after")


def test_who_watches_sees_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert run("--fault", "abort(after=5)") == 0
    out, err = capsys.readouterr()
    assert "drilling" in err
    assert "1/1" in err
    assert "drilling" not in out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_drill_that_is_ended_leaves_no_client_running(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    # Two runs without a fault, and then one that hangs: each makes a file of its process id.
    client = f"import pathlib, os; pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\n{CLIENT}"
    options = ["--recording", "hello", "--fault", "stall", "--timeout", "600", str(FIXTURES / "text")]
    command = [sys.executable, "-m", "respool", "drill", *options, "--", sys.executable, "-c", client]
    environment = {**os.environ, "PYTHONPATH": str(Path(respool.__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as drilling:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 3)
        drilling.send_signal(number)
        _, err = drilling.communicate(timeout=30)
    assert drilling.returncode == code
    assert b"Traceback" not in err
    for path in tmp_path.iterdir():
        wait_until(lambda pid=path.name: not Path("/proc", pid).exists())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.005)
