"""Every client that `make test-clients` installs: text, tool loops and errors, streamed, without any stub.

Each driver of tests/clients/sdks runs once, and has a session of its own; the journal says what it has sent.
"""

import math
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sdk_clients import NEEDS, drive, need

from respool import Pace, running_server
from respool.faults import parse
from respool.server.seen_requests import SeenRequest
from respool.testing import RunningServer

TESTS = Path(__file__).parents[1]
FIXTURES = TESTS.parent / "fixtures"
LOOP = TESTS / "data" / "two-turn-loop.script.yaml"

HELLO = "Hello! 👋 A café is a good place to begin"
LOOPS = {
    "tools/get_weather": (
        "get_weather",
        "It is 18 °C in Paris, with light rain. Take an umbrella, and enjoy the wet cobblestones.",
    ),
    "two-turn-loop": ("tide_table", "High tide in Kiel is at noon."),
}
TEXTS = {
    "text/hello": HELLO,
    "reasoning/summary": "The train arrives first, at 10:55.",
    "tools/web_search": "The tallest lighthouse in the world is Jeddah Light",
}
ERRORS = {"errors/rate_limit": "429", "errors/failed": "Rate limit reached"}
RUNS = [
    *(f"text {name}" for name in TEXTS),
    *(f"{kind} {name}" for kind in ("grown", "previous") for name in LOOPS),
    *(f"error {name}" for name in ERRORS),
]
TRANSPORTS = [
    *((driver, "http") for driver in NEEDS),
    ("agents_sdk.py", "websocket"),
    ("agents_sdk.mjs", "websocket"),
]


@pytest.fixture(scope="module")
def serving() -> Iterator[RunningServer]:
    with running_server(FIXTURES, LOOP, pace=Pace(speed=math.inf)) as running:
        yield running


def run(
    serving: RunningServer, driver: str, transport: str, runs: list[str], folder: Path
) -> tuple[list[dict[str, Any]], list[SeenRequest]]:
    """What a driver tells of its runs, and the requests for answers that it has sent."""
    program, packages = NEEDS[driver]
    need(program, packages)
    session = uuid.uuid4().hex
    env = {"RESPOOL_WEBSOCKET": "1"} if transport == "websocket" else {}
    told = drive(driver, f"{serving.url}/s/{session}/v1", runs, folder, env)
    asked = serving.requests.filter(session=session, method="POST")
    return told, [one for one in asked if one.path.endswith("/responses")]


def continues_by_id(request: SeenRequest) -> bool:
    return bool(request.json.get("previous_response_id") or request.json.get("conversation"))


@pytest.mark.parametrize(("driver", "transport"), TRANSPORTS)
def test_a_client_streams_text_loops_with_tools_and_meets_errors(
    driver: str, transport: str, serving: RunningServer, tmp_path: Path
) -> None:
    told, asked = run(serving, driver, transport, RUNS, tmp_path)

    assert [f"{one['run']} {one['name']}" for one in told] == RUNS
    turns_of: dict[str, list[SeenRequest]] = {}
    rest = iter(asked)
    for one in told:
        number = 2 if one["run"] in ("grown", "previous") else 1
        turns_of[f"{one['run']} {one['name']}"] = [next(rest) for _ in range(number)]
    assert list(rest) == []  # no retry, no turn too many
    for one in told:
        kind, name = one["run"], one["name"]
        requests = turns_of[f"{kind} {name}"]
        assert {request.exchange.transport for request in requests} == {transport}
        if transport == "http":
            assert all(request.json["stream"] is True for request in requests)
        if kind == "error":
            assert one["text"] is None
            assert one["error"]
            said = f"{one['error']['status']} {one['error']['text']} {one['error']['type']}"
            assert (
                ERRORS[name] in said or transport == "websocket" or driver in ("curl.sh", "JavaClient.java")
            )
            continue
        assert one["error"] is None, one
        if kind == "text":
            assert one["text"].startswith(TEXTS[name])
            continue
        tool, text = LOOPS[name]
        assert one["calls"] == [tool]
        assert one["text"] == text
        if transport == "http" or kind == "previous":  # over a socket both may continue by id
            assert continues_by_id(requests[1]) == (kind == "previous")
        assert len(requests[1].tool_outputs) == 1


@pytest.mark.parametrize("driver", ["agents_sdk.py", "agents_sdk.mjs"])
def test_agents_get_an_image_over_the_socket(driver: str, serving: RunningServer, tmp_path: Path) -> None:
    [told], [asked] = run(serving, driver, "websocket", ["text images/echidna"], tmp_path)
    assert told["error"] is None
    assert (
        asked.exchange.events == len((FIXTURES / "images/echidna.jsonl").read_text("utf-8").splitlines()) - 1
    )


@pytest.mark.parametrize("driver", ["agents_sdk.py", "agents_sdk.mjs"])
@pytest.mark.parametrize("fault", ["socket_close(after=5)", "socket_close(code=1006, after=5)"])
def test_agents_tell_of_a_socket_that_closes_in_mid_stream(driver: str, fault: str, tmp_path: Path) -> None:
    with running_server(FIXTURES, pace=Pace(speed=math.inf), faults=parse(fault)) as running:
        [told], asked = run(running, driver, "websocket", ["error text/hello"], tmp_path)
    assert told["error"]
    assert all(request.exchange.events == 5 for request in asked)
