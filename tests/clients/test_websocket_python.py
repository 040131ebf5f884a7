"""The WebSocket of the openai package: `responses.connect()`, its session with lanes, sync and async."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.lib.responses_websocket import (
    AsyncResponsesWebSocketSession,
    ResponsesWebSocketError,
    ResponsesWebSocketLimits,
    ResponsesWebSocketSession,
)
from openai.types.responses import Response
from websockets.exceptions import ConnectionClosedError

from respool.testing import RunningServer

EventsOf = Callable[[str], list[dict]]
LIMITS = ResponsesWebSocketLimits(
    max_lanes=8,
    max_events_per_lane=4096,
    max_events=8192,
    max_bytes_per_lane=64 << 20,
    max_bytes=128 << 20,
    max_response_bytes=None,
)


@pytest.fixture
def connect(running: RunningServer) -> Iterator[Callable[..., Any]]:
    """Open a connection below which this recording answers."""
    with OpenAI(base_url=running.base_url, api_key="any") as client:

        def connect(name: str, **headers: str) -> Any:
            return client.with_options(base_url=running.base_url_of(name)).responses.connect(
                extra_headers=headers, websocket_connection_options={"max_size": None}
            )

        yield connect


def turn(connection: Any, **body: Any) -> list[Any]:
    """Create a response; its events."""
    connection.response.create(model="gpt-5", **{"input": "Hello!", **body})
    events = []
    for event in connection:
        events.append(event)
        if event.type in ("response.completed", "response.failed", "response.incomplete", "error"):
            return events
    raise AssertionError("the connection was closed before the end of the response")


def told(response: Response) -> Any:
    """What a response says, as far as the package keeps it as it came."""
    return response.id, response.status, response.output_text, [item.type for item in response.output]


NAMES = [
    "text/hello",
    "reasoning/summary",
    "images/echidna",
    "tools/get_weather",
    "tools/web_search",
    "text/incomplete",
]


@pytest.mark.parametrize("name", NAMES)
def test_each_event_of_a_recording_arrives_as_it_was_recorded(
    name: str, connect: Callable[..., Any], events_of: EventsOf
) -> None:
    with connect(name) as connection:
        events = turn(connection)

    expected = events_of(name)
    assert [event.type for event in events] == [event["type"] for event in expected]
    assert [event.to_dict(mode="json") for event in events] == expected


def test_two_turns_of_a_tool_loop_by_previous_response_id(
    connect: Callable[..., Any], events_of: EventsOf
) -> None:
    with connect("tools/get_weather") as connection:
        first = turn(connection)[-1].response
        (call,) = [item for item in first.output if item.type == "function_call"]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        second = turn(connection, previous_response_id=first.id, input=[output])
        missing = turn(connection, previous_response_id="resp_missing")
    assert second[-1].type == "response.completed"
    assert missing[-1].error.code == "previous_response_not_found"


def test_an_error_leaves_the_connection_usable(connect: Callable[..., Any], events_of: EventsOf) -> None:
    with connect("errors/rate_limit") as connection:
        for _ in range(2):
            (error,) = turn(connection)
            assert error.type == "error"
            assert error.status == 429


@pytest.mark.parametrize(
    ("code", "kind"), [(1000, None), (1011, ConnectionClosedError), (1006, ConnectionClosedError)]
)
def test_a_close_in_mid_stream_ends_the_iteration(
    code: int, kind: type[Exception] | None, connect: Callable[..., Any]
) -> None:
    events = []
    with (
        connect("text/hello", **{"x-respool-fault": f"socket_close(code={code}, after=3)"}) as connection,
        pytest.raises(kind) if kind else nullcontext(),
    ):
        connection.response.create(model="gpt-5", input="Hello!")
        events.extend(connection)
    assert len(events) == 3


def test_lanes_of_a_session_run_side_by_side(running: RunningServer, events_of: EventsOf) -> None:
    names = {"a": "text/hello", "b": "tools/get_weather", "c": "reasoning/summary"}
    with (
        OpenAI(base_url=running.base_url, api_key="any") as client,
        client.responses.connect(websocket_connection_options={"max_size": None}) as connection,
        ResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        lanes = {id_: session.lane(id_) for id_ in names}
        for id_, lane in lanes.items():
            lane.send({"type": "response.create", "model": names[id_], "input": "Hello!"})
        finals = {id_: lane.get_final_response() for id_, lane in lanes.items()}
        lanes["a"].send({"type": "response.create", "model": "no-such", "previous_response_id": "resp_none"})
        with pytest.raises(ResponsesWebSocketError):
            lanes["a"].get_final_response()

    for id_, name in names.items():
        assert told(finals[id_]) == told(Response.model_validate(events_of(name)[-1]["response"]))


@asynccontextmanager
async def connected(running: RunningServer, name: str, **headers: str) -> AsyncIterator[Any]:
    """An async connection below which this recording answers."""
    async with (
        AsyncOpenAI(base_url=running.base_url_of(name), api_key="any") as client,
        client.responses.connect(
            extra_headers=headers, websocket_connection_options={"max_size": None}
        ) as connection,
    ):
        yield connection


async def async_turn(connection: Any, **body: Any) -> list[Any]:
    """As `turn`."""
    await connection.response.create(model="gpt-5", **{"input": "Hello!", **body})
    events = []
    async for event in connection:
        events.append(event)
        if event.type in ("response.completed", "response.failed", "response.incomplete", "error"):
            return events
    raise AssertionError("the connection was closed before the end of the response")


@pytest.mark.parametrize("name", NAMES)
async def test_the_async_client_gets_each_event_as_it_was_recorded(
    name: str, running: RunningServer, events_of: EventsOf
) -> None:
    async with connected(running, name) as connection:
        events = await async_turn(connection)
    assert [event.to_dict(mode="json") for event in events] == events_of(name)


async def test_the_async_client_goes_through_a_tool_loop_and_past_an_error(running: RunningServer) -> None:
    async with connected(running, "tools/get_weather") as connection:
        first = (await async_turn(connection))[-1].response
        (call,) = [item for item in first.output if item.type == "function_call"]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        missing = await async_turn(connection, previous_response_id="resp_missing")
        second = await async_turn(connection, previous_response_id=first.id, input=[output])
    assert missing[-1].error.code == "previous_response_not_found"
    assert second[-1].response.output_text


@pytest.mark.parametrize("code", [1000, 1011, 1006])
async def test_a_close_in_mid_stream_ends_the_async_iteration(code: int, running: RunningServer) -> None:
    events = []
    fault = {"x-respool-fault": f"socket_close(code={code}, after=3)"}
    async with connected(running, "text/hello", **fault) as connection:
        await connection.response.create(model="gpt-5", input="Hello!")
        with nullcontext() if code == 1000 else pytest.raises(ConnectionClosedError):
            async for event in connection:
                events.append(event)  # noqa: PERF401  (those before the error count)
    assert len(events) == 3


async def test_lanes_of_an_async_session_run_side_by_side(
    running: RunningServer, events_of: EventsOf
) -> None:
    names = {"a": "text/hello", "b": "tools/get_weather", "c": "reasoning/summary"}
    async with (
        AsyncOpenAI(base_url=running.base_url, api_key="any") as client,
        client.responses.connect(websocket_connection_options={"max_size": None}) as connection,
        AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        lanes = {id_: session.lane(id_) for id_ in names}
        for id_, lane in lanes.items():
            await lane.send({"type": "response.create", "model": names[id_], "input": "Hello!"})
        finals = {id_: await lane.get_final_response() for id_, lane in lanes.items()}
        await lanes["a"].send({"type": "response.create", "model": "x", "previous_response_id": "resp_none"})
        with pytest.raises(ResponsesWebSocketError):
            await lanes["a"].get_final_response()
    for id_, name in names.items():
        assert told(finals[id_]) == told(Response.model_validate(events_of(name)[-1]["response"]))


async def test_the_async_client_gets_the_same(running: RunningServer, events_of: EventsOf) -> None:
    async with (
        AsyncOpenAI(base_url=running.base_url_of("text/hello"), api_key="any") as client,
        client.responses.connect(websocket_connection_options={"max_size": None}) as connection,
        AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        await session.default.send({"type": "response.create", "model": "gpt-5", "input": "Hello!"})
        final = await session.default.get_final_response()
        lane = session.lane("other")
        await lane.send({"type": "response.create", "model": "gpt-5", "input": "Hello!"})
        other = await lane.get_final_response()
    expected = told(Response.model_validate(events_of("text/hello")[-1]["response"]))
    assert told(final) == told(other) == expected
