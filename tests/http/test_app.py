import asyncio
import gc
import http.client
import json
import logging
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest
from starlette.testclient import TestClient

from respool import __version__
from respool.http import create_app
from respool.http.openapi import OPERATIONS
from respool.play.pace import Pace
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.testing import RunningServer, running_server

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
Call = Callable[..., Any]
WaitFor = Callable[..., None]

INSTANT = Pace(speed=math.inf)


@pytest.fixture
def client(server: Serve) -> TestClient:
    return TestClient(create_app(server(pace=INSTANT)))


def assert_envelope(answer: Any, status: int, message: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json() == {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    }


def test_recordings_are_listed_as_models(server: Serve, recording: Make) -> None:
    serving = server(
        [recording("b/two"), recording("b/two")],
        recording("a"),
        recording("no-time", [(None, "response.created", {"response": {"created_at": 1.5}})]),
        recording("bare", [(None, "response.created", {"response": None})]),
        recording("error", (), status=429, body={}),
    )
    models = TestClient(create_app(serving)).get("/v1/models").json()
    assert models["object"] == "list"
    assert {model["id"]: model["created"] for model in models["data"]} == {
        "a": 1700000000,
        "b/two": 1700000000,
        "bare": 0,
        "error": 0,
        "no-time": 0,
    }
    assert all(model.keys() == {"id", "object", "created", "owned_by"} for model in models["data"])
    assert {(model["object"], model["owned_by"]) for model in models["data"]} == {("model", "respool")}


def test_health_counts_what_is_served_and_what_is_refused(server: Serve, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{nope")
    answer = TestClient(create_app(server())).get("/healthz")
    assert answer.json() == {"status": "ok", "recordings": 1, "refused": 1}


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/r/a/v1/models"])
def test_what_can_be_looked_at_can_be_asked_for_its_head(path: str, client: TestClient) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == client.get(path).headers["content-length"]


def test_the_api_is_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert described["info"] == {"title": "Respool", "version": __version__}
    assert {(path, *methods) for path, methods in described["paths"].items()} == {
        ("/v1/responses", "post"),
        ("/v1/responses/{response_id}", "get", "delete"),
        ("/v1/responses/{response_id}/cancel", "post"),
        ("/v1/responses/{response_id}/input_items", "get"),
        ("/v1/responses/input_tokens", "post"),
        ("/v1/responses/compact", "post"),
        ("/v1/conversations", "post"),
        ("/v1/conversations/{conversation_id}", "get", "post", "delete"),
        ("/v1/conversations/{conversation_id}/items", "get", "post"),
        ("/v1/conversations/{conversation_id}/items/{item_id}", "get", "delete"),
        ("/v1/models", "get"),
        ("/v1/models/{model}", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
    }


def test_all_operations_are_described_and_no_others(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    operations = {
        (method, path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/")
    }
    assert operations.keys() == OPERATIONS.keys()
    for (method, path), operation in operations.items():
        known = OPERATIONS[method, path]
        statuses = {"200", "4XX"} | ({"404"} if known.missing else set())
        assert operation["responses"].keys() == statuses
        for status, answer in operation["responses"].items():
            model = known.gives.__name__ if status == "200" else "Error"
            assert answer["content"]["application/json"]["schema"] == {
                "$ref": f"#/components/schemas/{model}"
            }
            assert ("text/event-stream" in answer["content"]) == (known.streams and status == "200")
        assert ("requestBody" in operation) == (known.takes is not None)
        in_path = path.count("{")
        assert len(operation.get("parameters", [])) == in_path + len(known.parameters)


def test_all_that_the_description_refers_to_is_there(client: TestClient) -> None:
    text = client.get("/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) <= schemas.keys()
    assert schemas["Response"]["properties"]["output"]["items"] == {"$ref": "#/components/schemas/Item"}
    assert "HTTPValidationError" not in schemas  # we have another envelope


def test_a_route_that_is_added_to_the_app_is_described_too(server: Serve) -> None:
    app = create_app(server())

    @app.get("/own/{number}")
    async def own(number: int) -> None: ...

    described = app.openapi()
    assert "422" in described["paths"]["/own/{number}"]["get"]["responses"]
    assert {"HTTPValidationError", "Response"} <= described["components"]["schemas"].keys()
    assert app.openapi() is described


def test_the_page_of_the_api_needs_no_network(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {link.partition(":")[0] for link in links if ":" in link} <= {"data"}
    assets = [link for link in links if link.startswith("/")]
    assert len(assets) == 2
    for asset in assets:
        assert client.get(asset).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1"), ("POST", "/v1/chat/completions"), ("GET", "/v1/responses/resp_1/x")],
)
def test_an_unknown_url_is_not_found(method: str, path: str, client: TestClient) -> None:
    assert_envelope(client.request(method, path), 404, f"Invalid URL ({method} {path})")


@pytest.mark.parametrize("path", ["/a%0Ab", "/%1B%5B31m", "/%7F%C2%85%E2%80%A8", "/" + "%0A" * 10_000])
def test_an_unknown_url_is_told_in_one_short_printable_line(path: str, client: TestClient) -> None:
    message = client.get(path).json()["error"]["message"]
    assert message.startswith("Invalid URL (GET /")
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize("path", ["/v1/responses/", "/r/a/v1/responses/", "/v1/models/"])
def test_a_url_with_a_slash_too_many_is_not_found(path: str, client: TestClient) -> None:
    assert client.post(path, json={}, follow_redirects=False).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allow", "message"),
    [
        ("GET", "/v1/responses", "POST", "Invalid method for URL (GET /v1/responses)"),
        ("PUT", "/v1/responses", "POST", "Method Not Allowed (PUT /v1/responses)"),
        ("OPTIONS", "/v1/responses", "POST", "Method Not Allowed (OPTIONS /v1/responses)"),
        ("POST", "/v1/models", "GET", "Method Not Allowed (POST /v1/models)"),
        ("DELETE", "/healthz", "GET", "Method Not Allowed (DELETE /healthz)"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(
    method: str, path: str, allow: str, message: str, client: TestClient
) -> None:
    answer = client.request(method, path)
    assert_envelope(answer, 405, message)
    assert answer.headers["allow"] == allow


def test_a_body_is_limited_to_what_the_app_was_made_with(server: Serve) -> None:
    client = TestClient(create_app(server(pace=INSTANT), max_body=100))
    assert client.post("/v1/responses", json={"model": "a", "input": "x" * 60}).status_code == 200
    assert client.post("/v1/responses", json={"model": "a", "input": "x" * 90}).status_code == 413


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:8443",
        "http://app.localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:3000",
    ],
)
def test_a_page_on_a_loopback_origin_may_call_with_any_header(origin: str, client: TestClient) -> None:
    asked = "authorization,content-type,x-stainless-lang,x-stainless-retry-count,x-respool-play"
    preflight = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": asked,
    }
    answer = client.options("/r/a/v1/responses", headers=preflight)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-headers"] == asked
    assert "POST" in answer.headers["access-control-allow-methods"]
    for path, status in (("/r/a/v1/responses", 200), ("/r/b/v1/responses", 404), ("/nope", 404)):
        answer = client.post(path, json={}, headers={"origin": origin})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "http://localhost.example.com",
        "http://example.com/?localhost",
        "http://localhost:3000.example.com",
        "http://localhost@example.com",
        "http://a.b@example.localhost.com",
        "http://127.0.0.1.example.com",
        "http://127x0.0.1",
        "http://notlocalhost",
        "http://0.0.0.0",
        "file://",
        "null",
    ],
)
def test_a_page_on_any_other_origin_may_not(origin: str, client: TestClient) -> None:
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    answer = client.options("/v1/responses", headers=preflight)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
    answer = client.post("/v1/responses", json={"model": "a"}, headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers


def assert_upgrade_is_refused(status: int, headers: Any, content: bytes) -> None:
    assert status == 426
    assert headers["upgrade"] == "HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert json.loads(content)["error"]["code"] == "websocket_not_supported"


@pytest.mark.parametrize("path", ["/v1/responses", "/r/a/v1/responses"])
def test_an_upgrade_is_answered_with_426_where_the_asgi_server_knows_no_websocket(
    path: str, client: TestClient
) -> None:
    answer = client.get(path, headers={"connection": "Upgrade", "upgrade": "websocket"})
    assert_upgrade_is_refused(answer.status_code, answer.headers, answer.content)


@pytest.mark.parametrize("path", ["/v1/responses", "/r/a/v1/responses", "/v1/realtime"])
async def test_without_websocket_an_upgrade_is_answered_with_426_where_it_does(
    path: str, server: Serve, call: Call
) -> None:
    upgrade = call(create_app(server(), websocket=False), path, type="websocket")
    await upgrade.task
    assert [message["type"] for message in upgrade.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert_upgrade_is_refused(upgrade.status, upgrade.headers, upgrade.body)


def test_without_websocket_an_upgrade_is_answered_with_426_over_a_socket(
    store: Callable[..., Store], recording: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store(recording())
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with running_server(tmp_path, websocket=False) as running:
        connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/r/a/v1/responses", headers=handshake)
        answer = connection.getresponse()
        assert_upgrade_is_refused(answer.status, answer.headers, answer.read())
        assert answer.headers["x-request-id"].startswith("req_")
        connection.close()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def final(number: int) -> str:
    """A recording whose final response has this number."""
    return f'{{"type":"response.completed","response":{{"number":{number}}}}}\n'


def replace(path: Path, text: str) -> None:
    """Write a file as many editors do: another file is put in its place."""
    new = path.with_name(".new")
    new.write_text(text)
    os.replace(new, path)


def number_of(running: RunningServer, name: str) -> int | None:
    """What the recording says now; None if it is not served."""
    answer = httpx2.post(f"{running.base_url_of(name)}/responses", json={})
    return int(answer.json()["number"]) if answer.status_code == 200 else None


@pytest.mark.parametrize("write", [Path.write_text, replace])
@pytest.mark.parametrize("alone", [False, True], ids=["folder", "file"])
def test_edits_show_up_while_the_server_runs(
    alone: bool, write: Callable[[Path, str], object], tmp_path: Path, wait_for: WaitFor
) -> None:
    folder = tmp_path / "node_modules"  # which watchers like to pass over
    folder.mkdir()
    path = folder / "a.jsonl"
    path.write_text(final(0))
    with running_server(path if alone else folder, pace=INSTANT, reload=True) as running:
        assert number_of(running, "a") == 0
        for number in (1, 2, 3):
            write(path, final(number))
            wait_for(running, lambda: number_of(running, "a") == number)  # noqa: B023 - it is called at once


def test_a_broken_edit_keeps_the_last_version_and_a_removed_file_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wait_for: WaitFor
) -> None:
    caplog.set_level(logging.INFO, "respool")
    paths = {name: tmp_path / f"{name}.jsonl" for name in "ab"}
    for path in paths.values():
        path.write_text(final(0))
    with running_server(tmp_path, pace=INSTANT, reload=True) as running:
        assert number_of(running, "a") == 0
        replace(paths["a"], "{nope")
        wait_for(running, lambda: bool(running.server.store.refused))
        assert number_of(running, "a") == 0
        paths["b"].unlink()
        wait_for(running, lambda: number_of(running, "b") is None)
        replace(paths["a"], final(1))
        wait_for(running, lambda: number_of(running, "a") == 1)
        assert running.server.store.refused == []
    news = [record.getMessage() for record in caplog.records if record.name == "respool"]
    refused, *others = news
    assert refused.startswith(f"refused {paths['a']}:1:2: not JSON: ")
    assert refused.endswith("; its last good version is still served")
    assert others == ["removed b", "reloaded a"]


def test_without_reload_edits_are_not_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(final(0))
    app = create_app(MockServer(Store([path]), pace=INSTANT))
    with TestClient(app) as client:
        path.write_text(final(1))
        assert client.post("/v1/responses", json={"model": "a"}).json() == {"number": 0}


async def test_a_server_that_runs_prepares_all_recordings_before_they_are_asked_for(
    server: Serve, recording: Make
) -> None:
    serving = server(*(recording(f"a{number}") for number in range(5)))
    prepared = []
    with mock.patch.object(serving, "schedule", lambda recording: prepared.append(recording.name)):
        app = create_app(serving)
        assert prepared == []
        async with app.router.lifespan_context(app):
            async with asyncio.timeout(10):  # a thread has a part in it
                while len(prepared) < 5:
                    await asyncio.sleep(0)
            assert prepared == serving.store.names


@pytest.mark.parametrize(("loaded", "steps"), [(0, 0), (1, 5)])
async def test_what_is_prepared_is_kept_from_garbage_collection_where_what_was_loaded_is(
    loaded: int, steps: int, server: Serve, recording: Make
) -> None:
    serving = server(*(recording(f"a{number}") for number in range(5)))
    app = create_app(serving)
    with (
        mock.patch.object(gc, "get_freeze_count", return_value=loaded),
        mock.patch.object(gc, "freeze") as freeze,
        mock.patch.object(serving, "schedule") as schedule,
    ):
        async with app.router.lifespan_context(app), asyncio.timeout(10):
            while schedule.call_count < 5:  # a thread has a part in it
                await asyncio.sleep(0)
    assert freeze.call_count == steps


async def test_preparing_ends_with_the_server(server: Serve) -> None:
    app = create_app(server())
    before = asyncio.all_tasks()
    async with app.router.lifespan_context(app):
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before


async def test_the_watch_ends_with_the_server(server: Serve) -> None:
    app = create_app(server(), reload=True)
    before = asyncio.all_tasks()
    async with app.router.lifespan_context(app):
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before
