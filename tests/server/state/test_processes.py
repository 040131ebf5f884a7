"""Two servers as processes of their own, with one store: what only sockets show."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from state_servers import ServerProcess, real_store, server_processes
from websockets.sync.client import ClientConnection, connect

FIXTURES = Path(__file__).parents[3] / "fixtures"
ENDS = {"response.completed", "response.failed", "response.incomplete", "error"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    folder = tmp_path_factory.mktemp("processes")
    options = ("--default", "text/hello", "--ids", "fresh", "--speed", "instant")
    with (
        real_store(folder) as url,
        server_processes(2, FIXTURES, "--state", url, *options, logs=folder) as servers,
    ):
        yield servers


def socket_to(server: ServerProcess, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/v1/responses", **options)


def turn(socket: ClientConnection, **body: Any) -> dict[str, Any]:
    """The last event of the answer."""
    socket.send(json.dumps({"type": "response.create", "model": "gpt-5", "input": "Hello!", **body}))
    while True:
        event: dict[str, Any] = json.loads(socket.recv(30))
        if event["type"] in ENDS:
            return event


def test_a_response_of_one_server_is_continued_over_a_socket_of_another(servers: list[ServerProcess]) -> None:
    one, other = servers
    over_http = httpx2.post(f"{one.url}/v1/responses", json={"model": "gpt-5", "input": "Hi"}).json()["id"]
    with socket_to(one) as socket:
        over_socket = turn(socket)["response"]["id"]
        warm_up = turn(socket, generate=False)["response"]["id"]
    for previous in (over_http, over_socket, warm_up):
        with socket_to(other) as socket:
            ended = turn(socket, previous_response_id=previous)
        assert ended["type"] == "response.completed"
        stored = httpx2.get(f"{one.url}/v1/responses/{ended['response']['id']}")
        assert stored.json()["status"] == "completed"


def test_what_a_connection_alone_remembers_stays_its_own(servers: list[ServerProcess]) -> None:
    one, other = servers
    with socket_to(one) as socket:
        first = turn(socket, store=False)["response"]["id"]
        second = turn(socket, store=False, previous_response_id=first)
        assert second["type"] == "response.completed"
        with socket_to(other) as elsewhere:
            refused = turn(elsewhere, previous_response_id=second["response"]["id"])
    assert refused["error"]["code"] == "previous_response_not_found"


def test_creates_on_several_lanes_are_all_answered(servers: list[ServerProcess]) -> None:
    with socket_to(servers[0]) as socket:
        for number in range(5):
            create = {"type": "response.create", "model": "gpt-5", "input": "x", "stream_id": f"s{number}"}
            socket.send(json.dumps(create))
        ended = set()
        while len(ended) < 5:
            event = json.loads(socket.recv(30))
            if event["type"] in ENDS:
                assert event["type"] == "response.completed"
                ended.add(event["stream_id"])


def test_the_journal_of_all_has_what_came_over_sockets(servers: list[ServerProcess]) -> None:
    one, other = servers
    headers = {"x-respool-session": "journal"}
    with socket_to(one, additional_headers=headers) as socket:
        turn(socket, metadata={"a": "b"})
    seen = httpx2.get(f"{other.url}/__admin/requests", params={"session": "journal"}).json()["requests"]
    assert [(request["method"], request["status"]) for request in seen] == [
        ("WEBSOCKET", 101),
        ("POST", 200),
    ]
    match = {"session": "journal", "body": {"metadata": {"a": "b"}}}
    verdict = httpx2.post(f"{other.url}/__admin/verify", json={"match": match, "times": {"exactly": 1}})
    assert verdict.json()["ok"] is True
