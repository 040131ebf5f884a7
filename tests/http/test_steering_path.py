from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.http.steering_path import from_query, split_path
from respool.server.mock_server import MockServer


@pytest.mark.parametrize(
    ("path", "name", "headers"),
    [
        ("a/b", "a/b", []),
        ("a/with/fault=abort(after=5)", "a", [(b"x-respool-fault", b"abort(after=5)")]),
        (
            "a/with/fault=cut/hold=after=é",
            "a",
            [(b"x-respool-fault", b"cut"), (b"x-respool-hold", "after=é".encode())],
        ),
        ("a/with/b", "a/with/b", []),
        ("a/with/colour=red", "a/with/colour=red", []),
    ],
)
def test_the_path_says_what_headers_would(path: str, name: str, headers: Any) -> None:
    assert split_path(path) == (name, headers)


def test_the_query_says_what_headers_would() -> None:
    assert from_query(b"x=1&x-respool-fault=cut(after%3D1)&x-respool-other=2") == [
        (b"x-respool-fault", b"cut(after=1)")
    ]


@pytest.mark.parametrize(
    "path",
    ["/r/a/with/fault=status(code=503)/v1/responses", "/r/a/v1/responses?x-respool-fault=status(code=503)"],
)
def test_a_client_whose_headers_are_its_own_gets_its_fault(
    path: str, server: Callable[..., MockServer]
) -> None:
    answer = TestClient(create_app(server())).post(path, json={"stream": True})
    assert answer.status_code == 503


def test_a_recording_may_have_such_a_name(
    server: Callable[..., MockServer], recording: Callable[..., Any]
) -> None:
    client = TestClient(create_app(server(recording("a/with/b", [(0.0, "response.x")]))))
    assert client.post("/r/a/with/b/v1/responses", json={"stream": True}).text.startswith("event: response.x")
