"""curl, as people type it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from respool import ManualClock, Pace, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
CURL = ["curl", "--silent", "--show-error", "--max-time", "20"]
BODY = '{"stream": true}'

EventsOf = Callable[[str], list[dict]]
TurnsOf = Callable[[Path], list[list[str]]]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(*args: str) -> str:
    """What curl prints."""
    return subprocess.run([*CURL, *args], check=True, stdout=subprocess.PIPE).stdout.decode()


def stream_of(texts: list[str]) -> str:
    return "".join(f"event: {json.loads(text)['type']}\ndata: {text}\n\n" for text in texts)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("name", ["errors/failed", "images/echidna", "text/hello", "tools/get_weather"])
def test_the_output_is_the_recorded_stream(
    name: str, version: str, running: RunningServer, turns_of: TurnsOf
) -> None:
    output = curl("-N", f"--http{version}", f"{running.base_url_of(name)}/responses", "-d", BODY)

    assert output == stream_of(turns_of(FIXTURES / f"{name}.jsonl")[0])


def test_a_stream_over_http_1_0_is_not_chunked(running: RunningServer, turns_of: TurnsOf) -> None:
    url = f"{running.base_url_of('text/hello')}/responses"

    output = curl("-N", "--http1.0", "--raw", url, "-d", BODY)

    assert output == stream_of(turns_of(FIXTURES / "text" / "hello.jsonl")[0])


def test_the_command_that_respool_prints_works(turns_of: TurnsOf) -> None:
    path = FIXTURES / "text" / "hello.jsonl"
    command = [sys.executable, "-m", "respool", str(path), "--port", "0", "--speed", "instant"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            printed = next(line for line in server.stdout if line.startswith("try: "))
            output = subprocess.check_output(printed.removeprefix("try: "), shell=True, timeout=20).decode()
        finally:
            server.terminate()

    assert output == stream_of(turns_of(path)[0])


def test_each_event_is_printed_when_it_is_due(wait_until: Callable[[Callable[[], bool]], None]) -> None:
    clock = ManualClock()
    with running_server(FIXTURES, pace=Pace(ttft=1.0), clock=clock) as running:
        url = f"{running.base_url_of('text/hello')}/responses"
        with subprocess.Popen([*CURL, "-N", url, "-d", BODY], stdout=subprocess.PIPE, text=True) as process:
            try:
                wait_until(lambda: clock.sleepers == 1)
                clock.advance(1.0)
                wait_until(lambda: clock.sleepers == 1)  # for an event that is not due yet
                assert process.stdout is not None
                assert next(line for line in process.stdout if ".delta" in line).startswith("event: ")
            finally:
                process.kill()


def test_a_large_body_is_taken_after_100_continue(
    tmp_path: Path, running: RunningServer, events_of: EventsOf
) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"model": "text/hello", "input": "a" * 4_000_000}))

    output = curl("-i", "-HExpect: 100-continue", f"{running.base_url}/responses", "-d", f"@{request}")

    permission, _, body = output.split("\r\n\r\n")
    assert permission == "HTTP/1.1 100 Continue"
    assert json.loads(body) == events_of("text/hello")[-1]["response"]


PREFLIGHT = [
    "-XOPTIONS",
    "-Horigin: http://localhost:3000",
    "-Haccess-control-request-method: POST",
    "-Haccess-control-request-headers: authorization,x-stainless-os",
]


@pytest.mark.parametrize(
    ("options", "status", "header"),
    [
        (["--head"], 405, "allow: POST"),
        (["--include", "-XOPTIONS"], 405, "allow: POST"),
        (["--include"], 405, "allow: POST"),
        (["--include", *PREFLIGHT], 200, "access-control-allow-origin: http://localhost:3000"),
    ],
    ids=["HEAD", "OPTIONS", "GET", "preflight"],
)
def test_a_method_that_is_no_request_for_a_response_gets_an_answer(
    options: list[str], status: int, header: str, running: RunningServer
) -> None:
    head = curl(*options, f"{running.base_url_of('text/hello')}/responses").split("\r\n")

    assert head[0].split()[1] == str(status)
    assert header in head
