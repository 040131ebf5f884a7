"""Whatever is sent is answered: with what was asked for, or with the API's error envelope."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given
from hypothesis import strategies as st

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.protocol.request import parameters
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

HELLO = Path(__file__).parents[2] / "fixtures/text/hello.jsonl"
PATHS = [
    "/v1/responses",
    "/r/hello/v1/responses",
    "/v1/responses/input_tokens",
    "/v1/responses/compact",
    "/v1/responses/resp_x/cancel",
    "/v1/conversations",
    "/v1/conversations/conv_x",
    "/v1/conversations/conv_x/items",
]
NAMES = sorted({*parameters.CREATE, "items", "id", "type", "role", "content", "text", "url", "name"})
WORDS = [
    "",
    "hello",
    "resp_x",
    "conv_x",
    "message",
    "user",
    "function",
    "input_text",
    "auto",
    "\0",
    "\U0001f40d",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)


@pytest.fixture(scope="module", params=["not-found", "default"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """An exception in the server is raised in the test."""
    server = MockServer(
        Store([HELLO]),
        clock=ManualClock(),
        pace=Pace(speed=math.inf),
        on_unknown_id=request.param,
        default="hello",
    )
    with TestClient(create_app(server)) as client:
        yield client


def check(client: TestClient, path: str, content: bytes) -> None:
    answer = client.post(path, content=content)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", PATHS)
@given(body=bodies)
@example({"input": [{"content": [{"type": "input_text", "text": "\ud800"}]}]})
def test_no_object_is_an_error_of_the_server(path: str, client: TestClient, body: dict[str, Any]) -> None:
    check(client, path, json.dumps(body).encode())


@pytest.mark.parametrize("path", PATHS)
@given(content=values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40))
@example(b"[" * 100_000)
@example(b'{"input":' + b'[{"content":' * 2000 + b"1" + b"}]" * 2000 + b"}")
@example(b'{"input": 1e999}')
@example(b'\xef\xbb\xbf{"model": "hello"}')
def test_no_bytes_are_an_error_of_the_server(path: str, client: TestClient, content: bytes) -> None:
    check(client, path, content)
