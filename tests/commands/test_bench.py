import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from respool import running_server
from respool.cli import main
from respool.play.pace import Pace

FIXTURES = Path(__file__).parents[2] / "fixtures"
INSTANT = Pace(speed=float("inf"))


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *map(str, args)])
    return int(ended.value.code or 0)


def test_a_server_of_its_own_is_measured_with_the_recordings_moments(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    options = ["--streams", "3", "--repeat", "2", "--max-gap", "0", "--speed", "instant", "--json", file]
    assert run("--recording", "text/hello", FIXTURES, *options) == 0
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("3 streams of text/hello at http://127.0.0.1:")
    assert lines[1].startswith("6 plays, 378 events in ")
    assert [line.split()[0] for line in lines[3:6]] == ["ms", "first", "lateness"]
    assert "█" in out
    assert lines[-1] == "no errors"
    assert err == ""
    report = json.loads(file.read_text())
    assert (report["streams"], report["plays"], report["errors"]) == (3, 6, {})
    assert (report["ttfe"]["count"], report["lateness"]["count"]) == (6, 378)


def test_a_server_that_is_named_is_measured_without_moments_if_there_are_no_paths(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running_server(FIXTURES, pace=INSTANT, api_keys=["secret"]) as server:
        options = ["--url", server.base_url, "--streams", "2", "--json", "-"]
        key = ["-H", "Authorization: Bearer secret"]
        assert run("--model", "text/hello", *options, *key) == 0
        known = json.loads(capsys.readouterr().out)
        assert run("--model", "text/hello", *options) == 1
        unknown = json.loads(capsys.readouterr().out)
    assert (known["plays"], known["errors"], known["lateness"]) == (2, {}, None)
    assert (unknown["plays"], unknown["errors"], unknown["ttfe"]) == (0, {"HTTP 401": 2}, None)


def test_lateness_against_a_server_that_is_named_is_by_the_recording_in_paths(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running_server(FIXTURES, pace=INSTANT) as server:
        args = ["--recording", "text/hello", "--url", server.base_url, "--streams", "2", "--duration", "0.3"]
        assert run(*args, "--json", "-", "--speed", "instant", FIXTURES) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["plays"] > 0
    assert report["lateness"]["count"] == report["events"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "nothing says what to play; expected --recording NAME, or --url with --model"),
        (["--model", "x"], "nothing says what to play; expected --recording NAME, or --url with --model"),
        (["--recording", "x", "--model", "y"], "model is y without --url; expected --recording only"),
        (["--recording", "text/helo", FIXTURES], "no recording is called text/helo; nearest: text/hello"),
        (
            ["--recording", "errors/rate_limit", FIXTURES],
            "recording is errors/rate_limit, which has no events",
        ),
        (["--model", "x", "--url", "localhost"], "url is localhost, expected http://HOST/v1 or https://HOST"),
        (["--model", "x", "--url", "http://h", "-H", "a: é"], "header a has characters that no header may"),
        (["--model", "x", "--timeout", "0"], "timeout is 0, expected seconds above 0"),
        (
            ["--model", "x", "--duration", "inf"],
            "invalid value for '--duration': 'inf', expected seconds",
        ),
        (["--model", "x", "--ramp", "-1"], "invalid value for '--ramp': '-1', expected seconds, 0 or more"),
        (["--repeat", "1", "--duration", "1"], "--repeat and --duration exclude each other"),
        (["--streams", "0"], "invalid value for '--streams': 0 is not in the range"),
    ],
)
def test_wrong_usage_is_one_line(
    args: list[str | Path], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"respool: {message}")
    assert err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="needs signals and terminals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_watches_sees_how_it_goes_and_may_end_it(number: signal.Signals, code: int) -> None:
    import pty

    ours, theirs = pty.openpty()
    args = ["--recording", "text/hello", "--gap", "60", "--streams", "2", "--ttft", "600", str(FIXTURES)]
    command = [sys.executable, "-m", "respool", "bench", *args]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    ) as process:
        try:
            os.close(theirs)
            seen = b""
            while b"2 open, 0 plays" not in seen:
                seen += os.read(ours, 1000)
            process.send_signal(number)
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            os.close(ours)
    assert process.returncode == code
    assert b"Traceback" not in seen
    assert (b"interrupted: " in out) == (number == signal.SIGINT)
