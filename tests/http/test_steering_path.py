import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.http.steering_path import from_query, split_path
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.server.mock_server import MockServer


@pytest.mark.parametrize(
    ("path", "name", "headers"),
    [
        ("a/b", "a/b", []),
        ("a/with/fault=abort(after=5)", "a", [(b"x-respool-fault", b"abort(after=5)")]),
        (
            "a/with/fault=cut/hold=after=é",
            "a",
            [(b"x-respool-fault", b"cut"), (b"x-respool-hold", "after=é".encode())],
        ),
        (
            "a/with/pace=speed=2,ttft=0.5",
            "a",
            [(b"x-respool-pace", b"speed=2,ttft=0.5")],
        ),
        ("a/with/clock=frozen", "a/with/clock=frozen", []),  # a session's, not a recording's
        ("a/with/b", "a/with/b", []),
        ("a/with/colour=red", "a/with/colour=red", []),
    ],
)
def test_the_path_says_what_headers_would(path: str, name: str, headers: Any) -> None:
    assert split_path(path) == (name, headers)


def test_the_query_says_what_headers_would() -> None:
    assert from_query(b"x=1&x-respool-fault=cut(after%3D1)&x-respool-other=2") == [
        (b"x-respool-fault", b"cut(after=1)")
    ]


@pytest.mark.parametrize(
    "path",
    ["/r/a/with/fault=status(code=503)/v1/responses", "/r/a/v1/responses?x-respool-fault=status(code=503)"],
)
def test_a_client_whose_headers_are_its_own_gets_its_fault(
    path: str, server: Callable[..., MockServer]
) -> None:
    answer = TestClient(create_app(server())).post(path, json={"stream": True})
    assert answer.status_code == 503


def test_a_recording_may_have_such_a_name(
    server: Callable[..., MockServer], recording: Callable[..., Any]
) -> None:
    client = TestClient(create_app(server(recording("a/with/b", [(0.0, "response.x")]))))
    assert client.post("/r/a/with/b/v1/responses", json={"stream": True}).text.startswith("event: response.x")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/r/a/with/pace=speed=4/v1/responses", {}),
        ("/r/a/v1/responses?x-respool-pace=4", {}),
        ("/r/a/v1/responses", {"x-respool-pace": "speed=4"}),
    ],
)
def test_a_request_says_how_fast_it_is_played(
    path: str, headers: dict[str, str], server: Callable[..., MockServer], recording: Callable[..., Any]
) -> None:
    clock = ManualClock()
    timed = server(recording("a", [(8.0, "response.x")]), clock=clock, pace=Pace(speed=2))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(TestClient(create_app(timed)).post, path, json={"stream": True}, headers=headers)
        while clock.next_deadline is None:  # until it waits
            time.sleep(0.001)
        assert clock.next_deadline == 2.0
        clock.advance(2.0)
        assert answer.result(10).text.startswith("event: response.x")


@pytest.mark.parametrize(
    ("header", "value", "message"),
    [
        (
            "pace",
            "2, colour=red",
            "colour is not of a pace; expected gap, max_gap, jitter,",
        ),
        ("pace", "sped=2", "sped is not of a pace, did you mean speed?"),
        ("pace", "speed=0", "speed is 0, expected a factor above 0"),
        ("pace", "ttft=x", "ttft is x, expected seconds, 0 or more"),
        ("pace", "1,2", "speed is given twice"),
        ("clock", "slow", "slow is no clock; expected real, frozen, auto or a rate"),
        ("clock", "0", "clock rate is 0.0, expected a factor above 0"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    header: str, value: str, message: str, server: Callable[..., MockServer], recording: Callable[..., Any]
) -> None:
    client = TestClient(create_app(server(recording("a", [(0.0, "response.x")]))))
    answer = client.post("/r/a/v1/responses", json={}, headers={f"x-respool-{header}": value})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, f"invalid_{header}")
    assert message in error["message"]


@pytest.mark.parametrize(
    ("value", "setting"), [("frozen", ("frozen", 1.0)), ("auto", ("auto", 1.0)), ("4", ("real", 4.0))]
)
def test_a_request_says_how_the_clock_of_its_session_runs(
    value: str, setting: Any, server: Callable[..., MockServer], recording: Callable[..., Any]
) -> None:
    held = server(recording("a", [(0.0, "response.x")]))
    headers = {"x-respool-clock": value}
    TestClient(create_app(held)).post("/s/mine/r/a/v1/responses", json={"stream": True}, headers=headers)
    now = held.session("mine").clock.setting
    assert now
    assert (now.mode, now.rate) == setting
    assert held.session("").clock.setting is None
