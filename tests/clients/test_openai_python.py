"""The openai SDK for Python, synchronous and asynchronous, as its users call it.

What it must come to is read from the files of fixtures/, not written here.
"""

import asyncio
import base64
import json
import math
import re
import time
from collections.abc import AsyncIterator, Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openai import (
    APIError,
    APIStatusError,
    AsyncOpenAI,
    AuthenticationError,
    DefaultAsyncHttpxClient,
    DefaultHttpxClient,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
)

from respool import ManualClock, Pace, running_server
from respool.faults import parse
from respool.server.journal import CLIENT_LEFT
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
TTFT = 1.0  # seconds

EventsOf = Callable[[str], list[dict]]


class Exchange(NamedTuple):
    response: Any
    address: Any  # the client's, of the connection over which the response came
    moment: float  # of its arrival, in seconds


class Exchanges(list[Exchange]):
    """What a client has received."""

    def note(self, response: Any) -> None:
        address = response.extensions["network_stream"].get_extra_info("client_addr")
        self.append(Exchange(response, address, time.monotonic()))

    async def note_async(self, response: Any) -> None:
        self.note(response)

    @property
    def retry_counts(self) -> list[str]:
        return [exchange.response.request.headers["x-stainless-retry-count"] for exchange in self]


class Sync:
    def __init__(self, base_url: str, api_key: str = "any", **options: Any) -> None:
        self.exchanges = Exchanges()
        http_client = DefaultHttpxClient(event_hooks={"response": [self.exchanges.note]})
        self.client = OpenAI(base_url=base_url, api_key=api_key, http_client=http_client, **options)

    async def events(self, model: str = "any") -> list[Any]:
        return list(self.client.responses.create(model=model, stream=True))

    async def answer(self, model: str = "any") -> Any:
        return self.client.responses.create(model=model)

    async def final(self) -> Any:
        with self.client.responses.stream(model="any", input="any") as stream:
            return stream.get_final_response()

    async def models(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    async def leave_after(self, type: str, when_open: Callable[[], None]) -> None:
        with self.client.responses.create(model="any", stream=True) as stream:
            when_open()
            for event in stream:
                if event.type == type:
                    break

    async def close(self) -> None:
        self.client.close()


class Async:
    def __init__(self, base_url: str, api_key: str = "any", **options: Any) -> None:
        self.exchanges = Exchanges()
        http_client = DefaultAsyncHttpxClient(event_hooks={"response": [self.exchanges.note_async]})
        self.client = AsyncOpenAI(base_url=base_url, api_key=api_key, http_client=http_client, **options)

    async def events(self, model: str = "any") -> list[Any]:
        return [event async for event in await self.client.responses.create(model=model, stream=True)]

    async def answer(self, model: str = "any") -> Any:
        return await self.client.responses.create(model=model)

    async def final(self) -> Any:
        async with self.client.responses.stream(model="any", input="any") as stream:
            return await stream.get_final_response()

    async def models(self) -> list[str]:
        return [model.id async for model in self.client.models.list()]

    async def leave_after(self, type: str, when_open: Callable[[], None]) -> None:
        async with await self.client.responses.create(model="any", stream=True) as stream:
            when_open()
            async for event in stream:
                if event.type == type:
                    break

    async def close(self) -> None:
        await self.client.close()


Connect = Callable[..., Sync | Async]


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Makes an SDK client for a base URL. (The server has a thread of its own, so that the
    synchronous one may block this one.)"""
    made = []

    def connect(base_url: str, **options: Any) -> Sync | Async:
        made.append(request.param(base_url, **options))
        return made[-1]

    yield connect
    for sdk in made:
        await sdk.close()


def names(pattern: str) -> list[str]:
    """The names of our recordings in whose text the pattern occurs."""
    return sorted(
        path.relative_to(FIXTURES).with_suffix("").as_posix()
        for path in FIXTURES.rglob("*.jsonl")
        if re.search(pattern, path.read_text(encoding="utf-8"))
    )


STREAMS = names('"response.created"')
SOUND = sorted(set(STREAMS) - set(names('"type": ?"error"')))
COMPLETED = names('"response.completed"')


def header_of(name: str) -> dict:
    (line, *_) = (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return json.loads(line)


def as_json(model: Any) -> Any:
    return model.to_dict(mode="json")


def content(response: dict) -> list[dict]:
    return [part for item in response["output"] if item["type"] == "message" for part in item["content"]]


@pytest.mark.parametrize("name", [*SOUND, "text/conversation#2", "tools/get_weather#2"])
async def test_every_event_arrives_with_all_its_fields(
    name: str, running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    events = await connect(running.base_url_of(name)).events()

    assert [as_json(event) for event in events] == events_of(name)


@pytest.mark.parametrize("name", STREAMS)
async def test_an_answer_without_a_stream_is_the_final_response(
    name: str, running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    answer = await connect(running.base_url_of(name)).answer()

    assert as_json(answer) == events_of(name)[-1]["response"]


@pytest.mark.parametrize("name", COMPLETED)
async def test_the_helper_ends_with_the_final_response(
    name: str, running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    final = await connect(running.base_url_of(name)).final()

    recorded = events_of(name)[-1]["response"]
    assert (final.id, final.status) == (recorded["id"], "completed")
    assert [(item.id, item.type) for item in final.output] == [
        (item["id"], item["type"]) for item in recorded["output"]
    ]
    assert final.output_text == "".join(part.get("text", "") for part in content(recorded))


@pytest.mark.parametrize(
    ("name", "kind", "whole"),
    [
        ("text/hello", "response.output_text", "text"),
        ("text/incomplete", "response.output_text", "text"),
        ("text/refusal", "response.refusal", "refusal"),
        ("tools/get_weather", "response.function_call_arguments", "arguments"),
        ("tools/parallel_calls", "response.function_call_arguments", "arguments"),
        ("reasoning/summary", "response.reasoning_summary_text", "text"),
    ],
)
async def test_deltas_add_up_to_what_was_recorded_as_done(
    name: str, kind: str, whole: str, running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    events = await connect(running.base_url_of(name)).events()

    deltas = "".join(event.delta for event in events if event.type == f"{kind}.delta")
    assert deltas
    assert deltas == "".join(event[whole] for event in events_of(name) if event["type"] == f"{kind}.done")


async def test_function_calls_have_their_names_and_arguments(
    running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    final = await connect(running.base_url_of("tools/parallel_calls")).final()

    calls = [(call.name, call.call_id, json.loads(call.arguments)) for call in final.output]
    assert len(calls) == 2
    assert calls == [
        (item["name"], item["call_id"], json.loads(item["arguments"]))
        for item in events_of("tools/parallel_calls")[-1]["response"]["output"]
    ]


async def test_an_image_is_a_webp_file_in_base64(running: RunningServer, connect: Connect) -> None:
    final = await connect(running.base_url_of("images/echidna")).final()

    (result,) = [item.result for item in final.output if item.type == "image_generation_call"]
    image = base64.b64decode(result, validate=True)
    assert (image[:4], image[8:12]) == (b"RIFF", b"WEBP")
    assert int.from_bytes(image[4:8], "little") == len(image) - 8


async def test_a_refusal_is_a_refusal(running: RunningServer, connect: Connect, events_of: EventsOf) -> None:
    final = await connect(running.base_url_of("text/refusal")).final()

    (part,) = content(events_of("text/refusal")[-1]["response"])
    assert final.output[-1].content[0].refusal == part["refusal"]
    assert final.output_text == ""


async def test_reasoning_has_its_summary(
    running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    final = await connect(running.base_url_of("reasoning/summary")).final()

    recorded = events_of("reasoning/summary")[-1]["response"]["output"][0]["summary"]
    assert [part.text for part in final.output[0].summary] == [part["text"] for part in recorded]
    assert recorded


async def test_an_incomplete_response_says_why(
    running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    sdk = connect(running.base_url_of("text/incomplete"))

    last = (await sdk.events())[-1]

    recorded = events_of("text/incomplete")[-1]["response"]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == recorded["incomplete_details"]["reason"]
    with pytest.raises(RuntimeError, match=r"response\.completed"):
        await sdk.final()


async def test_a_failure_in_the_stream_is_raised(
    running: RunningServer, connect: Connect, events_of: EventsOf
) -> None:
    sdk = connect(running.base_url_of("errors/failed"))
    (recorded,) = [event["error"] for event in events_of("errors/failed") if event["type"] == "error"]

    for call in (sdk.events, sdk.final):
        with pytest.raises(APIError) as caught:
            await call()
        assert (caught.value.message, caught.value.code) == (recorded["message"], recorded["code"])


@pytest.mark.parametrize(
    ("name", "kind", "retries"),
    [
        ("errors/rate_limit", RateLimitError, 0),
        ("errors/server_error", InternalServerError, 0),
        ("errors/server_error", InternalServerError, 1),
    ],
)
async def test_a_recorded_error_is_raised_when_the_retries_are_used_up(
    name: str, kind: type[APIStatusError], retries: int, running: RunningServer, connect: Connect
) -> None:
    sdk = connect(running.base_url_of(name), max_retries=retries)

    with pytest.raises(kind) as caught:
        await sdk.events()

    error, header = caught.value, header_of(name)
    assert (error.status_code, error.body) == (header["status"], header["body"]["error"])
    assert error.request_id == header["headers"]["x-request-id"]
    assert sdk.exchanges.retry_counts == ["0", "1"][: retries + 1]


async def test_a_retry_comes_no_earlier_than_the_recorded_headers_allow(
    running: RunningServer, connect: Connect
) -> None:
    wait = float(header_of("errors/rate_limit")["headers"]["retry-after-ms"]) / 1000
    assert wait > 0.5, "untold, the SDK waits up to 0.5 seconds"
    sdk = connect(running.base_url_of("errors/rate_limit"), max_retries=1)

    with pytest.raises(RateLimitError):
        await sdk.answer()

    assert sdk.exchanges.retry_counts == ["0", "1"]
    first, second = sdk.exchanges
    assert second.moment - first.moment >= wait


async def test_an_unknown_recording_is_not_found_and_not_asked_for_again(
    running: RunningServer, connect: Connect
) -> None:
    sdk = connect(running.base_url_of("text/hallo"))

    with pytest.raises(NotFoundError, match="text/hello") as caught:
        await sdk.events()

    assert caught.value.code == "no_matching_recording"
    assert len(sdk.exchanges) == 1


async def test_every_recording_is_a_model(running: RunningServer, connect: Connect) -> None:
    scripts = sorted(
        path.relative_to(FIXTURES).as_posix().removesuffix(".script.yaml")
        for path in FIXTURES.rglob("*.script.yaml")
    )
    assert await connect(running.base_url).models() == sorted([*names("."), *scripts])


@pytest.mark.parametrize("api_key", ["any", "sk-proj-0", "Bearer DUMMY_KEY"])
async def test_any_key_will_do_and_accept_says_nothing(
    api_key: str, running: RunningServer, connect: Connect
) -> None:
    sdk = connect(running.base_url_of("text/hello"), api_key=api_key)

    events = await sdk.events()

    ((response, *_),) = sdk.exchanges
    assert response.request.headers["authorization"] == f"Bearer {api_key}"
    assert response.request.headers["accept"] == "application/json"
    assert response.headers["content-type"].startswith("text/event-stream")
    assert events[-1].type == "response.completed"


async def test_one_connection_serves_streams_answers_and_errors(
    running: RunningServer, connect: Connect
) -> None:
    sdk = connect(running.base_url, max_retries=0)

    for _ in range(2):
        await sdk.events("text/hello")
        await sdk.answer("text/hello")
        await sdk.models()
        with pytest.raises(RateLimitError):
            await sdk.events("errors/rate_limit")
        with pytest.raises(NotFoundError):
            await sdk.answer("text/hallo")

    assert [exchange.response.status_code for exchange in sdk.exchanges] == [200, 200, 200, 429, 404] * 2
    assert len({exchange.address for exchange in sdk.exchanges}) == 1


async def test_a_hundred_streams_at_once_are_each_right(
    wait_until: Callable[[Callable[[], bool]], None], events_of: EventsOf
) -> None:
    clock = ManualClock()
    playing = list(islice(cycle(SOUND), 100))
    with running_server(FIXTURES, clock=clock) as running:
        journal = running.server.journal
        async with AsyncOpenAI(base_url=running.base_url, api_key="any") as client:

            async def read(name: str) -> list[Any]:
                stream = await client.responses.create(model=name, stream=True)
                return [as_json(event) async for event in stream]

            reading = asyncio.gather(*map(read, playing))
            await asyncio.to_thread(wait_until, lambda: clock.sleepers == 100)
            while len(journal.ended) < 100:
                clock.advance(0.25)
                await asyncio.to_thread(wait_until, lambda: clock.sleepers + len(journal.ended) == 100)

            for name, events in zip(playing, await reading, strict=True):
                assert events == events_of(name)


async def test_a_stream_that_the_client_leaves_ends_on_the_server(
    connect: Connect, wait_until: Callable[[Callable[[], bool]], None], events_of: EventsOf
) -> None:
    clock = ManualClock()
    with running_server(FIXTURES, pace=Pace(ttft=TTFT), clock=clock) as running:

        def reach_the_first_token() -> None:
            wait_until(lambda: clock.sleepers == 1)
            clock.advance(TTFT)

        sdk = connect(running.base_url_of("text/hello"))
        await sdk.leave_after("response.output_text.delta", when_open=reach_the_first_token)

        wait_until(lambda: len(running.server.journal.ended) == 1)
        (exchange,) = running.server.journal
        assert exchange.ended == CLIENT_LEFT
        assert 0 < exchange.events < len(events_of("text/hello"))
        assert clock.sleepers == 0


@pytest.mark.parametrize(
    ("options", "wait"),
    [("retry_after_ms=700", 0.7), ("retry_after=1", 1.0)],
    ids=["retry-after-ms", "retry-after"],
)
async def test_a_rate_limit_is_tried_again_when_it_says_so(
    options: str, wait: float, connect: Connect, events_of: EventsOf
) -> None:
    faults = parse(f"rate_limit(times=1, {options})")
    with running_server(FIXTURES / "text", pace=Pace(speed=math.inf), faults=faults) as running:
        sdk = connect(running.base_url, max_retries=1)
        assert len(await sdk.events("hello")) == len(events_of("text/hello"))

    assert sdk.exchanges.retry_counts == ["0", "1"]
    first, second = sdk.exchanges
    assert first.response.status_code == 429
    assert second.moment - first.moment >= wait, "untold, the SDK waits up to 0.5 seconds"


async def test_a_wrong_key_is_refused(connect: Connect) -> None:
    with running_server(FIXTURES / "text", pace=Pace(speed=math.inf), api_keys=["sk-right"]) as running:
        stranger = connect(running.base_url, api_key="sk-wrong")
        for call in (stranger.events, stranger.answer):
            with pytest.raises(AuthenticationError) as caught:
                await call("hello")
            assert caught.value.code == "invalid_api_key"
        assert await connect(running.base_url, api_key="sk-right").answer("hello")
