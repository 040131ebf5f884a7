"""`ResponsesWS` of the openai SDK for Node. One process reads several recordings: it is slow to start."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.testing import RunningServer

TESTS = Path(__file__).parents[1]
NAMES = ["text/hello", "tools/get_weather", "reasoning/summary", "images/echidna"]

EventsOf = Callable[[str], list[dict]]

pytestmark = pytest.mark.node


def read(running: RunningServer, fault: str, *names: str) -> dict[str, dict[str, Any]]:
    """What the SDK made of each recording, by name."""
    if not (TESTS / "node" / "node_modules" / "ws").is_dir():
        pytest.skip("tests/node/node_modules/ws is missing: run npm ci in tests/node")
    script = subprocess.run(
        ["node", TESTS / "node" / "sockets.mjs", running.url, fault, *names],
        check=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    return {line["name"]: line for line in map(json.loads, script.stdout.decode().splitlines())}


@pytest.fixture(scope="module")
def seen(running: RunningServer) -> dict[str, dict[str, Any]]:
    return read(running, "", *NAMES, "errors/rate_limit")


@pytest.mark.parametrize("name", NAMES)
def test_every_event_arrives_and_the_next_turn_goes_on_by_the_previous_response(
    name: str, seen: dict[str, dict[str, Any]], events_of: EventsOf
) -> None:
    first, second = seen[name]["turns"]
    assert first == events_of(name)
    assert second[-1]["type"] == "response.completed"
    assert seen[name]["errors"] == 0


def test_a_recorded_error_is_an_error_event(seen: dict[str, dict[str, Any]]) -> None:
    ((error,),) = seen["errors/rate_limit"]["turns"]
    assert (error["type"], error["status"]) == ("error", 429)


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_a_close_in_mid_stream_is_a_close_event(code: int, running: RunningServer) -> None:
    seen = read(running, f"socket_close(code={code}, after=3)", "text/hello")["text/hello"]
    assert seen["code"] == code
    assert [len(turn) for turn in seen["turns"]] == [3]
