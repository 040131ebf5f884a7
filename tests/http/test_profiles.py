"""Profiles as a client sees them: heads and errors."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

SCRIPT = "request: {model: grok}\ntext: Hello\n"
REFUSED = "status: 429\nerror: {code: mine}\n"


@pytest.fixture
def client(tmp_path: Path) -> Any:
    (tmp_path / "hello.script.yaml").write_text(SCRIPT)
    (tmp_path / "refused.script.yaml").write_text(REFUSED)
    (tmp_path / "recorded.jsonl").write_text(
        '{"respool":1,"headers":{"content-type":"text/event-stream"}}\n{"type":"response.created"}\n'
    )

    def make(profile: str, **options: Any) -> TestClient:
        server = MockServer(Store([tmp_path]), pace=Pace(speed=math.inf), profile=profile)
        return TestClient(create_app(server, **options))

    return make


def post(client: TestClient, name: str, **headers: str) -> Any:
    return client.post(f"/r/{name}/v1/responses", json={"model": "m", "stream": True}, headers=headers)


def test_azure_tells_region_model_and_an_id_of_its_own(client: Any) -> None:
    azure = client("azure")
    first, second = post(azure, "hello"), post(azure, "hello")
    assert first.headers["x-ms-region"] == "East US 2"
    assert first.headers["x-ms-served-model"] == "m"
    ids = [answer.headers["apim-request-id"] for answer in (first, second)]
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id_) for id_ in ids)
    assert ids[0] != ids[1]
    assert "x-ms-region" not in post(azure, "recorded").headers


def test_xai_tells_no_charset_of_a_stream_and_json_is_json(client: Any) -> None:
    xai = client("xai")
    assert post(xai, "hello").headers["content-type"] == "text/event-stream"
    assert post(xai, "refused").headers["content-type"] == "application/json"
    whole = xai.post("/r/hello/v1/responses", json={"model": "m"})
    assert whole.headers["content-type"] == "application/json"


def test_the_default_is_as_ever(client: Any) -> None:
    answer = post(client("openai"), "hello")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert not [name for name in answer.headers if name.startswith(("apim", "x-ms"))]
    assert b"[DONE]" not in answer.content


@pytest.mark.parametrize(
    ("profile", "error"),
    [
        (
            "openai",
            {"message": "Rate limit reached.", "type": "requests", "param": None, "code": "mine"},
        ),
        (
            "openresponses",
            {"message": "Rate limit reached.", "type": "too_many_requests", "param": None, "code": "mine"},
        ),
        ("openrouter", {"code": "mine", "message": "Rate limit reached."}),
    ],
)
def test_an_error_of_a_script_has_its_shape_and_what_the_script_says(
    client: Any, profile: str, error: Any
) -> None:
    asked = client(profile)
    assert post(asked, "refused").json()["error"] == error
    assert post(asked, "refused").json()["error"] == error, "nothing of it stays"


def test_errors_of_the_server_have_its_shape(client: Any) -> None:
    asked = client("openresponses")
    assert asked.get("/v1/responses/resp_x").json()["error"]["type"] == "not_found"
    assert asked.get("/v1/nowhere").json()["error"]["type"] == "not_found"
    assert post(asked, "nothing").json()["error"]["type"] == "not_found"
    refused = asked.post("/v1/responses", json={"model": 1})
    assert refused.json()["error"]["type"] == "invalid_request"
    assert refused.json()["error"]["code"] == "invalid_type"


def test_azure_answers_a_wrong_key_as_its_gateway_does(client: Any) -> None:
    answer = post(client("azure", api_keys=["right"]), "hello", **{"api-key": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["error"].keys() == {"code", "message"}
    assert answer.json()["error"]["code"] == "401"
    assert "wrong API endpoint" in answer.json()["error"]["message"]
    assert "www-authenticate" not in answer.headers
