"""LazyApp is the app of `create_app`, less what is not needed yet."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from respool.errors import OptionError
from respool.http import create_app
from respool.http.hosts import Hosts
from respool.http.lazy_app import LazyApp
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
HELLO = {"model": "text/hello", "input": "Hi"}
STREAM = {**HELLO, "stream": True}


@pytest.fixture(scope="module")
def server() -> MockServer:
    return MockServer(Store(FIXTURES), pace=Pace(speed=float("inf")))


def test_its_options_are_those_of_create_app_but_for_those_that_need_all_of_it() -> None:
    whole = dict(inspect.signature(create_app).parameters)
    assert (whole.pop("metrics").default, whole.pop("traces").default) == (False, False)
    lazy = inspect.signature(LazyApp).parameters
    assert {name: one.default for name, one in lazy.items()} == {
        name: one.default for name, one in whole.items()
    }


@pytest.mark.parametrize(
    ("options", "request_"),
    [
        ({}, ("GET", "/healthz", {})),
        ({}, ("HEAD", "/healthz", {})),
        ({}, ("POST", "/healthz", {})),
        ({}, ("GET", "/readyz", {})),
        ({}, ("HEAD", "/readyz", {})),
        ({}, ("GET", "/readyz", {"headers": {"origin": "http://localhost"}})),
        ({}, ("GET", "/healthz", {"headers": {"x-respool-fault": "status(code=500)"}})),
        ({}, ("GET", "/v1/nothing", {})),
        ({"max_body": 10}, ("POST", "/v1/responses", {"json": HELLO})),
        ({"max_body": 10}, ("POST", "/v1/responses/input_tokens", {"json": HELLO})),
        ({"api_keys": ["k"]}, ("GET", "/v1/models", {})),
        ({"api_keys": ["k"]}, ("POST", "/v1/responses", {"json": HELLO})),
        ({"api_keys": ["k"]}, ("GET", "/v1/models", {"headers": {"authorization": "Bearer k"}})),
        (
            {"request_faults": False},
            ("POST", "/v1/responses", {"json": HELLO, "headers": {"x-respool-fault": "abort"}}),
        ),
        (
            {"request_faults": False},
            ("GET", "/v1/models", {"headers": {"x-respool-fault": "status(code=500)"}}),
        ),
        ({"hosts": Hosts(["a"], loopback=False)}, ("GET", "/healthz", {})),
        ({"hosts": Hosts(["a"], loopback=False)}, ("GET", "/__admin/recordings", {})),
        ({"hosts": Hosts(["testserver"], loopback=False)}, ("GET", "/healthz", {})),
        ({"cors": ["http://a.example"]}, ("GET", "/v1/models", {"headers": {"origin": "http://a.example"}})),
        (
            {"cors": ["http://a.example"]},
            ("POST", "/v1/responses", {"json": STREAM, "headers": {"origin": "http://a.example"}}),
        ),
        ({"admin": False}, ("GET", "/__admin/recordings", {})),
        ({"admin_token": "t"}, ("GET", "/__admin/requests", {})),
        ({"base_paths": ["/llm"]}, ("GET", "/llm/v1/models", {})),
        ({"max_streams": 0}, ("POST", "/v1/responses", {"json": STREAM})),
        ({"websocket": False}, ("GET", "/v1/responses", {"headers": {"upgrade": "websocket"}})),
    ],
)
def test_it_answers_as_the_whole_app_does(
    server: MockServer, options: dict[str, Any], request_: tuple[str, str, dict[str, Any]]
) -> None:
    method, path, more = request_
    answers = []
    for make in (create_app, LazyApp):
        answer = TestClient(make(server, **options)).request(method, path, **more)
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("x-request-id", "openai-processing-ms")
        }
        answers.append((answer.status_code, headers, answer.content))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "options", [{"cors": ["nonsense"]}, {"api_keys": ["a\n"]}, {"admin_token": ""}, {"base_paths": ["llm"]}]
)
def test_it_refuses_options_when_it_is_made(server: MockServer, options: dict[str, Any]) -> None:
    for make in (create_app, LazyApp):
        with pytest.raises(OptionError):
            make(server, **options)


def test_it_serves_websockets(server: MockServer) -> None:
    with TestClient(LazyApp(server)).websocket_connect("/v1/responses") as socket:
        socket.send_json({"type": "response.create", **HELLO})
        assert socket.receive_json()["type"] == "response.created"
    with (
        pytest.raises(WebSocketDisconnect),
        TestClient(LazyApp(server, websocket=False)).websocket_connect("/v1/responses"),
    ):
        pass


@pytest.mark.parametrize("make", [create_app, LazyApp])
def test_it_is_not_ready_when_it_is_ending(server: MockServer, make: Callable[[MockServer], Any]) -> None:
    app = make(server)
    client = TestClient(app)
    assert client.get("/readyz").json() == {"status": "ready"}
    app.ending = True
    ended = client.get("/readyz")
    assert (ended.status_code, ended.json()) == (503, {"status": "not ready", "reason": "it is ending"})


_STARTED = """
import sys
from respool.http import serving

class Server:
    def run(self, sockets):
        late = "fastapi pydantic websockets respool.http.websocket respool.match.stubs"
        print("loaded:", [name for name in late.split() if name in sys.modules])

serving.uvicorn_server = lambda app, **options: Server()
from respool.cli import main
main()
"""


@pytest.mark.parametrize(("options", "loaded"), [([], "[]"), (["--metrics"], "['fastapi', 'pydantic']")])
def test_a_server_starts_without_what_a_stream_does_not_need(options: list[str], loaded: str) -> None:
    command = [
        sys.executable,
        "-c",
        _STARTED,
        "serve",
        str(FIXTURES / "text/hello.jsonl"),
        "--port",
        "0",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == f"loaded: {loaded}"
