import math
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.responses import InputTokenCountResponse
from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.pace import Pace
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer
from respool.server.request import Request

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]

COUNT = "/v1/responses/input_tokens"
COMPACT = "/v1/responses/compact"


@pytest.fixture
def client(server: Serve) -> TestClient:
    return TestClient(create_app(server()))


def error(answer: Any) -> tuple[int, str | None, str | None]:
    problem = answer.json()["error"]
    return answer.status_code, problem["code"], problem["param"]


def test_the_tokens_of_an_input_are_counted(client: TestClient) -> None:
    answer = client.post(COUNT, json={"model": "any", "input": "x" * 40, "instructions": "y" * 8})
    assert answer.json() == {"object": "response.input_tokens", "input_tokens": 12}
    InputTokenCountResponse.model_validate(answer.json())
    assert answer.headers["openai-version"] == "2020-10-01"
    assert client.post(COUNT, json={}).json()["input_tokens"] == 0


@pytest.mark.parametrize("form", [lambda one: one, lambda one: {"id": one}])
def test_the_items_of_a_conversation_count_as_well(form: Callable[[str], object], server: Serve) -> None:
    serving = server()
    one = serving.conversations.create(0, [{"role": "user", "content": "x" * 40}])["id"]
    body = {"input": "y" * 4, "conversation": form(one)}
    assert TestClient(create_app(serving)).post(COUNT, json=body).json()["input_tokens"] == 11


@pytest.mark.parametrize("path", [COUNT, COMPACT])
def test_the_response_that_is_continued_counts_as_well(path: str, server: Serve) -> None:
    serving = server(pace=Pace(speed=math.inf))
    serving.start(Request({"model": "a", "input": [{"role": "user", "content": "x" * 40}]}))
    client = TestClient(create_app(serving))
    body = {"model": "a", "input": "y" * 4, "previous_response_id": "resp_1"}
    answer = client.post(path, json=body).json()
    assert answer.get("usage", answer)["input_tokens"] == 11
    kept = [item["content"][0]["text"][0] for item in answer.get("output", ())[:-1]]
    assert kept == (["x", "y"] if path == COMPACT else [])
    refused = client.post(path, json={**body, "previous_response_id": "resp_2"})
    assert error(refused) == (400, "previous_response_not_found", "previous_response_id")


def test_a_conversation_that_is_not_there_is_not_found(client: TestClient) -> None:
    answer = client.post(COUNT, json={"input": "x", "conversation": "conv_1"})
    assert error(answer) == (404, None, None)
    assert answer.json()["error"]["message"] == "Conversation with id 'conv_1' not found."


def test_a_compaction_is_made_of_the_request(client: TestClient) -> None:
    body = {
        "model": "any",
        "input": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}],
    }
    answer = client.post(COMPACT, json=body).json()
    assert [item["type"] for item in answer["output"]] == ["message", "compaction"]
    assert type(answer["created_at"]) is int
    again = client.post(COMPACT, json=body).json()
    assert (again["id"], again["output"]) == (answer["id"], answer["output"])


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (COMPACT, {"input": "x"}, (400, "missing_required_parameter", "model")),
        (COMPACT, {"model": 1}, (400, "invalid_type", "model")),
        (COMPACT, {"model": "x", "input": 1}, (400, "invalid_type", "input")),
        (COMPACT, [], (400, "invalid_type", None)),
        (COUNT, {"input": [1]}, (400, "invalid_type", "input[0]")),
        (COUNT, {"conversation": {}}, (400, "missing_required_parameter", "conversation.id")),
        (COUNT, {"conversation": "conv_1", "previous_response_id": "resp_1"},
         (400, "mutually_exclusive_parameters", None)),
    ],
)  # fmt: skip
def test_what_the_service_would_refuse_is_refused(
    path: str, body: object, expected: tuple[int, str | None, str | None], client: TestClient
) -> None:
    assert error(client.post(path, json=body)) == expected


RECORDED = {"id": "resp_9", "object": "response.compaction", "created_at": 1, "output": [], "usage": {}}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/r/c{COMPACT}", {}),
        (f"/r/c/turns/2{COMPACT}", {}),
        (COMPACT, {"x-respool-play": "c"}),
        (COMPACT, {"x-respool-play": "c#2"}),
    ],
)
def test_a_recorded_compaction_answers_where_its_name_is_asked_for(
    path: str, headers: dict[str, str], server: Serve, recording: Make
) -> None:
    compaction = recording("c", (), status=200, body=RECORDED)
    client = TestClient(create_app(server([recording("c"), compaction], recording("d"))))
    body = {"model": "any", "input": "x"}
    assert client.post(path, json=body, headers=headers).json() == RECORDED
    assert client.post(COMPACT, json=body).json()["id"] != "resp_9"
    assert client.post(f"/r/d{COMPACT}", json=body).json()["id"] != "resp_9"
    # Another turn of the recording, asked for by its number, holds none.
    assert client.post(f"/r/c/turns/1{COMPACT}", json=body).json()["id"] != "resp_9"


@pytest.mark.parametrize("path", [COUNT, COMPACT])
def test_other_methods_are_none_of_these_paths(path: str, client: TestClient) -> None:
    assert client.put(path).status_code == 405


def test_where_unknown_ids_are_answered_for_a_compaction_is_as_the_types_have_it(server: Serve) -> None:
    client = TestClient(create_app(server(on_unknown_id="default")))
    told = client.post(COMPACT, json={"model": "any", "input": "x", "previous_response_id": "resp_x"}).json()
    assert [item["type"] for item in told["output"]] == ["compaction"]
