"""What tests of several modules need: recordings from short tuples, a server of them, one ASGI call."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, settings
from starlette.types import ASGIApp, Message
from state_servers import real_store

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.protocol.events import Event
from respool.recordings.formats import jsonl
from respool.recordings.recording import Header, Recording, TimedEvent
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.state import State
from respool.testing import RunningServer

# Property tests: the same examples in every run, or many new ones (`make fuzz`). A test that needs more
# than others says how many times as many as `settings.default` has. A busy machine is no failure.
_ANY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _ANY, derandomize=True, max_examples=30)
settings.register_profile("fuzz", _ANY, derandomize=False, max_examples=1000, print_blob=True)
settings.load_profile("same")


# Files whose tests are mostly processes, browsers and other programs: `make test-slow` runs them.
_SLOW = (
    "test_chat_page.py test_controls.py test_example_projects.py test_examples.py "
    "test_soak.py test_bench.py test_schemathesis.py test_serve_workers.py test_record.py test_drill.py "
    "test_node_package.py test_socket_fuzz.py test_fault_table.py test_processes.py test_limits.py "
    "test_portable.py test_cluster.py test_many_connections.py test_docs_blocks.py "
    "test_contention.py test_whole_drill.py test_relay.py test_first_hour.py test_pytest_plugin.py "
    "test_hostile_requests.py test_live_upstream.py test_load.py test_connection_limits.py test_run.py "
    "test_turns.py test_over_socket.py test_action.py test_logs.py test_exports.py test_outages.py"
).split()
# Files whose tests run clients of other people: `make test-clients` installs those and runs the tests.
_CLIENTS = "test_sdk_examples.py test_codex.py test_every_client.py test_recorded_loop.py".split()
_SLOW_FOLDERS = ("tests/http/page/", "tests/deploy/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path.as_posix()
        if (
            item.path.name in _SLOW
            or any(folder in path for folder in _SLOW_FOLDERS)
            or _state_of(item) in ("fakeredis", "redis")  # the same tests once more, with a store
        ):
            item.add_marker(pytest.mark.slow)
        if item.path.name in _CLIENTS:
            item.add_marker(pytest.mark.clients)


def _state_of(item: pytest.Item) -> object:
    """Return the kind of state with which a test runs, if it runs with several."""
    return item.callspec.params.get("state") if hasattr(item, "callspec") else None


_BEGAN = pytest.StashKey[float]()  # when the first test did


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, help="skip the tests that have not begun after so many minutes")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.getoption("--minutes")
    began = item.config.stash.setdefault(_BEGAN, time.monotonic())
    if minutes is not None and time.monotonic() > began + minutes * 60:
        pytest.skip(f"the {minutes:g} minutes are over")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests with clients and processes wait for some of their time."""
    ours = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(ours) + 1


# A short answer: an event of each second, and two at the same moment.
SHORT = (
    (1.0, "response.created", {"response": {"id": "resp_1", "created_at": 1700000000}}),
    (1.0, "response.output_text.delta", {"delta": "Hel"}),
    (0.0, "response.output_text.delta", {"delta": "lo"}),
    (1.0, "response.completed", {"response": {"id": "resp_1", "status": "completed"}}),
)


def make_recording(name: str = "a", events: Iterable[tuple[Any, ...]] = SHORT, **header: Any) -> Recording:
    timed = []
    for gap, kind, *fields in events:
        text = json.dumps({"type": kind, **(fields[0] if fields else {})})
        timed.append(TimedEvent(gap, Event.parse(text)))
    return Recording(name, Header(header), tuple(timed))


@pytest.fixture(scope="session")
def recording() -> Callable[..., Recording]:
    """``recording(name, [(gap, type, fields), ...], **header)``; without events, a short answer."""
    return make_recording


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., Store]:
    """Write recordings below tmp_path, each to a file of its name; a list of them is one file's turns."""

    def make(*files: Recording | Sequence[Recording]) -> Store:
        for file in files:
            turns = [file] if isinstance(file, Recording) else file
            path = tmp_path / f"{turns[0].name}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(jsonl.write(turns), "utf-8")
        return Store([tmp_path])

    return make


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server."""
    with real_store(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def state(request: pytest.FixtureRequest) -> Callable[[], State | None]:
    """What opens an empty state of the kind in the test's parameter: memory, fakeredis or redis."""
    kind = getattr(request, "param", "memory")
    if kind == "memory":
        return lambda: None
    from respool.server.state.redis import RedisState

    if kind == "fakeredis":
        from fakeredis import FakeAsyncRedisConnection, FakeServer

        store = FakeServer(server_type="redis")
        return lambda: RedisState("redis://fake", connection_class=FakeAsyncRedisConnection, server=store)
    from redis import Redis

    url: str = request.getfixturevalue("redis_url")
    with Redis.from_url(url) as client:
        client.flushall()
    return lambda: RedisState(url)


@pytest.fixture
def server(store: Callable[..., Store], state: Callable[[], State | None]) -> Callable[..., MockServer]:
    """A server of recordings (``a`` if none are given), on a clock that stands still."""

    def make(*files: Recording | Sequence[Recording], **options: Any) -> MockServer:
        kept = store(*files or [make_recording()])
        return MockServer(kept, **{"clock": ManualClock(), "state": state(), **options})

    return make


class Call:
    """One call of an ASGI app: the client's end of it, and what the app has sent so far."""

    def __init__(
        self,
        app: ASGIApp | MockServer,
        path: str = "/v1/responses",
        body: object = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        more_body: bool = False,
        **scope: Any,
    ) -> None:
        self.sent: list[Message] = []
        self.room = asyncio.Semaphore(1_000_000)  # how many messages more the client takes
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        self.upload(content, more_body)
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            **scope,
        }
        app = create_app(app) if isinstance(app, MockServer) else app
        self.task = asyncio.create_task(app(self.scope, self._inbox.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        await self.room.acquire()

    def upload(self, content: bytes, more_body: bool = False) -> None:
        """The client sends the next part of the request's body."""
        self._inbox.put_nowait({"type": "http.request", "body": content, "more_body": more_body})

    def leave(self) -> None:
        """The client closes the connection."""
        self._inbox.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def writes(self) -> list[bytes]:
        """What each message carried, empty ones left out."""
        return [message["body"] for message in self.sent[1:] if message.get("body")]

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def complete(self) -> bool:
        """Whether the answer was brought to its proper end."""
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)


@pytest.fixture(scope="session")
def call() -> type[Call]:
    return Call


@pytest.fixture(scope="session")
def settle() -> Callable[[], Any]:
    """Let all tasks run until each of them waits for something from outside."""

    async def run(*states: State) -> None:
        idle = 0
        while idle < (2 if states else 1):
            for _ in range(50):
                await asyncio.sleep(0)
            waits = any(state.busy for state in states)
            idle = 0 if waits else idle + 1
            if waits:  # a store takes its time
                await asyncio.sleep(0.001)

    return run


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., None]:
    """Wait until something is so at a running server, by going through its event loop."""

    def wait(running: RunningServer, condition: Callable[[], bool]) -> None:
        with httpx2.Client() as client:
            for _ in range(10_000):
                if condition():
                    return
                client.get(f"{running.url}/healthz")
        raise AssertionError("it never was so")

    return wait
