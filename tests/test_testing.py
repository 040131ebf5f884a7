import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from respool.play.pace import Pace
from respool.testing import RunningServer, running_server

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="module")
def serving() -> Iterator[RunningServer]:
    with running_server(FIXTURES, pace=Pace(speed=float("inf"))) as running:
        yield running


@pytest.fixture
def running(serving: RunningServer) -> RunningServer:
    for session in list(serving.server.sessions):
        serving.reset(session.name)
    return serving


def ask(running: RunningServer, name: str, text: str = "Hi", session: str = "") -> None:
    request = urllib.request.Request(
        f"{running.base_url_of(name)}/responses",
        json.dumps({"model": "m", "input": text, "stream": True}).encode(),
        {"content-type": "application/json", **({"x-respool-session": session} if session else {})},
    )
    try:
        urllib.request.urlopen(request).read()
    except urllib.error.HTTPError as error:
        error.read()


def test_a_test_sees_what_was_asked(running: RunningServer) -> None:
    ask(running, "text/hello", "Hello?", "s")
    ask(running, "nothing")
    assert running.requests[0].input_text == "Hello?"
    assert running.requests[0].recording == "text/hello"
    assert running.requests.last.status == 404
    assert [request.why for request in running.unmatched] == [running.requests.last.why]


def test_an_assertion_tells_what_came_instead(running: RunningServer) -> None:
    ask(running, "text/hello", session="s")
    running.assert_called(times=1, recording="text/hello", session="s")
    with pytest.raises(AssertionError, match='session is "s", expected "t"'):
        running.assert_called(recording="text/hello", session="t")


def test_a_reset_is_of_one_session(running: RunningServer) -> None:
    ask(running, "text/hello", session="s")
    ask(running, "text/hello", session="t")
    running.reset("s")
    assert [request.session for request in running.requests] == ["t"]
    with pytest.raises(AssertionError, match=r'never played in session "s":(.*\n)*  text/hello'):
        running.assert_all_played("s")


def test_what_was_never_played_is_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text((FIXTURES / "text/hello.jsonl").read_text())
    with running_server(tmp_path, pace=Pace(speed=float("inf"))) as running:
        ask(running, "a")
        with pytest.raises(AssertionError, match=r"^1 turn of a recording was never played:\n  b$"):
            running.assert_all_played()
        ask(running, "b")
        running.assert_all_played()


def test_a_test_waits_for_requests_that_other_threads_make(running: RunningServer) -> None:
    threads = [threading.Thread(target=ask, args=(running, "text/hello", "Hi", "w")) for _ in range(3)]
    for thread in threads:
        thread.start()
    found = running.wait_for(3, session="w", pending=False, timeout=60)
    assert [request.recording for request in found] == ["text/hello"] * 3
    for thread in threads:
        thread.join()


def test_a_wait_that_is_over_tells_what_came(running: RunningServer) -> None:
    ask(running, "text/hello")
    with pytest.raises(
        AssertionError, match="after 0 s: expected at least 2 requests of any kind, but there was 1"
    ):
        running.wait_for(2, timeout=0)


def test_the_admin_api_sees_the_same(running: RunningServer) -> None:
    ask(running, "text/hello", session="s")
    with urllib.request.urlopen(f"{running.url}/__admin/requests?session=s") as answer:
        listed: Any = json.load(answer)
    assert [one["id"] for one in listed["requests"]] == [running.requests.last.number]


_FIRST_USE = """
import json, sys, urllib.request
from respool import running_server
from respool.play.pace import Pace

def ask(path, body=None):
    request = urllib.request.Request(running.url + path, body and json.dumps(body).encode())
    return urllib.request.urlopen(request).read()

def loaded():
    ours = ["respool.http.app", "respool.match.stubs", "respool.match.near"]
    return [name for name in ("fastapi", "pydantic", "websockets", "h11", *ours) if name in sys.modules]

with running_server(sys.argv[1], pace=Pace(speed=float("inf"))) as running:
    hello = {"model": "text/hello", "input": "Hi"}
    assert b"response.completed" in ask("/v1/responses", {**hello, "stream": True})
    assert json.loads(ask("/healthz"))["status"] == "ok"
    print(*loaded())
    response = json.loads(ask("/v1/responses", hello))
    assert json.loads(ask("/v1/responses/" + response["id"]))["id"] == response["id"]
    print(*loaded())
"""


def test_what_a_stream_does_not_need_is_imported_when_something_does() -> None:
    command = [sys.executable, "-c", _FIRST_USE, str(FIXTURES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    first, later = done.stdout.splitlines()
    assert first == ""
    assert "fastapi" in later.split()
