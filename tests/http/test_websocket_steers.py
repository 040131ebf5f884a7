"""What Scripts, stubs and requests say of a stream, over WebSocket: steers, paces, clocks; no keepalives."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

ENDS = {"response.completed", "response.failed", "response.incomplete", "error"}


def steered(socket: Any, clock: ManualClock) -> list[dict[str, Any]]:
    """A create, which is steered when it has begun, and all that follows the answer, until the end."""
    socket.send_json({"type": "response.create", "model": "gpt-5", "input": "Hello!"})
    id_ = socket.receive_json()["response"]["id"]
    socket.send_json({"type": "response.steer", "previous_response_id": id_, "input": "Stop."})
    events = [socket.receive_json()]
    clock.advance(100.0)
    while sum(event["type"] in ENDS for event in events) < 2 and "failed" not in events[-1]["type"]:
        events.append(socket.receive_json())
        if events[-1]["type"] in ENDS:
            clock.advance(100.0)  # the successor has just begun
    return events


LONG = "text: A long story.\ndeltas: 1\npace: {gap: 1}\nsteer: "


@pytest.mark.parametrize(
    ("steer", "text"),
    [
        ("{at: immediate, successor: other}", "The other."),
        ("{at: immediate, successor: {text: Stopped.}}", "Stopped."),
        ("{at: never, successor: {turns: [text: One., text: Two.]}}", "One."),
    ],
)
def test_a_script_says_what_comes_after_a_steer(steer: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "long.script.yaml").write_text(LONG + steer)
    (tmp_path / "other.script.yaml").write_text("text: The other.")
    clock = ManualClock()
    server = MockServer(Store([tmp_path]), clock=clock)
    with TestClient(create_app(server)).websocket_connect("/r/long/v1/responses") as socket:
        events = steered(socket, clock)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == text
    first = next(event for event in events if event["type"] in ENDS)
    assert first["type"] == ("response.completed" if "never" in steer else "response.incomplete")


def test_a_stub_says_what_comes_after_a_steer_and_wins(tmp_path: Path) -> None:
    (tmp_path / "long.script.yaml").write_text(f"{LONG}never")
    (tmp_path / "stubs.yaml").write_text(
        "stubs: [{play: long, steer: {at: immediate, successor: {text: Stopped.}}, faults: [unknown_event]}]"
    )
    clock = ManualClock()
    server = MockServer(Store([tmp_path]), clock=clock)
    with TestClient(create_app(server)).websocket_connect("/v1/responses") as socket:
        events = steered(socket, clock)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Stopped."
    assert {exchange.faults for exchange in server.journal} == {(), ("unknown_event",)}


@pytest.mark.parametrize(
    ("steer", "code", "message"),
    [
        ("{error: too_many_pending_steers}", "too_many_pending_steers", "The recording says"),
        ("{at: immediate, successor: othr}", "successor_creation_failed", "nearest: other"),
    ],
)
def test_a_steer_may_fail_as_a_script_says(steer: str, code: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "long.script.yaml").write_text(LONG + steer)
    (tmp_path / "other.script.yaml").write_text("text: The other.")
    clock = ManualClock()
    server = MockServer(Store([tmp_path]), clock=clock)
    with TestClient(create_app(server)).websocket_connect("/r/long/v1/responses") as socket:
        failed = steered(socket, clock)[-1]
    assert (failed["type"], failed["error"]["code"]) == ("response.steer.failed", code)
    assert message in failed["error"]["message"]


def test_the_upgrade_says_the_pace_and_the_clock(tmp_path: Path) -> None:
    (tmp_path / "long.script.yaml").write_text("text: Hi\npace: {gap: 8}")
    clock = ManualClock()
    server = MockServer(Store([tmp_path]), clock=clock)
    path = "/s/mine/r/long/with/pace=4/v1/responses?x-respool-clock=frozen"
    with TestClient(create_app(server)).websocket_connect(path) as socket:
        socket.send_json({"type": "response.create", "model": "gpt-5", "input": "Hello!"})
        assert socket.receive_json()["type"] == "response.created"
        session = server.session("mine")
        assert session.clock.frozen
        assert session.clock.next_deadline == session.clock.now() + 2.0


@pytest.mark.parametrize("profile", ["openai", "openrouter"])
def test_a_socket_has_no_keepalives_between_its_events(profile: str, tmp_path: Path) -> None:
    (tmp_path / "slow.script.yaml").write_text("text: Hi\npace: {gap: 10}")
    clock = ManualClock()
    server = MockServer(Store([tmp_path]), clock=clock, keepalive=3.0, profile=profile)
    with TestClient(create_app(server)).websocket_connect("/v1/responses") as socket:
        socket.send_json({"type": "response.create", "model": "slow", "input": "Hello!"})
        events = [socket.receive_json()]
        clock.advance(1000.0)
        while events[-1]["type"] not in ENDS:
            events.append(socket.receive_json())
    assert "keepalive" not in {event["type"] for event in events}
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    over_http = server.start(Request({"model": "slow", "stream": True}))
    assert len(over_http.schedule) > len(events)  # where they are
