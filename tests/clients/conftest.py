"""What the tests with real clients share: a server, and what its files say.

The files are read here by cutting strings: none of respool's readers has a part in what is expected.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from respool import Pace, running_server
from respool.server.state.opening import open_state
from respool.testing import RunningServer

TESTS = Path(__file__).parents[1]
FIXTURES = TESTS.parent / "fixtures"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("node") is None:
        return
    if shutil.which("node") is None:
        missing = "node is not installed"
    elif not (TESTS / "node" / "node_modules").is_dir():
        missing = "tests/node/node_modules is missing: run npm ci in tests/node"
    else:
        return
    # A CI that has silently lost its node would test less than it says.
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


# Run with a store as well. What the others show has nothing to do with it, or has a server of its own that
# stands still, or takes long: Node says what Python says.
WITH_STORE = ("test_openai_python", "test_conversations", "test_websocket_python", "test_turns")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some modules with each kind of state."""
    if (
        metafunc.module.__name__.rpartition(".")[2] in WITH_STORE
        and "running" in metafunc.fixturenames
        and "running" not in metafunc.module.__dict__  # one of its own
    ):
        metafunc.parametrize("running", ["memory", "redis"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """Our recordings, all at once."""
    kind = getattr(request, "param", "memory")
    state = open_state(request.getfixturevalue("redis_url")) if kind == "redis" else None
    with running_server(FIXTURES, pace=Pace(speed=math.inf), state=state) as running:
        yield running


@pytest.fixture(scope="session")
def turns_of() -> Callable[[Path], list[list[str]]]:
    """The event texts of a JSONL or SSE file, by turns; a turn without events is an HTTP answer."""
    return _turns_of


@pytest.fixture(scope="session")
def events_of() -> Callable[[str], list[dict]]:
    """The parsed events of one of our recordings, by its name; those of its second turn as NAME#2."""

    def events_of(name: str) -> list[dict]:
        name, _, turn = name.partition("#")
        (path,) = FIXTURES.glob(f"{name}.*")
        return [json.loads(text) for text in _turns_of(path)[int(turn or 1) - 1]]

    return events_of


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for what another thread is about to bring about."""

    def wait_until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "it did not come about within 10 seconds"
            time.sleep(0.001)

    return wait_until


def _turns_of(path: Path) -> list[list[str]]:
    turns: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        text = _event_text(line)
        if line.startswith('{"respool"') or (_is_first(text) and (not turns or turns[-1])):
            turns.append([])
        if text:
            turns[-1].append(text)
    return turns


def _event_text(line: str) -> str:
    if line.startswith("data:"):
        return line.removeprefix("data:").strip()
    if line.startswith("["):
        return line[line.index(",") + 1 : line.rindex("]")].strip()
    return line if line.startswith("{") and not line.startswith('{"respool"') else ""


def _is_first(text: str) -> bool:
    return bool(text) and json.loads(text)["type"] == "response.created"
