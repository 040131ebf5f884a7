"""The WebSocket of the openai package: `responses.connect()`, its session with lanes, sync and async."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import OpenAI
from openai.lib.responses_websocket import (
    ResponsesWebSocketLimits,
)

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
