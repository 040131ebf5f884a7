import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from respool.http import create_app
from respool.http.admin import events as feeds
from respool.http.admin.events import Feed
from respool.server.journal import ARRIVED, ENDED, Exchange
from respool.server.mock_server import MockServer

Call = Callable[..., Any]
Serve = Callable[..., MockServer]


def exchange(number: int, session: str = "", path: str = "/v1/responses") -> Exchange:
    return Exchange("POST", path, 1.0, session=session, number=number)


async def taken(feed: Feed, count: int) -> list[tuple[str | None, Any]]:
    async with asyncio.timeout(30):
        source = feed.events()
        found = [await anext(source) for _ in range(count)]
    return [(event.event, json.loads(event.data)) for event in found]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_feed_tells_of_one_session_or_of_all() -> None:
    one, every = Feed("s"), Feed()
    for feed in (one, every):
        feed(ARRIVED, exchange(1, "s"))
        feed(ARRIVED, exchange(2, ""))
        feed(ENDED, exchange(1, "s"))
    assert [(kind, data["id"]) for kind, data in await taken(one, 2)] == [
        ("request.arrived", 1),
        ("request.ended", 1),
    ]
    assert [data["id"] for _, data in await taken(every, 3)] == [1, 2, 1]


async def test_a_feed_tells_nothing_of_health_checks() -> None:
    feed = Feed()
    feed(ARRIVED, exchange(1, path="/healthz"))
    feed(ARRIVED, exchange(2))
    assert [data["id"] for _, data in await taken(feed, 1)] == [2]


async def test_a_slow_reader_is_told_how_much_it_missed(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed(most=2)
    with caplog.at_level(logging.WARNING):
        for number in range(1, 6):
            feed(ARRIVED, exchange(number))
    assert caplog.text.count("too slow") == 1
    found = await taken(feed, 3)
    assert [data.get("id", data) for _, data in found] == [1, 2, {"dropped": 3}]


async def test_what_was_missed_is_told_in_its_place() -> None:
    feed = Feed(most=1)
    feed(ARRIVED, exchange(1))
    feed(ARRIVED, exchange(2))
    source = feed.events()
    await anext(source)
    feed(ARRIVED, exchange(3))
    found = [json.loads((await anext(source)).data) for _ in range(2)]
    assert [data.get("id", data) for data in found] == [{"dropped": 1}, 3]


async def test_the_feed_is_sent_as_it_happens_and_ends_with_its_reader(server: Serve, call: Call) -> None:
    serving = server()
    app = create_app(serving)
    feed = call(app, "/__admin/events", method="GET")
    await until(lambda: serving.journal.watchers)
    await call(app, "/v1/models", method="GET").task
    await until(lambda: len(feed.writes) == 3)
    assert feed.headers["content-type"].startswith("text/event-stream")
    assert "access-control-allow-origin" not in feed.headers
    kinds = [write.split(b"\n")[0] for write in feed.writes]
    assert kinds == [b"event: request.arrived", b"event: request.started", b"event: request.ended"]
    assert all(write.endswith(b"\n\n") and b"\r" not in write for write in feed.writes)
    feed.leave()
    await feed.task
    assert not serving.journal.watchers


async def test_readers_have_a_bound(server: Serve, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_READERS", 1)
    serving = server()
    app = create_app(serving)
    first = call(app, "/__admin/events", method="GET")
    await until(lambda: serving.journal.watchers)
    second = call(app, "/__admin/events", method="GET")
    await second.task
    assert (second.status, second.json["error"]["code"]) == (429, "too_many")
    first.leave()
    await first.task
