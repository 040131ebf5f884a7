"""`respool record` as people run it: killed, stopped, with modes, with refresh."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from respool.cli import main
from respool.play.pace import Pace
from respool.recordings import formats
from respool.recordings.store import Store
from respool.testing import running_server

FIXTURES = Path(__file__).parents[2] / "fixtures"
BODY = {"model": "text/hello", "input": "Say hello", "stream": True}


@contextmanager
def recording(upstream: str, *options: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A recorder in a process group of its own, and the base URL to ask."""
    command = [sys.executable, "-m", "respool", "record", "--port", "0", "--upstream", upstream]
    with subprocess.Popen(
        [*command, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "UPSTREAM_KEY": "the-key-of-the-upstream-1"},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().rpartition(" ")[2].strip()
            yield process, url
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_recorder_that_is_stopped_has_written_what_came(tmp_path: Path) -> None:
    with (
        running_server(FIXTURES, pace=Pace(speed=20)) as upstream,
        recording(upstream.base_url, "--into", tmp_path, "--redact", "hello") as (process, url),
    ):
        assert httpx2.post(f"{url}/responses", json=BODY).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert "say.jsonl: 63 events" in errors
    recorded = Store(tmp_path).only
    assert recorded is not None
    assert recorded.header.request["input"] == "Say REDACTED-user-1"
    assert recorded.header.fields["fidelity"]["redacted"] is True


def test_a_recorder_that_is_killed_leaves_a_file_that_can_be_read(tmp_path: Path) -> None:
    with (
        running_server(FIXTURES, pace=Pace(speed=20)) as upstream,
        recording(upstream.base_url, "--into", tmp_path) as (process, url),
        httpx2.stream(
            "POST", f"{url}/responses", json=BODY, headers={"x-respool-fault": "stall(after=4)"}
        ) as response,
    ):
        chunks = response.iter_raw()
        next(chunks)
        wait(lambda: any(file.read_text().count("\n") >= 4 for file in tmp_path.rglob("*.partial")))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with pytest.raises(httpx2.TransportError):
            list(chunks)
    (left,) = tmp_path.rglob("*.partial")
    (turn,) = formats.read(left.read_bytes(), "a", str(left))
    assert len(turn.events) >= 3
    assert turn.header.request == BODY
    assert not Store(tmp_path).names


def test_what_the_relay_leaves_when_it_alone_is_killed_is_written(tmp_path: Path) -> None:
    with (
        running_server(FIXTURES, pace=Pace(speed=20)) as upstream,
        recording(upstream.base_url, "--into", tmp_path) as (process, url),
        httpx2.stream(
            "POST", f"{url}/responses", json=BODY, headers={"x-respool-fault": "stall(after=4)"}
        ) as response,
    ):
        chunks = response.iter_raw()
        next(chunks)
        wait(lambda: any(file.read_text().count("\n") >= 4 for file in tmp_path.rglob("*.partial")))
        process.kill()
        wait(lambda: list(tmp_path.rglob("*.jsonl")))
    recorded = Store(tmp_path).only
    assert recorded is not None
    assert (len(recorded.events), recorded.header.fields["ended"]) == (4, "stopped")


def test_a_disk_that_is_full_ends_recording_and_no_stream(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", disk], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting needs to be root")
    try:
        with (
            running_server(FIXTURES, pace=Pace(speed=20)) as upstream,
            recording(upstream.base_url, "--into", disk) as (process, url),
        ):
            direct = httpx2.post(f"{upstream.base_url}/responses", json=BODY).content
            assert [httpx2.post(f"{url}/responses", json=BODY).content for _ in range(3)] == [direct] * 3
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
        assert "no space left on device" in errors
        assert "requests are still relayed" in errors
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_the_key_of_a_variable_goes_upstream_and_into_no_file(tmp_path: Path) -> None:
    with (
        running_server(FIXTURES, pace=Pace(speed=20), api_keys=["the-key-of-the-upstream-1"]) as upstream,
        recording(upstream.base_url, "--into", tmp_path, "--api-key-env", "UPSTREAM_KEY") as (process, url),
    ):
        body = {**BODY, "input": "is the-key-of-the-upstream-1 mine?"}
        assert httpx2.post(f"{url}/responses", json=body).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    (file,) = tmp_path.rglob("*.jsonl")
    assert "the-key-of" not in file.read_text() + str(file)


def test_what_is_recorded_is_not_asked_again_with_new_episodes(tmp_path: Path) -> None:
    with running_server(FIXTURES, pace=Pace(speed=20)) as upstream:
        with recording(upstream.base_url, "--into", tmp_path, "--mode", "new_episodes") as (_, url):
            first = httpx2.post(f"{url}/responses", json=BODY).content
            wait(lambda: list(tmp_path.rglob("*.jsonl")))
            time_left = httpx2.post(f"{url}/responses", json=BODY).content
        assert time_left == first
        assert len(list(tmp_path.rglob("*.jsonl"))) == 1
    with recording("http://127.0.0.1:9/v1", "--into", tmp_path, "--mode", "none") as (_, url):
        assert httpx2.post(f"{url}/responses", json=BODY).content == first
        answer = httpx2.post(f"{url}/responses", json={**BODY, "input": "new"})
        assert answer.json()["error"]["code"] == "no_matching_recording"


def test_refresh_shows_what_is_different(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_server(FIXTURES, pace=Pace(speed=50)) as upstream:
        with recording(upstream.base_url, "--into", tmp_path) as (process, url):
            httpx2.post(f"{url}/responses", json=BODY)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        command = ["record", "--upstream", upstream.base_url, "--refresh", str(tmp_path)]
        assert run(*command) == 0
        assert "as recorded" in capsys.readouterr().out
        (file,) = tmp_path.rglob("*.jsonl")
        file.write_text(file.read_text().replace("gpt-4.1-mini", "gpt-old"))
        assert run(*command) == 1
        assert "value: response.model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--upstream", "ftp://x", "--into", "a"], "expected a base URL"),
        (["--upstream", "http://a:b@x/v1", "--into", "a"], "expected it in --api-key-env"),
        (["--upstream", "http://x/v1"], "expected --into FOLDER"),
        (["--upstream", "http://x/v1", "--into", "a", "--name", "{x}"], "has the field {x}"),
        (["--upstream", "http://x/v1", "--into", "a", "--redact", "("], "is no regular expression"),
        (["--upstream", "http://x/v1", "--into", "a", "--redact-hook", "nothing:f"], "no hook nothing:f"),
        (["--upstream", "http://x/v1", "--into", "a", "--api-key-env", "NOT_SET"], "the variable is not set"),
    ],
)
def test_a_wrong_option_is_told(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("record", "--port", "0", *options) == 2
    assert message in capsys.readouterr().err


def test_diff_prints_text_json_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hello, weather = FIXTURES / "text/hello.jsonl", FIXTURES / "tools/get_weather.jsonl"
    assert run("diff", hello, hello) == 0
    assert capsys.readouterr().out.endswith("0 differences\n")
    assert run("diff", hello, weather, "--html", tmp_path / "a.html", "--json", "-") == 1
    assert json.loads(capsys.readouterr().out)["turns"]
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert run("diff", hello, tmp_path / "none") == 2


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    return int(ended.value.code or 0)
