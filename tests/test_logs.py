"""Lines on stderr never stop who logs."""

import fcntl
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from respool import logs
from respool.logs import BackgroundHandler, JSONFormatter
from respool.server.journal import Exchange

FIXTURE = Path(__file__).parent.parent / "fixtures/text/hello.jsonl"


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("respool", logging.INFO, __file__, 1, text, (), None)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_until(descriptor: int, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        got += os.read(descriptor, 65536)
    return got


def test_lines_are_written_in_their_order(pipe: tuple[int, int]) -> None:
    handler = BackgroundHandler(pipe[1])
    for number in range(500):
        handler.emit(record(f"line {number}"))
    expected = b"".join(b"line %d\n" % number for number in range(500))
    assert read_until(pipe[0], b"line 499\n") == expected


def test_a_pipe_that_nobody_reads_loses_lines_and_counts_each_once(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_LINES", 100)
    handler = BackgroundHandler(pipe[1])
    for _ in range(5000):
        handler.emit(record("x" * 1000))
    kept = lost = 0
    with os.fdopen(os.dup(pipe[0]), "rb") as reading:
        while kept + lost < 5000:
            line = next(reading)
            if line == b"x" * 1000 + b"\n":
                kept += 1
            else:
                count, _, text = line.partition(b" ")
                assert text == b"log lines were lost: stderr was not read, or could not be written\n"
                lost += int(count)
        handler.emit(record("the last"))
        assert next(reading) == b"the last\n"
    assert lost > 4000


def test_a_closed_descriptor_stops_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    handler = BackgroundHandler(writing)  # SIGPIPE is ignored in Python: writing fails
    for _ in range(100):
        handler.emit(record("line"))
    handler.flush()
    os.close(writing)
    assert not handler._lines


def test_a_line_that_cannot_be_encoded_is_escaped(pipe: tuple[int, int]) -> None:
    BackgroundHandler(pipe[1]).emit(record("\ud800"))
    assert read_until(pipe[0], b"\n") == b"\\ud800\n"


@pytest.mark.skipif(sys.platform != "linux", reason="a pipe of one page")
@pytest.mark.parametrize("workers", [(), ("--workers", "2", "--stateless")], ids=["one", "workers"])
def test_a_server_whose_stderr_is_not_read_answers_and_hears_sigterm(workers: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
    command = [sys.executable, "-m", "respool", "serve", str(FIXTURE), "--speed", "instant", "--port", "0"]
    with (
        subprocess.Popen([*command, *workers], stdout=subprocess.PIPE, stderr=writing, text=True) as process,
        ExitStack() as stack,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        stack.callback(process.kill)
        with httpx2.Client(timeout=20) as client:
            for _ in range(120):
                assert (
                    client.post(f"{url}/v1/responses", json={"model": "m", "stream": True}).status_code == 200
                )
        process.terminate()
        assert process.wait(10) == -15
    os.close(writing)
    assert b"POST /v1/responses 200" in os.read(reading, 4096)
    os.close(reading)


def test_a_server_without_stdout_and_stderr_serves_with_its_own_descriptors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = f"exec {sys.executable} -m respool serve {FIXTURE} --port {port} >&- 2>&- <&-"
    with subprocess.Popen(["sh", "-c", command]) as process, ExitStack() as stack:
        stack.callback(process.kill)
        transport = httpx2.HTTPTransport(retries=9)
        with httpx2.Client(transport=transport, timeout=20) as client:
            answer = client.get(f"http://127.0.0.1:{port}/healthz")
        process.terminate()
        assert (answer.status_code, process.wait(20)) == (200, -15)


def test_lines_may_be_json_objects_with_what_the_journal_has() -> None:
    exchange = Exchange(
        "POST",
        "/v1/responses",
        0.0,
        "req_1",
        "text/hello",
        200,
        12,
        "",
        1.25,
        session="s",
        address=("10.0.0.7", 1),
    )
    exchange.raw_headers = [(b"authorization", b"Bearer sk-1"), (b"x-client-request-id", b"mine")]
    record = logging.LogRecord("respool.requests", logging.INFO, "", 0, "%s", (exchange,), None)
    line = json.loads(JSONFormatter("worker 1: ").format(record))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "worker": "worker 1",
        "request_id": "req_1",
        "method": "POST",
        "path": "/v1/responses",
        "status": 200,
        "recording": "text/hello",
        "session": "s",
        "client": "10.0.0.7",
        "client_request_id": "mine",
        "events": 12,
        "seconds": 1.25,
        "lateness": 0.0,
        "transport": "http",
    }


def test_a_message_is_a_json_object_too() -> None:
    record = logging.LogRecord("respool", logging.WARNING, "", 0, "reloaded %s", ("a",), None)
    line = json.loads(JSONFormatter().format(record))
    assert (line["level"], line["message"]) == ("warning", "reloaded a")
