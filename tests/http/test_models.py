from collections.abc import Callable
from typing import Any

import pytest
from openai.types import Model
from starlette.testclient import TestClient

from respool.http import create_app
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]


@pytest.fixture
def client(server: Serve, recording: Make) -> TestClient:
    return TestClient(create_app(server(recording("a"), [recording("b/two"), recording("b/two")])))


@pytest.mark.parametrize(
    ("path", "id_"),
    [
        ("/v1/models/a", "a"),
        ("/v1/models/b/two", "b/two"),
        ("/v1/models/b%2Ftwo", "b/two"),
        ("/r/a/v1/models/b/two", "b/two"),
    ],
)
def test_a_recording_can_be_looked_at_as_a_model(path: str, id_: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.json() == {"id": id_, "object": "model", "created": 1700000000, "owned_by": "respool"}
    assert answer.json() in client.get("/v1/models").json()["data"]
    Model.model_validate(answer.json())
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("name", ["c", "b", "b/two/", "b/two/three", "A", "a%0A"])
def test_a_model_that_is_not_there_is_not_found(name: str, client: TestClient) -> None:
    answer = client.get(f"/v1/models/{name}")
    shown = name.replace("%0A", "\\n")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": f"The model '{shown}' does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


def test_a_recording_that_is_there_only_since_a_moment_ago_is_a_model(
    server: Serve, recording: Make, store: Callable[..., Any]
) -> None:
    serving = server(recording("a"))
    client = TestClient(create_app(serving))
    assert client.get("/v1/models/new").status_code == 404
    store(recording("new"))
    serving.store.refresh()
    assert client.get("/v1/models/new").json()["id"] == "new"


def test_a_model_cannot_be_deleted(client: TestClient) -> None:
    answer = client.delete("/v1/models/a")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_where_unknown_ids_are_answered_for_a_model_is_too(server: Serve, recording: Make) -> None:
    client = TestClient(create_app(server(recording("a"), on_unknown_id="default")))
    assert client.get("/v1/models/gpt-x").json() == {**client.get("/v1/models/a").json(), "id": "gpt-x"}
