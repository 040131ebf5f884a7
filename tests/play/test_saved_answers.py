from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from respool.http import create_app
from respool.play.pace import Pace
from respool.protocol import sse
from respool.protocol.events import dumps, loads
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

TEXT = {"type": "output_text", "text": "Hello there", "annotations": [], "logprobs": []}
ANSWER: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "output": [
        {"id": "x_1", "type": "hologram_call", "depth": 3},
        {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [TEXT]},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
ERROR = {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}

Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Ask a server of one file of JSON."""

    async def ask(value: Any, *requests: tuple[str, str, Any]) -> list[httpx2.Response]:
        (tmp_path / "a.json").write_text(dumps(value))
        app = create_app(MockServer(Store([tmp_path]), pace=Pace(speed=float("inf"))))
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.request(method, path, json=body) for method, path, body in requests]

    return ask


CREATE = "/v1/responses"


async def test_a_saved_response_is_streamed_to_who_asks_for_a_stream(ask: Ask) -> None:
    [answer] = await ask(ANSWER, ("POST", CREATE, {"model": "a", "stream": True}))
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = [loads(message.data) for message in sse.decode(answer.content)]
    assert events[-1]["response"] == ANSWER
    assert [event.get("item") for event in events[2:4]] == [ANSWER["output"][0]] * 2
    assert "response.output_text.delta" in [event["type"] for event in events]


async def test_without_stream_it_is_answered_with_as_it_is_and_can_be_retrieved(ask: Ask) -> None:
    create, retrieved, items = await ask(
        ANSWER,
        ("POST", CREATE, {"model": "a", "input": "hi"}),
        ("GET", f"{CREATE}/resp_1", None),
        ("GET", f"{CREATE}/resp_1/input_items", None),
    )
    assert create.json() == retrieved.json() == ANSWER
    assert create.headers["content-type"] == "application/json"
    assert len(items.json()["data"]) == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_saved_error_is_an_http_error(ask: Ask, stream: bool) -> None:
    [answer] = await ask(ERROR, ("POST", CREATE, {"model": "a", "stream": stream}))
    assert (answer.status_code, answer.json()) == (429, ERROR)


async def test_one_that_has_not_ended_is_answered_with_as_it_was_saved(ask: Ask) -> None:
    queued = {**ANSWER, "status": "queued", "output": []}
    [answer] = await ask(queued, ("POST", CREATE, {"model": "a", "stream": True}))
    assert answer.json() == queued
