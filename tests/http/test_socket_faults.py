"""Faults over a WebSocket of uvicorn's, asked for in the header of the upgrade, seen by `websockets`."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from respool import Pace, running_server
from respool.faults import FAULTS
from respool.faults.socket import happens_on_sockets
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENDS = {"response.completed", "response.failed", "response.incomplete", "error"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with running_server(FIXTURES, pace=Pace(speed=math.inf), default="text/hello") as running:
        yield running


def converse(running: RunningServer, fault: str, **body: Any) -> tuple[list[str], int | None]:
    """One create with a fault: the texts of all frames to its end, and the close code, if it was closed."""
    url = running.base_url.replace("http", "ws", 1) + "/responses"
    texts: list[str] = []
    with connect(url, additional_headers={"x-respool-fault": fault}) as socket:
        socket.send(json.dumps({"type": "response.create", "model": "gpt-5", "input": "Hello!", **body}))
        try:
            while not texts or type_of(texts[-1]) not in ENDS:
                texts.append(str(socket.recv(timeout=10)))
            if "mute" in fault:
                socket.recv(timeout=10)
        except ConnectionClosed as closed:
            return texts, closed.rcvd.code if closed.rcvd else 1006
    return texts, None


def type_of(text: str) -> str | None:
    try:
        type_: str = json.loads(text)["type"]
    except ValueError:
        return None
    return type_


@pytest.mark.parametrize(
    ("fault", "frames", "code"),
    [
        ("socket_close(code=1008, after=0)", 0, 1008),
        ("socket_close(code=1009, after=3)", 3, 1009),
        ("socket_close(code=1006, after=5)", 5, 1006),
        ("socket_close(code=1000, after=5)", 5, 1000),
        ("socket_close(code=1011, after=5)", 5, 1011),
        ("socket_close(code=4321, after=1, reason=bye)", 1, 4321),
        ("socket_close(code=1005, after=1)", 1, 1006),
        ("socket_mute(seconds=0.01)", 1, 1006),
        ("cut(after=2)", 2, 1006),
        ("abort(after=2)", 2, 1006),
        ("reset_peer(after=2)", 2, 1006),
        ("close(after=2)", 2, 1000),
        ("refuse", 0, 1006),
        ("empty_reply", 0, 1006),
    ],
)
def test_a_connection_is_closed_after_so_many_frames(
    fault: str, frames: int, code: int, running: RunningServer
) -> None:
    texts, closed = converse(running, fault)
    assert (len(texts), closed) == (frames, code)


@pytest.mark.parametrize("code", [401, 426, 429, 503])
def test_an_upgrade_is_refused_with_an_answer_of_http(code: int, running: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        converse(running, f"socket_refused(code={code})")
    assert refused.value.response.status_code == code
    assert json.loads(refused.value.response.body or b"")["error"]["message"]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate_limit", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("status(code=500)", 500, "server_error"),
        ("status(code=502)", 502, "server_error"),
        ("gzip", 400, "invalid_fault"),
        ("slicer", 400, "invalid_fault"),
    ],
)
def test_what_is_an_answer_of_http_or_cannot_happen_becomes_an_error_frame(
    fault: str, status: int, code: str, running: RunningServer
) -> None:
    (text,), closed = converse(running, fault, stream_id="a")
    frame = json.loads(text)
    assert (frame["status"], frame["error"]["code"], frame["stream_id"]) == (status, code, "a")
    assert closed is None


def test_frames_of_another_protocol_come_between_the_events(running: RunningServer) -> None:
    sound, _ = converse(running, "latency(seconds=0)")
    texts, _ = converse(running, "socket_ping(every=2)")
    assert [text for text in texts if text != '{"type":"ping"}'] == sound
    assert texts[2] == '{"type":"ping"}'


def test_damaged_json_arrives_damaged(running: RunningServer) -> None:
    texts, _ = converse(running, "truncated_json(at=4)")
    assert [place for place, text in enumerate(texts, 1) if type_of(text) is None] == [4]


def test_an_error_in_the_stream_has_the_form_of_a_sockets(running: RunningServer) -> None:
    texts, _ = converse(running, "error_event(after=3)")
    frame = json.loads(texts[-1])
    assert isinstance(frame["status"], int)
    assert isinstance(frame["error"]["code"], str)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_happens_or_is_refused_and_the_server_stays(name: str, running: RunningServer) -> None:
    quick = {"stall": "stall(seconds=0)", "latency": "latency(seconds=0)", "ttft": "ttft(seconds=0)",
             "burst": "burst(seconds=0)", "slow_headers": "slow_headers(seconds=0)",
             "bandwidth": "bandwidth(rate=10M)", "socket_mute": "socket_mute(seconds=0)"}  # fmt: skip
    if name == "socket_refused":
        with pytest.raises(InvalidStatus):
            converse(running, name)
        return
    texts, closed = converse(running, quick.get(name, name))
    refused = texts[-1:] and '"invalid_fault"' in texts[-1]
    assert bool(refused) is not happens_on_sockets(FAULTS[name]())
    assert closed != 1012
    assert converse(running, "latency(seconds=0)")[1] is None


@pytest.mark.parametrize("fault", ["socket_close", "socket_ping"])
def test_over_http_a_fault_of_sockets_is_refused(fault: str, running: RunningServer) -> None:
    body = {"model": "gpt-5", "input": "Hello!"}
    answer = httpx2.post(f"{running.base_url}/responses", json=body, headers={"x-respool-fault": fault})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_fault")
