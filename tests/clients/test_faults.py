"""Faults, as the openai SDK for Python meets them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIConnectionError, APIError, APIStatusError, OpenAI

from respool import Pace, running_server
from respool.faults import parse
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server(FIXTURES / "text" / "hello.jsonl", pace=Pace(speed=math.inf)) as running:
        yield running


def ask(server: RunningServer, faults: str) -> list[str]:
    """The types of the events that the SDK gives."""
    server.server.faults = parse(faults)
    with (
        OpenAI(base_url=server.base_url, api_key="any", timeout=20) as client,
        client.responses.create(model="hello", input="hi", stream=True) as stream,
    ):
        return [event.type for event in stream]


@pytest.mark.parametrize(
    "fault",
    [
        "status(code=503, times=2, retry_after_ms=1)",
        "rate_limit(times=2, retry_after_ms=1)",
        "refuse(times=1)",
    ],
)
def test_requests_that_fail_at_first_are_tried_again(fault: str, server: RunningServer) -> None:
    server.server.journal.clear()
    assert ask(server, fault)[-1] == "response.completed"
    statuses = [exchange.status for exchange in server.server.journal]
    assert statuses in ([503, 503, 200], [429, 429, 200], [None, 200])


def test_what_helps_nobody_to_try_again_is_not_tried_again(server: RunningServer) -> None:
    with pytest.raises(APIStatusError) as caught:
        ask(server, "status(code=401, should_retry=false)")
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("fault", ["abort(after=20)", "cut(after=20)", "reset_peer(after=20)"])
def test_a_broken_stream_is_an_error(fault: str, server: RunningServer) -> None:
    with pytest.raises((APIConnectionError, APIError)):
        ask(server, fault)


def test_a_background_stream_that_broke_is_resumed_where_it_broke(server: RunningServer) -> None:
    server.server.faults = parse("abort(after=20)")
    events: list[Any] = []
    with OpenAI(base_url=server.base_url, api_key="any", timeout=20) as client:
        stream = client.responses.create(model="hello", input="hi", stream=True, background=True)
        with pytest.raises(APIError):
            events.extend(stream)
        assert len(events) == 20
        response_id, last = events[0].response.id, events[-1].sequence_number
        with client.responses.retrieve(response_id, stream=True, starting_after=last) as rest:
            events.extend(rest)
    assert [event.sequence_number for event in events] == list(range(63))


WRITTEN = "slicer merge line_ends no_space bom comments no_event_line done gzip id_lines split_data".split()


@pytest.mark.parametrize("fault", [*WRITTEN, "slicer(size=3); line_ends; gzip"])
def test_however_a_stream_is_written_the_sdk_reads_it(fault: str, server: RunningServer) -> None:
    assert ask(server, fault) == ask(server, "")
