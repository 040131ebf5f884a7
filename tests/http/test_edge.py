import asyncio
import logging
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from respool.errors import RecordingError
from respool.http import create_app, responses
from respool.play.pace import Pace
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.testing import RunningServer

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
Call = Callable[..., Any]
Ask = Callable[..., Any]

INSTANT = Pace(speed=math.inf)
REQUEST_ID = re.compile("req_[0-9a-f]{32}")


@pytest.fixture
def ask(server: Serve, recording: Make) -> Ask:
    """A client of a server that plays recordings at once."""

    def make(*names: str) -> TestClient:
        serving = server(*(recording(name, note=name) for name in names or ["a", "b"]), pace=INSTANT)
        client = TestClient(create_app(serving))
        client.server = serving  # type: ignore[attr-defined]
        return client

    return make


NAMES = [
    ("/r/a/v1/responses", "a"),
    ("/r/text/hello/v1/responses", "text/hello"),
    ("/r/text%2Fhello/v1/responses", "text/hello"),
    ("/r/with%20space%20%26%20%C3%A9/v1/responses", "with space & é"),
    ("/r/100%25/v1/responses", "100%"),
    ("/r/a%3Fb/v1/responses", "a?b"),
    ("/r/api/v1/chat/v1/responses", "api/v1/chat"),
    ("/r/v1/v1/responses", "v1"),
    ("/r/r/v1/responses", "r"),
    ("/r/r/r/v1/responses", "r/r"),
    ("/r/a/turns/1/v1/responses", "a"),
    ("/r/a%231/v1/responses", "a"),
    ("/r/tools/turns/2/v1/responses", "tools/turns/2"),
    ("/r/x/openai/v1/responses", "x/openai"),
]
# The same, by Azure's paths.
AZURE = [
    ("/openai/v1/responses", "a"),
    ("/openai/v1/responses?api-version=preview", "a"),
    ("/openai/responses?api-version=2025-04-01-preview", "a"),
    ("/r/b/openai/v1/responses", "b"),
    ("/r/b/openai/responses?api-version=2025-04-01-preview", "b"),
    ("/r/b/turns/1/openai/v1/responses", "b"),
    ("/r/x/openai/openai/v1/responses", "x/openai"),
    ("/r/openai/openai/v1/responses", "openai"),
]


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_the_path_names_what_plays(path: str, name: str, ask: Ask) -> None:
    names = [
        "a",
        "text/hello",
        "with space & é",
        "100%",
        "a?b",
        "api/v1/chat",
        "v1",
        "r",
        "r/r",
        "tools/turns/2",
        "x/openai",
    ]
    client = ask(*names)
    assert client.post(path, json={}).status_code == 200
    assert [exchange.recording for exchange in client.server.journal] == [name]


@pytest.mark.parametrize(("path", "name"), AZURE)
def test_the_paths_of_azure_lead_to_the_same(path: str, name: str, ask: Ask) -> None:
    client = ask("a", "b", "x/openai", "openai")
    assert client.post(path, json={"model": "a"}).status_code == 200
    assert [exchange.recording for exchange in client.server.journal] == [name]


@pytest.mark.parametrize(
    ("path", "name"), [("/r/zzz/openai/v1/responses", "zzz/openai"), ("/r/zzz/v1/responses", "zzz")]
)
def test_an_unknown_name_is_shown_as_it_was_sent(path: str, name: str, ask: Ask) -> None:
    message = ask().post(path, json={}).json()["error"]["message"]
    assert message.startswith(f'No recording is named "{name}"')


@pytest.mark.parametrize("path", ["/openai", "/openai/", "/openai/v1", "/openai/x/v1/responses", "/openai/x"])
def test_other_paths_below_openai_are_not_found_by_the_path_that_was_sent(path: str, ask: Ask) -> None:
    answer = ask().post(path, json={"model": "a"})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL (POST {path})"


@pytest.mark.parametrize("name", ["a#1", *(name for _, name in NAMES)])
def test_the_base_url_of_a_name_leads_to_it(name: str, ask: Ask) -> None:
    client = ask("a", "b", *{name for _, name in NAMES if name != "a"})
    base_url = RunningServer("http://testserver", client.server).base_url_of(name)
    assert client.post(f"{base_url}/responses", json={}).status_code == 200
    assert [exchange.recording for exchange in client.server.journal] == [name.removesuffix("#1")]


