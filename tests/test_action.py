"""action.yml: its steps, run here as GitHub runs them, but for the installation."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("bash") or not shutil.which("curl"),
    reason="needs bash and curl",
)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Path]:
    """A runner's folder for temporary files, with Respool installed where the action puts it."""
    folder = tmp_path / "respool" / "bin"
    folder.mkdir(parents=True)
    (folder / "respool").write_text(
        f'#!/bin/sh\necho $$ >>{tmp_path}/pids\nexec "{sys.executable}" -m respool "$@"\n'
    )
    (folder / "respool").chmod(0o755)
    yield tmp_path
    for pid in (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else ():
        try:
            os.kill(int(pid), signal.SIGTERM)
        except ProcessLookupError:
            continue


def run(name: str, runner: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step with these inputs, and the defaults of the others."""
    step: Mapping[str, Any] = STEPS[name]
    values = {key: str(about.get("default", "")) for key, about in ACTION["inputs"].items()} | inputs
    environment = {
        key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: values[found[1]], value)
        for key, value in step["env"].items()
    }
    files = {key: str(runner / key.lower()) for key in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        env={**os.environ, **files, **environment, "RUNNER_TEMP": str(runner)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if name == "Run the command" else None,
        text=True,
        timeout=60,
    )


def test_a_command_is_run_and_what_was_not_as_it_should_is_in_the_summary(runner: Path) -> None:
    command = (
        """curl -s "$OPENAI_BASE_URL/responses" -d '{"model": "text/hello", "input": "Hi"}' | head -c 9"""
    )
    done = run("Run the command", runner, run=command)
    assert done.returncode == 0, done.stdout
    assert '{"id":"re' in done.stdout
    [line] = (runner / "respool-journal.jsonl").read_text().splitlines()
    assert json.loads(line)["recording"] == "text/hello"
    assert "### Respool: 1 request\n" in (runner / "github_step_summary").read_text()


@pytest.mark.parametrize(("strict", "code"), [("true", 1), ("false", 0)])
def test_an_unmatched_request_fails_the_job_unless_it_may(runner: Path, strict: str, code: int) -> None:
    command = """curl -s "$RESPOOL_URL/r/nothing/v1/responses" -d '{}'"""
    assert run("Run the command", runner, run=command, strict=strict).returncode == code


def test_without_a_command_the_server_is_left_running_for_the_next_steps(runner: Path) -> None:
    done = run("Start the server", runner, options="--default text/hello")
    assert done.returncode == 0, done.stdout
    environment = dict(line.split("=", 1) for line in (runner / "github_env").read_text().splitlines())
    url = f"{environment['OPENAI_BASE_URL']}/responses"
    with urllib.request.urlopen(url, b'{"model": "gpt-5", "input": "Hi"}') as answer:
        assert json.load(answer)["status"] == "completed"


def test_a_server_that_does_not_start_fails_the_step(runner: Path) -> None:
    done = run("Start the server", runner, fixtures="no/such/folder")
    assert done.returncode != 0
    assert "no such file or folder" in done.stdout
