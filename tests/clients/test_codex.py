"""The Codex CLI, over HTTP and over WebSocket: text, a tool loop, an error.

It is found in tests/node-clients, where `make test-clients` installs it, or as `codex` on the PATH.
"""

import json
import math
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sdk_clients import NODE_CLIENTS, need

from respool import Pace, running_server
from respool.faults import parse
from respool.server.seen_requests import SeenRequest
from respool.testing import RunningServer

TESTS = Path(__file__).parents[1]
FIXTURES = TESTS.parent / "fixtures"
CODEX = NODE_CLIENTS / "node_modules" / ".bin" / "codex"

# Codex has one model for all its turns. The features that it has off would ask hosts elsewhere.
CONFIG = """
model = "{model}"
model_provider = "respool"
[analytics]
enabled = false
[features]
plugins = false
remote_plugin = false
apps = false
[model_providers.respool]
name = "respool"
base_url = "{base_url}"
wire_api = "responses"
env_key = "RESPOOL_KEY"
supports_websockets = {sockets}
request_max_retries = 1
stream_max_retries = 1
"""


@pytest.fixture(scope="module")
def serving() -> Iterator[RunningServer]:
    with running_server(
        FIXTURES, TESTS / "data" / "two-turn-loop.script.yaml", pace=Pace(speed=math.inf)
    ) as running:
        yield running


def codex(
    serving: RunningServer, model: str, transport: str, folder: Path
) -> tuple[int, list[dict[str, Any]], list[SeenRequest]]:
    """Have Codex say hello: its exit code, what it tells, and the requests that it has sent."""
    program = str(CODEX) if CODEX.exists() else shutil.which("codex") or "the Codex CLI"
    need(program)
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    session = uuid.uuid4().hex
    url = f"{serving.url}/s/{session}/v1"
    sockets = "true" if transport == "websocket" else "false"
    (home / "config.toml").write_text(CONFIG.format(model=model, base_url=url, sockets=sockets))
    done = subprocess.run(
        [program, "exec", "--skip-git-repo-check", "--json", "Say hello."],
        cwd=work,
        env={**os.environ, "CODEX_HOME": str(home), "RESPOOL_KEY": "any"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert told, done.stderr
    return done.returncode, told, list(serving.requests.filter(session=session))


def said(told: list[dict[str, Any]]) -> list[str]:
    items = [one["item"] for one in told if one["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"]


def creates(requests: list[SeenRequest]) -> list[SeenRequest]:
    return [one for one in requests if one.method == "POST" and one.path.endswith("/responses")]


def test_a_text_comes_over_http(serving: RunningServer, tmp_path: Path) -> None:
    code, told, requests = codex(serving, "text/hello", "http", tmp_path)
    assert code == 0, told
    assert said(told)[0].startswith("Hello! 👋 A café is a good place to begin")
    [request] = creates(requests)
    assert request.exchange.transport == "http"
    assert request.recording == "text/hello"


def test_a_text_comes_over_the_socket_alone_after_a_warm_up(serving: RunningServer, tmp_path: Path) -> None:
    code, told, requests = codex(serving, "text/hello", "websocket", tmp_path)
    assert code == 0, told
    assert said(told)[0].startswith("Hello! 👋 A café is a good place to begin")
    assert {one.exchange.transport for one in requests if one.path.endswith("/responses")} == {"websocket"}
    warm_up, request = creates(requests)
    assert warm_up.why.startswith("warm-up")
    assert warm_up.status == 200
    assert request.json["previous_response_id"] == warm_up.exchange.response_id
    assert request.recording == "text/hello"


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize(
    ("model", "text"),
    [("two-turn-loop", "High tide in Kiel is at noon."), ("tools/get_weather", "It is 18 °C in Paris")],
)
def test_a_tool_loop_ends(
    model: str, text: str, transport: str, serving: RunningServer, tmp_path: Path
) -> None:
    code, told, requests = codex(serving, model, transport, tmp_path)
    assert code == 0, told
    assert said(told)[-1].startswith(text)
    turns = [one for one in creates(requests) if not one.why.startswith("warm-up")]
    assert len(turns) == 2
    assert {one.exchange.transport for one in turns} == {transport}
    assert "unsupported call" in turns[1].tool_outputs[0].text  # it has no such tool, and goes on
    assert bool(turns[1].json.get("previous_response_id")) == (transport == "websocket")


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize("model", ["errors/failed", "errors/rate_limit"])
def test_an_error_fails_the_turn(model: str, transport: str, serving: RunningServer, tmp_path: Path) -> None:
    code, told, requests = codex(serving, model, transport, tmp_path)
    assert code == 1
    assert told[-1]["type"] == "turn.failed"
    assert any(word in told[-1]["error"]["message"] for word in ("429", "rate limit exceeded"))
    assert {one.recording for one in creates(requests)} - {None} == {model}


def test_after_sockets_that_close_in_mid_stream_it_falls_back_to_http(tmp_path: Path) -> None:
    faults = parse("socket_close(code=1011, after=5)")
    with running_server(FIXTURES, pace=Pace(speed=math.inf), faults=faults) as running:
        code, told, requests = codex(running, "text/hello", "websocket", tmp_path)
    assert code == 0, told
    assert said(told)[0].startswith("Hello! 👋 A café is a good place to begin")
    assert any("Falling back from WebSockets" in str(one) for one in told)
    *closed, whole = [one for one in creates(requests) if not one.why.startswith("warm-up")]
    assert {(one.exchange.transport, one.exchange.events) for one in closed} == {("websocket", 5)}
    assert whole.exchange.transport == "http"
