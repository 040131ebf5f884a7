import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from respool.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures"
ASK = """
import json, os, sys, urllib.error, urllib.request
for path in sys.argv[1:]:
    url = os.environ["RESPOOL_URL"] + path + "/v1/responses"
    try:
        with urllib.request.urlopen(url, b'{"model": "gpt-5", "input": "Hi"}') as answer:
            print(json.load(answer)["status"])
    except urllib.error.HTTPError as error:
        print(error.code)
"""


def run(*options: str | Path, command: tuple[str, ...]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["run", *map(str, options), "--", *command])
    return int(ended.value.code or 0)


def ask(*paths: str) -> tuple[str, ...]:
    return (sys.executable, "-c", ASK, *paths)


def test_a_command_finds_the_server_and_what_was_not_as_it_should_is_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(FIXTURES / "text", "--speed", "instant", command=ask("/r/hello", "/r/helo")) == 0
    out, err = capfd.readouterr()
    assert out == "completed\n404\n"
    assert "respool: answered by no recording:\n  POST /r/helo/v1/responses 404" in err
    never_played = err.partition("respool: never played:\n")[2].split()
    assert "refusal" in never_played
    assert "hello" not in never_played


def test_its_environment_has_all_that_sdks_look_for(capfd: pytest.CaptureFixture[str]) -> None:
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    assert run(FIXTURES / "text", command=(sys.executable, "-c", show)) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["OPENAI_BASE_URL"] == found["RESPOOL_URL"] + "/v1"
    assert found["OPENAI_API_KEY"]


def test_the_options_of_serve_are_taken(capfd: pytest.CaptureFixture[str]) -> None:
    options = ("--default", "hello", "--fault", "status(code=503, times=1)", "--speed", "instant")
    assert run(FIXTURES / "text", *options, command=ask("", "")) == 0
    assert capfd.readouterr().out == "503\ncompleted\n"


@pytest.mark.parametrize("code", [0, 3, 200])
def test_the_exit_code_is_that_of_the_command(code: int) -> None:
    assert run(FIXTURES / "text", command=(sys.executable, "-c", f"raise SystemExit({code})")) == code


def test_a_command_that_a_signal_ends_has_the_exit_code_that_shells_give_it() -> None:
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert run(FIXTURES / "text", command=(sys.executable, "-c", kill)) == 128 + signal.SIGKILL


def test_strict_fails_for_requests_that_no_recording_answers() -> None:
    assert run(FIXTURES / "text", "--strict", command=ask("/r/helo")) == 1
    assert run(FIXTURES / "text", "--strict", "--speed", "instant", command=ask("/r/hello")) == 0


def test_strict_unplayed_fails_for_turns_that_were_never_played(tmp_path: Path) -> None:
    (tmp_path / "a.script.yaml").write_text("text: Hi.\n")
    assert run(tmp_path, "--strict-unplayed", command=ask("/r/a")) == 0
    assert run(tmp_path, "--strict-unplayed", command=(sys.executable, "-c", "")) == 1


def test_strict_keeps_the_exit_code_of_a_command_that_failed_itself() -> None:
    assert (
        run(FIXTURES / "text", "--strict-unplayed", command=(sys.executable, "-c", "raise SystemExit(7)"))
        == 7
    )


def test_requests_and_a_summary_are_written_for_a_ci(tmp_path: Path) -> None:
    journal, summary = tmp_path / "journal.jsonl", tmp_path / "summary.md"
    summary.write_text("before\n")
    options = ("--speed", "instant", "--journal", journal, "--summary", summary)
    assert run(FIXTURES / "text", *options, command=ask("/r/hello", "/r/helo")) == 0
    found, missed = map(json.loads, journal.read_text().splitlines())
    assert (found["status"], found["recording"], missed["status"]) == (200, "hello", 404)
    text = summary.read_text()
    assert text.startswith("before\n### Respool: 2 requests\n\nAnswered by no recording: 1\n\n```text\nPOST ")
    assert "\nrefusal\n" in text.partition("Never played: ")[2]


def test_a_summary_that_cannot_be_written_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(FIXTURES / "text", "--summary", tmp_path, command=(sys.executable, "-c", "")) == 2
    assert "is a directory" in capfd.readouterr().err


def test_a_command_that_is_not_there_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(FIXTURES / "text", command=("no-such-command",)) == 127
    assert "respool: no-such-command: no such command\n" in capfd.readouterr().err


def test_a_file_that_cannot_be_run_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").write_text("")
    assert run(FIXTURES / "text", command=(str(tmp_path / "data"),)) == 126
    assert "permission denied" in capfd.readouterr().err


def test_without_a_command_it_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", str(FIXTURES / "text")])
    assert ended.value.code == 2
    assert "expected it after the paths and '--'" in capsys.readouterr().err


def test_refused_files_are_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.script.yaml").write_text("txt: Hi.\n")
    assert run(tmp_path, command=(sys.executable, "-c", "")) == 0
    assert "respool: refused " in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda one: one.name)
def test_a_signal_goes_to_the_command_which_says_how_it_ends(number: signal.Signals) -> None:
    code = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: (print('told', flush=True), sys.exit(5)))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    command = [
        sys.executable,
        "-m",
        "respool",
        "run",
        str(FIXTURES / "text"),
        "--",
        sys.executable,
        "-c",
        code,
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=os.environ,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            assert process.stdout.readline() == "told\n"
            assert process.wait(20) == 5
        finally:
            process.kill()