@pytest.mark.parametrize("turn", ["turns/2", "turns/02", "turns/000000002", "%232", "turns%2F2"])
def test_the_path_names_a_turn(turn: str, server: Serve, recording: Make) -> None:
    serving = server([recording("x/a"), recording("x/a")], recording("b"), pace=INSTANT)
    separator = "" if turn.startswith("%23") else "/"
    answer = TestClient(create_app(serving)).post(f"/r/x/a{separator}{turn}/v1/responses", json={})
    assert answer.status_code == 200
    assert [exchange.recording for exchange in serving.journal] == ["x/a#2"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/r/nope/v1/responses", 'No recording is named "nope", as the path asks for.'),
        (
            "/r/a/turns/2/v1/responses",
            'No recording is named "a#2", as the path asks for. The recording has',
        ),
        ("/r/a/turns/0/v1/responses", 'No recording is named "a#0"'),
        ("/r/a/turns/-1/v1/responses", 'No recording is named "a/turns/-1"'),
        ("/r/a/turns/1234567890/v1/responses", 'No recording is named "a/turns/1234567890"'),
        ("/r/a/turns//v1/responses", 'No recording is named "a/turns/"'),
        ("/r/a/responses", "Invalid URL (POST /r/a/responses)"),
        ("/r/a", "Invalid URL (POST /r/a)"),
        ("/r/", "Invalid URL (POST /r/)"),
        ("/r//v1/responses", "Invalid URL (POST /r//v1/responses)"),
        ("/R/a/v1/responses", "Invalid URL (POST /R/a/v1/responses)"),
        ("/ra/v1/responses", "Invalid URL (POST /ra/v1/responses)"),
        ("/x/r/a/v1/responses", "Invalid URL (POST /x/r/a/v1/responses)"),
        ("/v1/nope", "Invalid URL (POST /v1/nope)"),
        ("/r/..%2F..%2Fetc%2Fpasswd/v1/responses", 'No recording is named "../../etc/passwd"'),
        ("/r/a%0Ab/v1/responses", 'No recording is named "a\\nb"'),
        pytest.param("/r/v1/responses", "Invalid URL (POST /r/v1/responses)"),
        pytest.param("/r/a/v1/nope", "Invalid URL (POST /r/a/v1/nope)"),
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(path: str, message: str, ask: Ask) -> None:
    answer = ask().post(path, json={})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith(message)


def test_every_route_is_also_below_the_name_of_a_recording(ask: Ask) -> None:
    client = ask("text/hello")
    models = client.get("/v1/models").json()
    assert client.get("/r/text/hello/v1/models").json() == models


def test_a_query_is_no_part_of_the_name(ask: Ask) -> None:
    client = ask()
    assert client.post("/r/a/v1/responses?path=/r/b/v1/responses", json={}).status_code == 200
    assert [exchange.recording for exchange in client.server.journal] == ["a"]


REQUESTS = [
    ("POST", "/v1/responses", {"json": {"model": "a"}}, 200),
    ("POST", "/v1/responses", {"json": {"model": "a", "stream": True}}, 200),
    ("POST", "/v1/responses", {"content": b"{"}, 400),
    ("POST", "/v1/responses", {"json": {"model": "nope"}}, 404),
    ("POST", "/v1/responses", {"content": b"", "headers": {"content-encoding": "x"}}, 415),
    ("GET", "/v1/responses", {}, 405),
    ("PUT", "/r/a/v1/responses", {}, 405),
    ("GET", "/v1/responses", {"headers": {"upgrade": "websocket"}}, 426),
    ("GET", "/v1/models", {}, 200),
    ("POST", "/healthz", {}, 405),
    ("GET", "/nope", {}, 404),
    ("GET", "/", {}, 404),
    (
        "OPTIONS",
        "/v1/responses",
        {"headers": {"origin": "http://localhost", "access-control-request-method": "POST"}},
        200,
    ),
]
each_request = pytest.mark.parametrize(("method", "path", "options", "status"), REQUESTS)


@each_request
def test_every_answer_has_a_request_id_which_the_journal_knows(
    method: str, path: str, options: dict[str, Any], status: int, ask: Ask
) -> None:
    client = ask()
    answers = [client.request(method, path, **options) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [answer.status_code for answer in answers] == [status, status]
    assert all(REQUEST_ID.fullmatch(id_) for id_ in ids)
    assert [exchange.request_id for exchange in client.server.journal] == ids
    assert ids[0] != ids[1]


@each_request
def test_every_request_is_one_line_in_the_log(
    method: str, path: str, options: dict[str, Any], status: int, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "respool.requests")
    client = ask()
    client.request(method, path, **options)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "respool.requests"]
    assert re.fullmatch(rf"{method} {path} {status}( a)?( 4 events)? \d+\.\d{{3}}s", line)
    assert [str(exchange) for exchange in client.server.journal] == [line]


def test_a_health_check_is_neither_in_the_journal_nor_in_the_log(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "respool.requests")
    client = ask()
    assert REQUEST_ID.fullmatch(client.get("/healthz").headers["x-request-id"])
    assert list(client.server.journal) == []
    assert [record for record in caplog.records if record.name == "respool.requests"] == []


def test_a_recorded_request_id_is_given_back_and_is_in_the_journal(server: Serve, recording: Make) -> None:
    serving = server(recording(headers={"X-Request-Id": "req_recorded"}), pace=INSTANT)
    answer = TestClient(create_app(serving)).post("/v1/responses", json={"model": "a"})
    assert answer.headers.get_list("x-request-id") == ["req_recorded"]
    assert [exchange.request_id for exchange in serving.journal] == ["req_recorded"]


async def test_a_websocket_has_a_request_id_and_a_line_too(
    server: Serve, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "respool.requests")
    serving = server()
    upgrade = call(create_app(serving, websocket=False), "/r/a/v1/responses", type="websocket", method=None)
    del upgrade.scope["method"]
    await upgrade.task
    assert upgrade.sent[0]["type"] == "websocket.http.response.start"
    assert upgrade.status == 426
    assert REQUEST_ID.fullmatch(upgrade.headers["x-request-id"])
    assert [record.getMessage() for record in caplog.records] == ["WEBSOCKET /r/a/v1/responses 426 0.000s"]


HOSTILE_PATHS = {
    "a line end": "/a\nPOST /v1/responses 200",
    "CR": "/a\rb",
    "an escape sequence": "/\x1b[31mred",
    "a form feed": "/a\x0cb",
    "DEL": "/a\x7fb",
    "C1": "/a\x85b\x9bc",
    "a line separator": "/a\u2028b",
    "NUL": "/a\0b",
    "a tab": "/a\tb",
}


each_hostile_path = pytest.mark.parametrize(
    "path", [pytest.param(path, id=name) for name, path in HOSTILE_PATHS.items()]
)


@each_hostile_path
@pytest.mark.parametrize("prefix", ["", "/r", "/r/a/v1"])
def test_a_log_line_is_one_printable_line_whatever_the_path(
    path: str, prefix: str, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "respool.requests")
    ask().post(prefix + quote(path))
    (line,) = [record.getMessage() for record in caplog.records if record.name == "respool.requests"]
    assert line.isprintable()


@each_hostile_path
@pytest.mark.parametrize("known", [False, True], ids=["no raw path", "raw path not encoded"])
async def test_a_log_line_is_one_printable_line_whatever_the_asgi_server_gives(
    path: str,
    known: bool,
    server: Serve,
    call: Call,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    caplog.set_level(logging.INFO, "respool.requests")
    await call(server(), path, raw_path=path.encode() if known else None).task
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.isprintable()


def test_a_log_line_is_one_printable_line_whatever_the_recording_is_called() -> None:
    assert str(Exchange("POST", "/v1/responses", 0.0, recording="a\nb\x1b[31m")).isprintable()


def test_a_defect_is_answered_with_500_and_told_to_the_log_alone(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "respool")
    client = ask()
    monkeypatch.setattr(responses, "begin", lambda *_, **__: 1 / 0)
    answer = client.post("/r/a/v1/responses", json={})
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {
            "message": "The server had an error processing your request. Respool's log tells more.",
            "type": "server_error",
            "param": None,
            "code": None,
        }
    }
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert error.getMessage().startswith("internal error in POST /r/a/v1/responses ")
    assert error.exc_info
    assert error.exc_info[0] is ZeroDivisionError
    (exchange,) = client.server.journal
    assert exchange.status == 500
    assert exchange.request_id == answer.headers["x-request-id"]


def test_an_error_of_ours_that_is_no_fault_of_the_client_is_500_with_its_text(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecordingError("it has gone", "a.jsonl", 3)

    client = ask()
    monkeypatch.setattr(responses, "begin", fail)
    answer = client.post("/v1/responses", json={"model": "a"})
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "a.jsonl:3: it has gone",
        "type": "server_error",
        "param": None,
        "code": None,
    }


def test_a_page_may_read_the_answer_to_a_defect_too(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ask()
    monkeypatch.setattr(responses, "begin", lambda *_, **__: 1 / 0)
    headers = {"origin": "http://localhost:3000"}
    answer = client.post("/v1/responses", json={"model": "a"}, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_the_life_of_the_server_is_no_request(server: Serve) -> None:
    serving = server()
    with TestClient(create_app(serving)):
        pass
    assert len(serving.journal) == 0


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, recording: Make) -> FastAPI:
    path = tmp_path_factory.mktemp("recordings") / "a.jsonl"
    path.write_text(jsonl.write([recording()]))
    return create_app(MockServer(Store([path]), pace=INSTANT))


@given(
    parts=st.lists(st.sampled_from(["/r/", "/v1/", "responses", "a", "/turns/", "2", "#", "\n"]) | st.text()),
    name=st.text(st.characters(max_codepoint=255)),
)
def test_any_path_and_any_name_in_the_header_are_answered_or_refused(
    parts: list[str], name: str, app: FastAPI, call: Call
) -> None:
    async def answer() -> Any:
        path = "/r/" + "".join(parts)
        answer = call(app, path, {}, raw_path=quote(path).encode(), headers=[("x-respool-play", name)])
        await answer.task
        return answer

    answered = asyncio.run(answer())
    assert answered.complete
    assert answered.status in (200, 307, 400, 404, 405)


REQUESTS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "a stream": ("/v1/responses", b'{"model":"a","stream":true}', {}),
    "an answer without stream": ("/v1/responses", b'{"model":"a"}', {}),
    "by its path": ("/r/b/v1/responses", b'{"stream":true}', {}),
    "by a header": ("/v1/responses", b'{"stream":true}', {"x-respool-play": "b"}),
    "from a page": ("/v1/responses", b'{"model":"a","stream":true}', {"origin": "http://localhost:3000"}),
    "from a page elsewhere": ("/v1/responses", b'{"model":"a"}', {"origin": "https://example.com"}),
    "not JSON": ("/v1/responses", b"{", {}),
    "a wrong type": ("/v1/responses", b'{"model":1}', {}),
    "no recording": ("/v1/responses", b'{"model":"x"}', {}),
    "a recorded error": ("/v1/responses", b'{"model":"failed"}', {}),
    "recorded headers": ("/v1/responses", b'{"model":"headers","stream":true}', {}),
    "not allowed": ("/v1/responses/", b"", {}),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_create_is_answered_as_it_would_be_through_all_layers(
    request_: tuple[str, bytes, dict[str, str]], server: Serve, recording: Make
) -> None:
    recorded = {"x-request-id": "req_1", "vary": "accept", "content-type": "text/event-stream", "x-a": "b"}
    serving = server(
        recording("a"),
        recording("b"),
        recording("failed", [], status=429, body={"error": {"message": "no"}}),
        recording("headers", headers=recorded),
        pace=INSTANT,
    )
    short = create_app(serving)
    through_all = create_app(serving)
    through_all.add_middleware(Passing)
    path, content, headers = request_
    answers = [
        TestClient(app).post(path, content=content, headers={"x-client-request-id": "1", **headers})
        for app in (short, through_all)
    ]
    one, other = (
        (answer.status_code, answer.content, sorted(answer.headers.items() - changing(answer.headers)))
        for answer in answers
    )
    assert one == other
    first, second = serving.journal
    noted = [(each.method, each.path, each.recording, each.status, each.events) for each in (first, second)]
    assert noted[0] == noted[1]


class Passing:
    """Someone's own layer around the app."""

    seen = 0

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, *call: Any) -> None:
        type(self).seen += 1
        await self.app(*call)


def changing(headers: Any) -> set[tuple[str, str]]:
    """Those which differ from answer to answer."""
    return {
        (name, value)
        for name, value in headers.items()
        if name == "openai-processing-ms" or (name == "x-request-id" and REQUEST_ID.fullmatch(value))
    }


def test_a_layer_that_someone_adds_is_passed_by_every_request(server: Serve) -> None:
    app = create_app(server(pace=INSTANT))
    app.add_middleware(Passing)
    before = Passing.seen
    assert TestClient(app).post("/v1/responses", json={"model": "a", "stream": True}).is_success
    assert Passing.seen == before + 1


def test_the_app_answers_where_it_is_mounted_in_another_one(server: Serve) -> None:
    outer = FastAPI()
    outer.mount("/mock", create_app(server(pace=INSTANT)))
    answer = TestClient(outer).post("/mock/v1/responses", json={"model": "a", "stream": True})
    assert answer.status_code == 200
    assert b"response.completed" in answer.content


@pytest.mark.parametrize(
    ("path", "query", "profile", "status", "said"),
    [
        (
            "/responses",
            b"",
            "openai",
            404,
            "this server has /v1/responses; end the client's base URL",
        ),
        ("/models", b"", "openai", 404, "this server has /v1/models; end the client's base URL"),
        ("/nothing", b"", "openai", 404, "Invalid URL (GET /nothing)"),
        ("/openai/models", b"", "openai", 404, "below /openai/ it needs ?api-version="),
        ("/r/a/openai/models", b"", "openai", 404, "below /openai/ it needs ?api-version="),
        ("/openai/models", b"", "azure", 404, "Resource not found"),
        ("/openai/models", b"api-version=2025-04-01-preview", "azure", 200, "data"),
        ("/openai/v1/models", b"", "azure", 200, "data"),
    ],
)
async def test_a_path_that_is_nearly_right_is_a_404_that_says_so(
    path: str,
    query: bytes,
    profile: str,
    status: int,
    said: str,
    server: Callable[..., MockServer],
    call: Any,
) -> None:
    answer = call(server(profile=profile), path, method="GET", query_string=query)
    await answer.task
    assert answer.status == status
    assert said in answer.body.decode()
