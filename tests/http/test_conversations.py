import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItemList
from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.server.mock_server import MockServer

Serve = Callable[..., MockServer]

ROOT = "/v1/conversations"
HELLO = {"role": "user", "content": "hello"}
IMAGE = {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]}


# Wherever it is kept what was asked, the answers are the same.
pytestmark = pytest.mark.parametrize("state", ["memory", "fakeredis", "redis"], indirect=True)


@pytest.fixture
def serving(server: Serve) -> MockServer:
    return server()


@pytest.fixture
def client(serving: MockServer) -> Iterator[TestClient]:
    with TestClient(create_app(serving), raise_server_exceptions=True) as client:
        yield client


def error(answer: Any) -> tuple[int, str | None, str | None]:
    problem = answer.json()["error"]
    return answer.status_code, problem["code"], problem["param"]


def contents(told: dict[str, Any]) -> list[str]:
    return [item["content"][0]["text"] for item in told["data"]]


def start(client: TestClient, *texts: str) -> str:
    items = [{"role": "user", "content": text} for text in texts]
    return f"{ROOT}/{client.post(ROOT, json={'items': items}).json()['id']}"


def test_a_conversation_is_made_read_changed_and_deleted(client: TestClient) -> None:
    made = client.post(ROOT, json={"items": [HELLO], "metadata": {"topic": "demo"}}).json()
    Conversation.model_validate(made)
    assert made["metadata"] == {"topic": "demo"}
    path = f"{ROOT}/{made['id']}"
    assert client.get(path).json() == made
    changed = client.post(path, json={"metadata": {"topic": "another"}})
    assert changed.json() == {**made, "metadata": {"topic": "another"}}
    assert changed.headers["openai-processing-ms"] == "1"
    assert client.get(path).json() == changed.json()
    deleted = client.delete(path).json()
    ConversationDeletedResource.model_validate(deleted)
    assert deleted == {"id": made["id"], "object": "conversation.deleted", "deleted": True}
    for gone in (client.get(path), client.delete(path), client.get(f"{path}/items")):
        assert error(gone) == (404, None, None)
        assert gone.json()["error"]["message"] == f"Conversation with id '{made['id']}' not found."


def test_all_of_it_may_be_left_out(client: TestClient) -> None:
    for body in ({}, {"items": None, "metadata": None}, {"items": []}):
        made = client.post(ROOT, json=body).json()
        assert made["metadata"] == {}
        assert client.get(f"{ROOT}/{made['id']}/items").json()["data"] == []


def test_items_are_listed_newest_first_and_by_pages(client: TestClient) -> None:
    path = start(client, "a", "b", "c")
    told = client.get(f"{path}/items").json()
    ConversationItemList.model_validate(told)
    assert contents(told) == ["c", "b", "a"]
    assert not told["has_more"]
    first = client.get(f"{path}/items?order=asc&limit=2").json()
    assert (contents(first), first["has_more"]) == (["a", "b"], True)
    rest = client.get(f"{path}/items?order=asc&limit=2&after={first['last_id']}").json()
    assert (contents(rest), rest["has_more"]) == (["c"], False)


def test_items_are_added_read_and_deleted(client: TestClient) -> None:
    path = start(client, "a")
    added = client.post(f"{path}/items", json={"items": [HELLO, {"type": "tea_call"}]}).json()
    assert [item["type"] for item in added["data"]] == ["message", "tea_call"]
    assert (added["first_id"], added["has_more"]) == (added["data"][0]["id"], False)
    assert added["last_id"] == added["data"][1]["id"]
    assert client.get(f"{path}/items/{added['last_id']}").json() == added["data"][1]
    assert client.delete(f"{path}/items/{added['last_id']}").json() == client.get(path).json()
    gone = client.get(f"{path}/items/{added['last_id']}")
    assert error(gone) == (404, None, None)
    assert gone.json()["error"]["message"] == f"Item with id '{added['last_id']}' not found."
    assert contents(client.get(f"{path}/items").json()) == ["hello", "a"]


@pytest.mark.parametrize(
    "query", ["include[]=message.input_image.image_url", "include=message.input_image.image_url"]
)
def test_what_include_names_is_told_by_each_route(query: str, client: TestClient) -> None:
    path = start(client)

    def urls(told: dict[str, Any]) -> list[str | None]:
        items = told.get("data", [told])
        return [part["image_url"] for item in items for part in item["content"]]

    added = client.post(f"{path}/items", json={"items": [IMAGE]}).json()
    (item,) = added["data"]
    for address in (f"{path}/items", f"{path}/items/{item['id']}"):
        assert urls(client.get(address).json()) == [None]
        assert urls(client.get(f"{address}?{query}").json()) == ["https://example.com/a.png"]
    assert urls(added) == [None]
    again = client.post(f"{path}/items?{query}", json={"items": [IMAGE]}).json()
    assert urls(again) == ["https://example.com/a.png"]


@dataclass
class Run:
    ends: float
    input: Sequence[dict[str, Any]]
    origin: None = None

    def output(self) -> list[dict[str, Any]]:
        return [{"type": "message", "role": "assistant", "content": "answer"}]


def test_items_of_a_response_are_listed_when_it_has_ended(serving: MockServer, client: TestClient) -> None:
    if serving.state.shared:
        pytest.skip("only a playback can be kept as a run")
    path = start(client, "a")
    serving.conversations.attach(path.removeprefix(f"{ROOT}/"), Run(5.0, [HELLO]), 0.0)
    assert contents(client.get(f"{path}/items").json()) == ["a"]
    assert isinstance(serving.clock, ManualClock)
    serving.clock.advance(5.0)
    assert contents(client.get(f"{path}/items").json()) == ["answer", "hello", "a"]


