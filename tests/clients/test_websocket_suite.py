"""What the WebSocket tests of the Open Responses suite demand (b7b9aba, `src/lib/compliance-tests.ts`), as
tests of our own; a client that is as simple as the suite's."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai.types.responses import Response
from websockets.sync.client import ClientConnection, connect

from respool import Pace, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
TERMINAL = {"response.completed", "response.failed", "response.incomplete"}
USER = {"type": "message", "role": "user"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    options = {"default": "scripts/hello", "ids": "fresh"}
    with running_server(FIXTURES, pace=Pace(speed=math.inf), **options) as running:
        yield running


@pytest.fixture
def open_socket(running: RunningServer) -> Iterator[Any]:
    opened: list[ClientConnection] = []

    def open_socket() -> ClientConnection:
        url = running.base_url.replace("http", "ws", 1) + "/responses"
        opened.append(connect(url, additional_headers={"authorization": "Bearer x"}, max_size=None))
        return opened[-1]

    yield open_socket
    for socket in opened:
        socket.close()


def turn(socket: ClientConnection, **body: Any) -> tuple[list[dict[str, Any]], str | None]:
    """The frames of a turn, and the code of the error that it ended with."""
    socket.send(json.dumps({"type": "response.create", "model": "gpt-5", **body}))
    frames: list[dict[str, Any]] = []
    while True:
        text = socket.recv(timeout=30)
        assert isinstance(text, str)
        frames.append(json.loads(text))
        error = frames[-1].get("error")
        if frames[-1]["type"] == "error" or (isinstance(error, dict) and isinstance(error.get("code"), str)):
            assert isinstance(frames[-1]["status"], int)
            return frames, error["code"]
        if frames[-1]["type"] in TERMINAL:
            failure = frames[-1]["response"].get("error")
            return frames, failure["code"] if failure else None


def assert_completed(turned: tuple[list[dict[str, Any]], str | None]) -> str:
    frames, code = turned
    assert code is None
    assert frames[-1]["response"]["status"] == "completed"
    response = Response.model_validate(frames[-1]["response"], strict=False)
    assert [frame["sequence_number"] for frame in frames] == list(range(len(frames)))
    return response.id


def test_websocket_response(open_socket: Any) -> None:
    assert_completed(turn(open_socket(), input=[{**USER, "content": "Say hello in exactly 3 words."}]))


def test_websocket_sequential_responses(open_socket: Any) -> None:
    socket = open_socket()
    ids = [assert_completed(turn(socket, store=False, input=text)) for text in ("One.", "Two.")]
    assert len(set(ids)) == 2


def test_websocket_continuation(open_socket: Any) -> None:
    socket = open_socket()
    first = assert_completed(turn(socket, store=False, input="Remember 4."))
    assert_completed(turn(socket, store=False, previous_response_id=first, input="Which number?"))


def test_websocket_reconnect_store_false_recovery(open_socket: Any) -> None:
    first = assert_completed(turn(open_socket(), store=False, input="Remember 4."))
    other = open_socket()
    frames, code = turn(other, store=False, previous_response_id=first, input="Which number?")
    assert (len(frames), code) == (1, "previous_response_not_found")
    assert_completed(turn(other, store=False, input="Afresh."))


def test_websocket_previous_response_not_found(open_socket: Any) -> None:
    missing = "resp_openresponses_missing_1"
    _, code = turn(open_socket(), store=False, previous_response_id=missing, input="Hello!")
    assert code == "previous_response_not_found"


def test_websocket_failed_continuation_evicts_cache(open_socket: Any) -> None:
    socket = open_socket()
    first = assert_completed(turn(socket, store=False, input="Hello!"))
    output = {"type": "function_call_output", "call_id": "call_openresponses_missing", "output": "x"}
    frames, code = turn(socket, store=False, previous_response_id=first, input=[output])
    assert code is not None
    assert 400 <= frames[-1]["status"] < 500
    _, code = turn(socket, store=False, previous_response_id=first, input="Hello!")
    assert code == "previous_response_not_found"


def test_websocket_compact_new_chain(running: RunningServer, open_socket: Any) -> None:
    said = [
        {**USER, "content": [{"type": "input_text", "text": "My name is Ada."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello, Ada."}]},
        {**USER, "content": [{"type": "input_text", "text": "I like tea."}]},
    ]
    answer = httpx2.post(f"{running.base_url}/responses/compact", json={"model": "gpt-5", "input": said})
    assert answer.is_success
    given = [*answer.json()["output"], {**USER, "content": "What do I like?"}]
    assert_completed(turn(open_socket(), store=False, input=given, tools=[]))
