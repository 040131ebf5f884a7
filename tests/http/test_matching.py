"""Which recording answers, as a client sees it: the header, misses, misspelt headers, improvised answers."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.scripts.improvise.requests import OPEN_RESPONSES

from respool.http import create_app
from respool.match.recorded import Forms, RecordedIndex
from respool.play.offload import LARGE
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

RECORDED = """\
{"respool": 1, "request": {"model": "gpt-5.2", "input": "Order ORD-1, please."}}
{"type":"response.created","response":{"id":"resp_1"}}
{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}}
"""
FILES = {
    "r.jsonl": RECORDED,
    "hello.script.yaml": "text: Hi",
    "loop.script.yaml": "turns: [{text: 1}, {text: 2}]",
}
Ask = Callable[..., Any]


@pytest.fixture
def serving(tmp_path: Path) -> Callable[..., MockServer]:
    def make(files: dict[str, str] = FILES, **options: Any) -> MockServer:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return MockServer(Store([tmp_path]), pace=Pace(speed=float("inf")), **options)

    return make


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Send a request to create a response."""

    def ask(server: MockServer, body: dict[str, Any], path: str = "/v1/responses", **headers: str) -> Any:
        client = TestClient(create_app(server))
        return client.post(path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return ask


TOLD = [
    ("/r/hello/v1/responses", {}, {}, "path"),
    ("/v1/responses", {}, {"x_respool_play": "hello"}, "header"),
    ("/v1/responses", {"model": "hello"}, {}, "model"),
    ("/v1/responses", {"model": "loop#2"}, {}, "model: turn 2, as it says"),
    (
        "/v1/responses",
        {"model": "loop"},
        {},
        "model: turn 1, since the input has no output of an earlier turn",
    ),
    (
        "/v1/responses",
        {"model": "gpt-5.2", "input": "Order ORD-1, please."},
        {},
        "exact: r, since its recorded request is equal",
    ),
    ("/v1/responses", {"model": "gpt-5.2", "input": "Hi"}, {}, "improvised"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body", "headers", "told"), TOLD)
def test_the_answer_says_what_found_it(
    serving: Any, ask: Ask, stream: bool, path: str, body: Any, headers: Any, told: str
) -> None:
    server = serving(on_miss="improvise")
    answer = ask(server, {"model": "x", "stream": stream, **body}, path, **headers)
    assert answer.status_code == 200
    assert answer.headers["x-respool-match"] == told
    (exchange,) = server.journal
    assert exchange.why == told


def test_a_name_that_is_not_ascii_is_told_in_a_legal_header(serving: Any, ask: Ask) -> None:
    server = serving({"stubs.yaml": "stubs: [{name: Größe, play: {text: Hi}}]"})
    assert ask(server, {"model": "x"}).headers["x-respool-match"] == r"stub: stub Gr\xf6\xdfe: any request"


@pytest.mark.parametrize(
    ("header", "nearest"),
    [
        ("x-respool-plya", "did you mean x-respool-play?"),
        ("x-respool-sesion", "did you mean x-respool-session?"),
        ("x-respool-faults", "did you mean x-respool-fault?"),
        ("x-respool-zzz", "known are play, fault, hold, pace, session, clock, admin-token, match."),
    ],
)
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/conversations", "/r/hello/v1/responses"])
def test_a_misspelt_header_is_refused_with_the_nearest(
    serving: Any, ask: Ask, header: str, nearest: str, path: str
) -> None:
    answer = ask(serving(), {"model": "hello"}, path, **{header: "hello"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unknown_header"
    assert answer.json()["error"]["message"] == f"There is no header {header}: {nearest}"


@pytest.mark.parametrize("header", ["x-respool-admin-token", "x-respool-match"])
def test_a_header_that_is_known_is_not_refused(serving: Any, ask: Ask, header: str) -> None:
    assert ask(serving(), {"model": "hello"}, **{header: "x"}).status_code == 200


def test_a_miss_explains_itself(serving: Any, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    stubs = {"stubs.yaml": "stubs: [{name: s, match: {last_user_text: other}, play: hello}]"}
    server = serving({**FILES, **stubs})
    with caplog.at_level(logging.WARNING, "respool"):
        answer = ask(server, {"model": "gpt-5.2", "input": "Order ORD-2, please."})
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "no_matching_recording"
    assert "\n" not in error["message"]
    near, stub = error["near_misses"]
    assert (near["recording"], near["turn"], near["differences"][0]["pointer"]) == (
        "r",
        1,
        "/input/0/content/0/text",
    )
    assert near["hint"] == "in match.yaml, masks: {name: 'ORD-[0-9]+'}"
    assert stub == {"stub": "s", "failed": ['last_user_text equals "other"']}
    (exchange,) = server.journal
    assert list(exchange.near) == [near, stub]
    assert [record.message.split(":")[0] for record in caplog.records] == ["no recording matches"]


def test_a_miss_by_name_tells_the_nearest_names_alone(serving: Any, ask: Ask) -> None:
    error = ask(serving(), {}, "/r/helo/v1/responses").json()["error"]
    assert "Nearest: hello, loop." in error["message"]
    assert "near_misses" not in error


@pytest.mark.parametrize(
    ("model", "hint"),
    [("helo", "the nearest name is hello"), ("loop#3", "the recording loop has 2 turns"), ("gpt-4", None)],
)
def test_a_model_that_is_nearly_a_name_is_told_once_where_the_default_answers(
    serving: Any, ask: Ask, caplog: pytest.LogCaptureFixture, model: str, hint: str | None
) -> None:
    server = serving(default="hello")
    with caplog.at_level(logging.WARNING, "respool"):
        for _ in range(3):
            assert ask(server, {"model": model}).headers["x-respool-match"] == "default"
    told = [record.message for record in caplog.records]
    assert told == (
        []
        if hint is None
        else [f'no recording is named "{model}", as the model asks for, so the default answers; {hint}']
    )


@pytest.mark.parametrize(
    "name", [name for name, (body, _) in OPEN_RESPONSES.items() if "previous_response_id" not in body]
)
def test_an_empty_folder_answers_by_improvising(serving: Any, ask: Ask, name: str) -> None:
    body, kinds = OPEN_RESPONSES[name]
    server = serving({}, on_miss="improvise")
    first, again = (ask(server, {"model": "gpt-5.2", **body}) for _ in range(2))
    assert first.status_code == 200
    assert first.headers["x-respool-match"] == "improvised"
    assert first.content == again.content
    if not body.get("stream"):
        assert [item["type"] for item in first.json()["output"]] == kinds


def test_an_improvised_answer_knows_what_it_continues(serving: Any, ask: Ask) -> None:
    server = serving({}, on_miss="improvise")
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    first = ask(server, {"model": "m", "input": "The weather?", "tools": [tool]}).json()
    (call,) = first["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Rain"}
    body = {"model": "m", "input": [output], "tools": [tool], "previous_response_id": first["id"]}
    second = ask(server, body).json()
    assert second["output"][0]["content"][0]["text"] == "get_weather returned: Rain"
    assert second["previous_response_id"] == first["id"]


def test_what_cannot_be_improvised_is_refused(serving: Any, ask: Ask) -> None:
    body = {"model": "m", "input": "x", "tool_choice": {"type": "function", "name": "f"}}
    assert ask(serving({}, on_miss="improvise"), body).status_code == 400


def test_an_option_that_is_no_word_is_refused(serving: Any) -> None:
    for option, message in (
        ({"match": "lax"}, "match is lax, expected strict or normal or loose"),
        ({"on_miss": "guess"}, "on-miss is guess, expected error or improvise"),
        ({"on_exhausted": "stop"}, "on-exhausted is stop, expected error or last or loop"),
    ):
        with pytest.raises(Exception, match=message):
            serving(**option)


def test_the_faults_of_a_stub_happen(serving: Any, ask: Ask) -> None:
    server = serving({"stubs.yaml": "stubs: [{faults: ['rate_limit(times=1)'], play: {text: Hi}}]"})
    statuses = [ask(server, {"model": "m"}).status_code for _ in range(2)]
    assert statuses == [429, 200]


def test_a_large_request_is_compared_outside_of_the_loop(
    serving: Callable[..., MockServer], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    prepared = RecordedIndex.prepared

    def noted(index: RecordedIndex, body: Mapping[str, Any]) -> Forms:
        threads.append(threading.current_thread().name)
        return prepared(index, body)

    monkeypatch.setattr(RecordedIndex, "prepared", noted)
    answer = ask(serving(), {"model": "gpt-5.2", "input": "x" * (LARGE + 1)})
    assert answer.status_code == 404
    assert len(threads) == 1
    assert threads[0].startswith("respool-heavy"), "the thread for heavy work"


def test_a_large_request_that_names_its_recording_is_not_compared(
    serving: Callable[..., MockServer], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecordedIndex, "prepared", lambda *_: pytest.fail("compared"))
    body = {"model": "hello", "input": "x" * (LARGE + 1)}
    assert ask(serving(), body).status_code == 200
    assert ask(serving(), {**body, "model": "any"}, "/r/loop/v1/responses").status_code == 200