PAIRS = {str(number): "" for number in range(17)}
REFUSED: list[tuple[str, str, Any, tuple[int, str | None, str | None]]] = [
    ("POST", "", {"items": [HELLO] * 21}, (400, "array_above_max_length", "items")),
    ("POST", "", {"items": "hello"}, (400, "invalid_type", "items")),
    ("POST", "", {"items": [1]}, (400, "invalid_type", "items[0]")),
    ("POST", "", {"items": [{"role": "user"}]}, (400, "missing_required_parameter", "items[0].content")),
    ("POST", "", {"metadata": {"a": 1}}, (400, "invalid_type", "metadata.a")),
    ("POST", "", {"metadata": {"a": "x" * 513}}, (400, "string_above_max_length", "metadata.a")),
    ("POST", "", {"metadata": PAIRS}, (400, "object_above_max_properties", "metadata")),
    ("POST", "", [], (400, "invalid_type", None)),
    ("POST", "/{id}", {}, (400, "missing_required_parameter", "metadata")),
    ("POST", "/{id}/items", {}, (400, "missing_required_parameter", "items")),
    ("POST", "/{id}/items", {"items": [HELLO] * 21}, (400, "array_above_max_length", "items")),
    ("GET", "/{id}/items?limit=0", None, (400, "integer_below_min_value", "limit")),
    ("GET", "/{id}/items?limit=101", None, (400, "integer_above_max_value", "limit")),
    ("GET", "/{id}/items?limit=x", None, (400, "invalid_type", "limit")),
    ("GET", "/{id}/items?order=up", None, (400, "invalid_value", "order")),
    ("GET", "/{id}/items?after=msg_1", None, (404, None, None)),
    ("GET", "/{id}/items/msg_1", None, (404, None, None)),
    ("DELETE", "/{id}/items/msg_1", None, (404, None, None)),
    ("GET", "/conv_1", None, (404, None, None)),
    ("POST", "/conv_1", {"metadata": {}}, (404, None, None)),
    ("POST", "/conv_1/items", {"items": [HELLO]}, (404, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "expected"), REFUSED)
def test_what_the_service_would_refuse_is_refused(
    method: str, path: str, body: Any, expected: tuple[int, str | None, str | None], client: TestClient
) -> None:
    made = start(client, "a")
    address = ROOT + path.replace("{id}", made.removeprefix(f"{ROOT}/"))
    assert error(client.request(method, address, json=body)) == expected
    assert contents(client.get(f"{made}/items").json()) == ["a"]  # nothing has come of it


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/conv_1", f"{ROOT}/conv_1/items", "/v1/responses/compact",
                                  "/v1/responses/input_tokens"])  # fmt: skip
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b'{"items": [{"role": "user", "content": ' + b"[" * 250 + b"]" * 250 + b"}]}",
        b'{"model": "m", "input": [{"a": ' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}]}",
        b'{"model": "m", "input": [{"type": "x", "n": 1e999}], "metadata": {}, "items": []}',
        b'{"items": [{"type": "x", "n": -1e999}], "metadata": {}, "model": "m"}',
    ],
    ids=lambda content: content[:40].decode(),
)
def test_a_body_that_cannot_be_kept_is_refused(path: str, content: bytes, client: TestClient) -> None:
    answer = client.post(path, content=content)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_text_that_is_no_unicode_comes_back_as_it_was_sent(client: TestClient) -> None:
    made = client.post(ROOT, content=b'{"metadata": {"\\ud83d": "\\udc00"}}')
    assert json.loads(made.content)["metadata"] == {"\ud83d": "\udc00"}


KEYS = st.sampled_from(
    "items metadata model input instructions tools conversation id type role content call_id".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["message", "user", "assistant", "input_text", "function_call"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | KEYS, inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@pytest.fixture
def client_at(server: Serve) -> Iterator[Callable[[str], TestClient]]:
    """A client of a server that checks requests at a level; the same one each time."""
    with ExitStack() as stack:

        @cache
        def client_at(level: str) -> TestClient:
            app = create_app(server(validate=level))
            return stack.enter_context(TestClient(app, raise_server_exceptions=True))

        yield client_at


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(body=st.dictionaries(KEYS, JSON), level=st.sampled_from(["off", "basic"]))
def test_whatever_the_body_is_the_answer_is_no_server_error(
    client_at: Callable[[str], TestClient], body: dict[str, Any], level: str
) -> None:
    client = client_at(level)
    path = start(client, "a")
    for address in (ROOT, path, f"{path}/items", "/v1/responses/compact", "/v1/responses/input_tokens"):
        answer = client.post(address, json=body)
        assert answer.status_code < 500, (address, answer.text)
        answer.json()
    assert client.get(f"{path}/items").status_code == 200


def test_the_page_describes_each_route_with_an_example(client: TestClient) -> None:
    page = client.get("/openapi.json").json()
    described = {
        (path, method)
        for path, methods in page["paths"].items()
        for method in methods
        if path.startswith(ROOT)
    }
    one, items = f"{ROOT}/{{conversation_id}}", f"{ROOT}/{{conversation_id}}/items"
    assert described == {
        (ROOT, "post"),
        *((one, method) for method in ("get", "post", "delete")),
        *((items, method) for method in ("get", "post")),
        *((f"{items}/{{item_id}}", method) for method in ("get", "delete")),
    }
    for path, method in described:
        route = page["paths"][path][method]
        (reference,) = route["responses"]["200"]["content"]["application/json"]["schema"].values()
        assert page["components"]["schemas"][reference.rpartition("/")[2]]["examples"]
        if method == "post":
            assert route["requestBody"]["content"]["application/json"]["schema"]["examples"]
