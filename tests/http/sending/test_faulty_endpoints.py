"""Faults that a request asks for, on endpoints other than create."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from respool.faults import FAULTS
from respool.faults.applying import apply
from respool.http import create_app
from respool.http.sending import faulty
from respool.play.clock import ManualClock
from respool.server.mock_server import MockServer

Serve = Callable[..., MockServer]
Call = Callable[..., Any]
Settle = Callable[[], Any]
BACKGROUND = {"model": "a", "background": True, "stream": True}


class Asking:
    """A server with one background response, and calls with a fault."""

    def __init__(self, server: MockServer, call: Call, settle: Settle) -> None:
        self.server = server
        self.app = create_app(server)
        self.clock: ManualClock = server.clock  # type: ignore[assignment]
        self._call = call
        self._settle = settle

    async def ask(self, method: str, path: str, fault: str = "", query: bytes = b"", body: Any = None) -> Any:
        headers = [("x-respool-fault", fault)] if fault else []
        made = self._call(self.app, path, body, headers=headers, method=method, query_string=query)
        await self._settle()
        return made


@pytest.fixture
async def asking(server: Serve, call: Call, settle: Settle) -> Asking:
    one = Asking(server(), call, settle)
    await one.ask("POST", "/v1/responses", body=BACKGROUND)
    one.clock.advance(10.0)
    return one


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/input_items"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/input_tokens"),
        ("GET", "/v1/models"),
        ("POST", "/v1/conversations"),
    ],
)
async def test_an_http_error_happens_on_every_endpoint(asking: Asking, method: str, path: str) -> None:
    answer = await asking.ask(method, path, "status(code=503)")
    assert (answer.status, answer.complete) == (503, True)
    assert answer.json["error"]["code"] == "server_is_overloaded"


async def test_a_poll_may_come_late(asking: Asking) -> None:
    answer = await asking.ask("GET", "/v1/responses/resp_1", "latency(seconds=3)")
    assert answer.status is None
    asking.clock.advance(3.0)
    await asking._settle()
    assert (answer.status, answer.json["status"]) == (200, "completed")


async def test_a_fault_that_counts_fails_two_polls_and_then_it_works(asking: Asking) -> None:
    statuses = [
        (await asking.ask("GET", "/v1/responses/resp_1", "status(code=500, times=2)")).status
        for _ in range(3)
    ]
    assert statuses == [500, 500, 200]


async def test_a_resumed_stream_has_faults(asking: Asking) -> None:
    query = b"stream=true&starting_after=0"
    sound = await asking.ask("GET", "/v1/responses/resp_1", query=query)
    cut = await asking.ask("GET", "/v1/responses/resp_1", "abort(after=1)", query)
    assert cut.status == 200
    assert sound.body.startswith(cut.body)
    assert cut.body.count(b"data: ") == 1
    assert not cut.complete
    doubled = await asking.ask("GET", "/v1/responses/resp_1", "duplicate(at=1)", query)
    assert doubled.body.count(b"data: ") == sound.body.count(b"data: ") + 1


@pytest.mark.parametrize("name", sorted(name for name, fault in FAULTS.items() if fault.of_streams), ids=str)
async def test_what_cannot_happen_to_an_answer_that_is_no_stream_is_refused(
    asking: Asking, name: str
) -> None:
    for method, path, body in (
        ("GET", "/v1/responses/resp_1", None),
        ("POST", "/v1/responses", {"model": "a", "input": "Hi"}),
    ):
        answer = await asking.ask(method, path, name, body=body)
        assert (answer.status, answer.json["error"]["code"]) == (400, "impossible_fault")
        assert name in answer.json["error"]["message"]


async def test_a_fault_that_does_not_exist_is_refused_everywhere(asking: Asking) -> None:
    answer = await asking.ask("GET", "/v1/responses/resp_1", "stal(after=1)")
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_fault")


async def test_faults_of_the_server_happen_to_create_only(server: Serve, call: Call, settle: Settle) -> None:
    from respool.faults import parse

    one = Asking(server(faults=parse("status(code=500)")), call, settle)
    assert (await one.ask("POST", "/v1/responses", body={"model": "a"})).status == 500
    assert (await one.ask("GET", "/v1/models")).status == 200


async def test_answers_with_faults_hold_a_bounded_number_of_bytes_together(
    server: Serve, call: Call, settle: Settle, recording: Any
) -> None:
    serving = server(recording("a", [(5.0, "response.x", {"d": "x" * 900})] * 2))
    serving.held_by_faults.most = 1000
    app = create_app(serving)
    headers = [("x-respool-fault", "stall(after=1)")]
    body = {"model": "a", "stream": True}
    first = call(app, body=body, headers=headers)
    await settle()
    refused = call(app, body=body, headers=headers)
    await settle()
    assert (refused.status, refused.json["error"]["code"]) == (503, "too_many_faults")
    first.leave()
    await settle()
    after = call(app, body=body, headers=headers)
    await settle()
    assert after.status == 200
    after.leave()
    await settle()


async def test_the_frames_of_a_large_answer_are_all_sent(
    server: Serve, call: Call, recording: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faulty, "_LARGE", 0)
    serving = server(recording("a", [(0.0, "response.x", {"n": n}) for n in range(50)]))
    answer = call(serving, body={"model": "a", "stream": True}, headers=[("x-respool-fault", "comments")])
    await answer.task
    assert answer.body.count(b"data: ") == 50


async def test_the_faults_of_a_large_answer_are_applied_outside_of_the_event_loop(
    server: Serve, call: Call, recording: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return apply(*arguments)

    monkeypatch.setattr(faulty, "apply", noted)
    serving = server(recording("a", [(0.0, "response.x", {"d": "x" * 1000})] * 2000))
    headers = [("x-respool-fault", "stall(after=5, seconds=0)")]
    answer = call(serving, body={"model": "a", "stream": True}, headers=headers)
    await answer.task
    assert answer.body.count(b"data: ") == 2000
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread(), "a stall looks at the whole answer first"
