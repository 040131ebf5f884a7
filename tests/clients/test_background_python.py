"""Responses that stay, with the openai SDK for Python, synchronous and asynchronous, over a real socket.

Time stands still until a test moves it, so each test says what had come when.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

from respool import ManualClock, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
MODEL = "get_weather"
NAME = f"tools/{MODEL}"
READERS = 10  # of one response, at the same time
REQUEST: dict[str, Any] = {"model": MODEL, "input": "What is the weather?"}
STREAM: dict[str, Any] = {**REQUEST, "background": True, "stream": True}

EventsOf = Callable[[str], list[dict]]
WaitUntil = Callable[[Callable[[], bool]], None]


class Sync:
    """The synchronous SDK, called as the asynchronous one is."""

    def __init__(self, base_url: str) -> None:
        self._client = OpenAI(base_url=base_url, api_key="any", max_retries=0)
        # Each call in a thread of its own: it may wait for time that the test has yet to move.
        self._threads = ThreadPoolExecutor(READERS + 1)

    async def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: function(*args, **options)
        )

    async def create(self, **body: Any) -> Any:
        return await self._call(self._client.responses.create, **body)

    async def retrieve(self, id: str, **query: Any) -> Any:
        return await self._call(self._client.responses.retrieve, id, **query)

    async def cancel(self, id: str) -> Any:
        return await self._call(self._client.responses.cancel, id)

    async def delete(self, id: str) -> Any:
        return await self._call(self._client.responses.delete, id)

    async def input_items(self, id: str, **query: Any) -> list[Any]:
        """All pages."""
        return await self._call(lambda: list(self._client.responses.input_items.list(id, **query)))

    async def take(self, stream: Any, most: int | None = None) -> list[dict]:
        def take() -> list[dict]:
            taken = []
            while most is None or len(taken) < most:
                try:
                    taken.append(next(stream).to_dict(mode="json"))
                except StopIteration:
                    break
            return taken

        return await self._call(take)

    async def leave(self, stream: Any) -> None:
        await self._call(stream.close)

    async def close(self) -> None:
        await self._call(self._client.close)
        self._threads.shutdown()


class Async:
    def __init__(self, base_url: str) -> None:
        self._client = AsyncOpenAI(base_url=base_url, api_key="any", max_retries=0)
        self.create = self._client.responses.create
        self.retrieve = self._client.responses.retrieve
        self.cancel = self._client.responses.cancel
        self.delete = self._client.responses.delete

    async def input_items(self, id: str, **query: Any) -> list[Any]:
        return [item async for item in self._client.responses.input_items.list(id, **query)]

    async def take(self, stream: Any, most: int | None = None) -> list[dict]:
        taken: list[dict] = []
        while most is None or len(taken) < most:
            try:
                taken.append((await anext(stream)).to_dict(mode="json"))
            except StopAsyncIteration:
                break
        return taken

    async def leave(self, stream: Any) -> None:
        await stream.close()

    async def close(self) -> None:
        await self._client.close()


class Stand:
    """A server on a clock that stands still, and an SDK that asks it."""

    def __init__(self, running: RunningServer, clock: ManualClock, sdk: Any, wait_until: WaitUntil) -> None:
        self.running, self.clock, self.sdk, self._wait_until = running, clock, sdk, wait_until
        self.moments = list(running.server.schedule(running.server.store.turns(MODEL)[0]).moments)

    def go_to(self, moment: float) -> None:
        """Time goes on to this moment, or by rounding a little later."""
        self.clock.advance(moment - self.clock.now() + 1e-6)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._wait_until, condition)


@pytest.fixture
def still() -> Iterator[tuple[RunningServer, ManualClock]]:
    clock = ManualClock()
    with running_server(FIXTURES / "tools", clock=clock) as running:
        yield running, clock


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
async def stand(
    request: pytest.FixtureRequest, still: tuple[RunningServer, ManualClock], wait_until: WaitUntil
) -> AsyncIterator[Stand]:
    running, clock = still
    sdk = request.param(running.base_url)
    yield Stand(running, clock, sdk, wait_until)
    await sdk.close()


async def test_a_background_response_is_polled_until_it_has_completed(
    stand: Stand, events_of: EventsOf
) -> None:
    final = events_of(NAME)[-1]["response"]
    created = await stand.sdk.create(**REQUEST, background=True)
    assert (created.id, created.status, created.background) == (final["id"], "queued", True)
    seen = []
    for moment in (0.0, stand.moments[1], stand.moments[-2], stand.moments[-1]):
        stand.go_to(moment)
        polled = await stand.sdk.retrieve(created.id)
        seen.append(polled.status)
    assert seen == ["queued", "in_progress", "in_progress", "completed"]
    assert polled.to_dict(mode="json") == {**final, "background": True}


async def test_a_stream_that_is_dropped_after_any_event_is_resumed_without_loss_or_repeat(
    stand: Stand, events_of: EventsOf
) -> None:
    recorded = events_of(NAME)
    for count in range(1, len(recorded) + 1):
        stream = await stand.sdk.create(**STREAM)
        begun = stand.clock.now()
        stand.go_to(begun + stand.moments[count - 1])
        seen = await stand.sdk.take(stream, count)
        await stand.sdk.leave(stream)

        resumed = await stand.sdk.retrieve(
            recorded[0]["response"]["id"], stream=True, starting_after=seen[-1]["sequence_number"]
        )
        stand.go_to(begun + stand.moments[-1])
        seen += await stand.sdk.take(resumed)

        assert seen == recorded


async def test_a_stream_that_is_cancelled_ends_at_once_as_cancelled(
    stand: Stand, events_of: EventsOf
) -> None:
    recorded = events_of(NAME)
    stream = await stand.sdk.create(**STREAM)
    stand.go_to(stand.moments[4])
    seen = await stand.sdk.take(stream, 5)

    cancelled = await stand.sdk.cancel(recorded[0]["response"]["id"])
    rest = await stand.sdk.take(stream)  # though time stands still

    assert (cancelled.status, cancelled.output) == ("cancelled", [])
    due = [
        event for event, moment in zip(recorded, stand.moments, strict=True) if moment <= stand.clock.now()
    ]
    assert [*seen, *rest][:-1] == due
    assert (rest[-1]["type"], rest[-1]["response"]["status"]) == ("response.failed", "cancelled")
    assert (await stand.sdk.cancel(cancelled.id)).status == "cancelled", "again: the same"
    assert (await stand.sdk.retrieve(cancelled.id)).status == "cancelled"


async def test_what_has_completed_is_not_cancelled(stand: Stand) -> None:
    created = await stand.sdk.create(**REQUEST, background=True)
    stand.go_to(stand.moments[-1])
    with pytest.raises(BadRequestError, match="Cannot cancel a completed response"):
        await stand.sdk.cancel(created.id)


async def test_a_response_is_deleted_when_it_has_ended(stand: Stand) -> None:
    created = await stand.sdk.create(**REQUEST, background=True)
    with pytest.raises(BadRequestError, match="Cannot delete an in-flight response"):
        await stand.sdk.delete(created.id)
    stand.go_to(stand.moments[-1])

    assert await stand.sdk.delete(created.id) is None

    with pytest.raises(NotFoundError, match=created.id):
        await stand.sdk.retrieve(created.id)


async def test_a_dropped_stream_that_is_not_in_the_background_is_never_found(
    stand: Stand, events_of: EventsOf
) -> None:
    id_ = events_of(NAME)[0]["response"]["id"]
    stream = await stand.sdk.create(**REQUEST, stream=True)
    stand.go_to(stand.moments[0])
    await stand.sdk.take(stream, 1)
    await stand.sdk.leave(stream)
    await stand.wait_until(lambda: stand.running.server.history.get(id_) is None)
    stand.go_to(stand.moments[-1])
    with pytest.raises(NotFoundError, match=id_):
        await stand.sdk.retrieve(id_)


async def test_a_response_is_continued_by_its_id(stand: Stand) -> None:
    first = await stand.sdk.create(**REQUEST, background=True)
    assert (await stand.sdk.create(**REQUEST, background=True, previous_response_id=first.id)).id
    with pytest.raises(BadRequestError) as raised:
        await stand.sdk.create(**REQUEST, previous_response_id="resp_unknown")
    assert raised.value.code == "previous_response_not_found"


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_its_input_items_come_page_by_page(order: str, stand: Stand) -> None:
    said = [f"line {number}" for number in range(25)]
    body = {**REQUEST, "input": [{"role": "user", "content": text} for text in said]}
    created = await stand.sdk.create(**body, background=True)
    for page in ({"limit": 10}, {"limit": 1}, {}):
        items = await stand.sdk.input_items(created.id, order=order, **page)
        assert [item.content[0].text for item in items] == (said if order == "asc" else said[::-1])
    (last,) = await stand.sdk.input_items(created.id, order=order, after=items[-2].id)
    assert last.id == items[-1].id


async def test_ten_readers_of_one_response_each_get_every_event_once_and_in_order(
    stand: Stand, events_of: EventsOf
) -> None:
    recorded = events_of(NAME)
    own = await stand.sdk.create(**STREAM)
    readers = [asyncio.create_task(stand.sdk.take(own))]
    for number in range(1, READERS):
        stand.go_to(stand.moments[number * (len(recorded) - 1) // READERS])
        joined = await stand.sdk.retrieve(recorded[0]["response"]["id"], stream=True)
        readers.append(asyncio.create_task(stand.sdk.take(joined)))
    stand.go_to(stand.moments[-1])

    assert await asyncio.gather(*readers) == [recorded] * READERS
