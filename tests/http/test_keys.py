import logging
import math
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from respool.errors import OptionError
from respool.http import create_app
from respool.http.keys import Keys, RequireKey, keys_in
from respool.play.pace import Pace
from respool.server.mock_server import MockServer

Serve = Callable[..., MockServer]

RIGHT, OTHER = "sk-right-0123456789", "sk-other"
WRONG = "sk-wrong-0123456789"


@pytest.fixture
def client(server: Serve) -> TestClient:
    serving = server(pace=Pace(speed=math.inf))
    client = TestClient(create_app(serving, api_keys=[RIGHT, OTHER]))
    client.server = serving  # type: ignore[attr-defined]
    return client


def basic(key: str, user: str = "") -> str:
    return f"Basic {b64encode(f'{user}:{key}'.encode()).decode()}"


def post(client: TestClient, headers: dict[str, str], path: str = "/v1/responses") -> Any:
    return client.post(path, json={"model": "a"}, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {RIGHT}"},
        {"authorization": f"bearer  {OTHER} "},
        {"authorization": basic(RIGHT)},
        {"authorization": basic(RIGHT, "anyone")},
        {"api-key": RIGHT},
        {"api-key": OTHER, "authorization": f"Bearer {WRONG}"},
    ],
)
def test_each_key_opens_the_api_however_it_is_shown(headers: dict[str, str], client: TestClient) -> None:
    assert post(client, headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer"},
        {"authorization": f"Token {RIGHT}"},
        {"authorization": RIGHT},
        {"authorization": "Basic !"},
        {"authorization": basic("")},
        {"api-key": ""},
    ],
)
def test_without_a_key_the_answer_is_the_401_of_the_service(
    headers: dict[str, str], client: TestClient
) -> None:
    answer = post(client, headers)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "message": "Missing bearer or basic authentication in header",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }
    assert answer.headers["www-authenticate"] == 'Bearer realm="OpenAI API"'
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {WRONG}"}, {"authorization": basic(WRONG)}, {"api-key": WRONG}]
)
def test_a_wrong_key_is_shown_masked(headers: dict[str, str], client: TestClient) -> None:
    answer = post(client, headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "message": "Incorrect API key provided: sk-wrong*******6789. "
        "You can find your API key at https://platform.openai.com/account/api-keys.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }


@pytest.mark.parametrize(
    "key", [RIGHT[:-1], f"{RIGHT}x", RIGHT.upper(), f"{RIGHT},{OTHER}", f"{RIGHT} {OTHER}", "ключ"]
)
def test_a_key_is_right_as_a_whole_alone(key: str, client: TestClient) -> None:
    answer = client.post("/v1/responses", json={"model": "a"}, headers=[(b"api-key", key.encode())])
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "/v1", "/r/a/v1/models", "/openai/v1/models"])
def test_all_of_the_api_needs_a_key(path: str, client: TestClient) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"api-key": RIGHT}).status_code != 401


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json"])
def test_what_is_not_the_api_needs_none(path: str, client: TestClient) -> None:
    assert client.get(path).status_code == 200


def test_a_browser_may_ask_first_and_read_the_refusal(client: TestClient) -> None:
    origin = {"origin": "http://localhost:3000"}
    preflight = {**origin, "access-control-request-method": "POST"}
    assert client.options("/v1/responses", headers=preflight).status_code == 200
    assert post(client, origin).headers["access-control-allow-origin"] == origin["origin"]


def test_without_keys_any_will_do(server: Serve) -> None:
    client = TestClient(create_app(server(pace=Pace(speed=math.inf))))
    for headers in ({}, {"authorization": "Bearer DUMMY_KEY"}, {"authorization": "any"}, {"api-key": ""}):
        assert post(client, headers).status_code == 200


def test_no_key_is_in_the_log_or_the_journal(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for key in (RIGHT, WRONG):
        post(client, {"authorization": f"Bearer {key}"})
        post(client, {"api-key": key})
    journal = [repr(exchange) for exchange in client.server.journal]  # type: ignore[attr-defined]
    assert [exchange.status for exchange in client.server.journal] == [200, 200, 401, 401]  # type: ignore[attr-defined]
    for key in (RIGHT, WRONG):
        assert key not in caplog.text + "".join(journal)


@pytest.mark.parametrize("key", ["", " ", "a b", "a\n", "ключ"])
def test_a_key_that_no_header_carries_is_refused_and_not_shown(key: str, server: Serve) -> None:
    with pytest.raises(OptionError) as raised:
        create_app(server(), api_keys=[RIGHT, key])
    assert str(raised.value) == (
        "an API key is empty or has characters that no header carries; expected visible ASCII"
    )


async def test_a_websocket_is_refused_before_it_opens() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sent.append({"type": "opened"})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/v1/responses", "headers": []}
    await RequireKey(app, Keys([RIGHT]))({**scope}, receive, send)
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 401
    sent.clear()
    await RequireKey(app, Keys([RIGHT]))({**scope, "headers": [(b"api-key", RIGHT.encode())]}, receive, send)
    assert sent == [{"type": "opened"}]


NAMES = st.sampled_from([b"authorization", b"api-key", b"other"])
VALUES = st.binary() | st.binary().map(lambda value: b"Basic " + value) | st.just(b"Bearer k")


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_any_headers_are_read(headers: list[tuple[bytes, bytes]]) -> None:
    keys = keys_in(headers)
    assert all(keys)
    assert Keys(["k"]).has_one_of(keys) is (b"k" in keys)
