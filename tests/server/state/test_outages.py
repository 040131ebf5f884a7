"""What becomes of a server whose store goes away and comes back, and of clocks that differ."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from state_servers import RealStore, require_redis

from respool.errors import OptionError, RequestError
from respool.http import create_app
from respool.play import epoch
from respool.play.clock import SystemClock
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.state.link import without_password
from respool.server.state.opening import open_state
from respool.server.state.redis import RedisState

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]


@pytest.fixture
def stopped(tmp_path: Path) -> Any:
    require_redis()
    (tmp_path / "redis").mkdir()
    store = RealStore(tmp_path / "redis")
    yield store
    store.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_store_that_goes_away_refuses_what_is_new_and_is_used_again_when_it_is_back(
    stopped: RealStore, server: Serve
) -> None:
    stopped.start()
    one = server(state=RedisState(stopped.url), validate="off")
    await one.state.start()
    playback = await one.state.run("", lambda: one.start(Request({"background": True})))
    stopped.stop()
    with pytest.raises(RequestError, match="The shared state cannot be used: the store") as refused:
        await one.state.run("", lambda: one.start(Request({})))
    assert (refused.value.status, refused.value.code) == (503, "state_unavailable")
    assert playback.due(playback.started + 100.0) == len(playback.schedule)  # it goes on
    await until(lambda: one.state.problem)
    with pytest.raises(RequestError, match="shared state"):
        await one.state.refresh()
    stopped.start()
    await until(lambda: not one.state.problem)
    assert await one.state.run("", lambda: one.start(Request({})))
    await one.state.stop()


def test_a_server_starts_without_its_store_and_says_that_it_is_not_ready(
    stopped: RealStore, server: Serve
) -> None:
    with TestClient(create_app(server(state=RedisState(stopped.url)))) as client:
        assert client.get("/healthz").status_code == 200
        assert "cannot be reached" in client.get("/healthz").json()["state"]
        assert client.get("/readyz").status_code == 503
        refused = client.post("/v1/responses", json={"model": "a"})
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "state_unavailable"
        verified = client.post("/__admin/verify", json={"match": {}, "times": {"exactly": 0}})
        assert verified.status_code == 503


@pytest.mark.parametrize("ahead", [0.5, -0.5])
async def test_a_clock_that_differs_from_that_of_the_store_is_refused(
    ahead: float, stopped: RealStore, store: Callable[..., Store], recording: Make
) -> None:
    class Wrong(SystemClock):
        now = staticmethod(lambda: epoch.now() + ahead)  # type: ignore[assignment]

    stopped.start()
    one = MockServer(store(recording("a")), state=RedisState(stopped.url), clock=Wrong(), validate="off")
    await one.state.start()
    assert f"{'ahead of' if ahead > 0 else 'behind'} that of the store" in one.state.not_ready
    with pytest.raises(RequestError, match="clock is"):
        await one.state.run("", lambda: one.start(Request({})))
    await one.state.stop()


@pytest.mark.parametrize("url", ["http://x", "redis", "redis://h:port", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(OptionError, match="state is"):
        open_state(url)


def test_a_password_is_never_shown() -> None:
    assert without_password("redis://me:secret@h:1/0") == "redis://me:...@h:1/0"
    assert without_password("redis://:secret@h:1/0") == "redis://:...@h:1/0"
    assert without_password("redis://h:1/0") == "redis://h:1/0"
