"""The relay between a client's WebSocket and that of a real server, which is Respool itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from respool.faults import read
from respool.play.pace import Pace
from respool.record.recorder import Recorder
from respool.record.relay import Relay
from respool.record.upstream import Upstream
from respool.recordings.store import Store
from respool.testing import RunningServer, running_server, serving

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENDS = ("response.completed", "response.failed", "response.incomplete", "error")


@contextmanager
def relaying(folder: Path) -> Iterator[tuple[str, RunningServer]]:
    with running_server(FIXTURES, pace=Pace(speed=20)) as upstream:
        relay = Relay(Upstream(upstream.base_url), Recorder(folder))
        with serving(relay) as url:
            yield url.replace("http:", "ws:"), upstream


def turn(socket: Any, **body: Any) -> list[str]:
    """The texts of the frames that answer a create."""
    socket.send(json.dumps({"type": "response.create", "model": "text/hello", "input": "Say hello", **body}))
    texts: list[str] = []
    while not texts or json.loads(texts[-1])["type"] not in ENDS:
        texts.append(socket.recv(timeout=20))
    return texts


def texts_of(name: str, store: Store) -> list[list[str]]:
    return [[timed.event.text for timed in turn.events] for turn in store.turns(name)]


def test_turns_of_a_socket_are_recorded_and_play_over_both_transports(tmp_path: Path) -> None:
    with (
        relaying(tmp_path) as (url, upstream),
        connect(f"{url}/v1/responses", additional_headers={"authorization": "Bearer the-key-0817"}) as socket,
    ):
        hello, call = turn(socket), turn(socket, model="tools/get_weather", input="Weather?", stream_id="b")
        original = texts_of("text/hello", upstream.server.store)
    assert [hello] == original
    recorded = Store(tmp_path)
    assert recorded.names == ["text-hello/say-hello", "tools-get_weather/weather"]
    assert texts_of("text-hello/say-hello", recorded) == [hello]
    with_lane = [json.loads(text) for text in call]
    assert all(event.pop("stream_id") == "b" for event in with_lane)
    (weather,) = texts_of("tools-get_weather/weather", recorded)
    assert [json.loads(text) for text in weather] == with_lane
    (header,) = [turn.header.fields for turn in recorded.turns("text-hello/say-hello")]
    assert header["transport"] == "websocket"
    assert header["fidelity"] == {"body": "exact", "timing": "recorded", "headers": "reduced"}
    assert b"the-key-0817" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.jsonl"))

    with running_server(tmp_path, pace=Pace(speed=20)) as running:
        body = {"model": "text/hello", "input": "Say hello", "stream": True}
        lines = httpx2.post(f"{running.base_url}/responses", json=body).text.splitlines()
        assert [line[6:] for line in lines if line.startswith("data: {")] == hello
        with connect(f"{running.url.replace('http:', 'ws:')}/v1/responses") as socket:
            assert turn(socket) == hello


def several_agents() -> list[dict[str, Any]]:
    """The events of a response and of one that an agent makes in the same stream, which ends last."""

    def response(id_: str, text: str) -> list[dict[str, Any]]:
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {
            "id": f"msg_{id_}", "type": "message", "role": "assistant", "status": "completed",
            "content": [part],
        }  # fmt: skip
        begun = {"id": id_, "object": "response", "created_at": 1, "model": "m", "output": []}
        ended = {**begun, "status": "completed", "output": [item], "usage": {"total_tokens": 1}}
        begun["status"] = "in_progress"
        return [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": ended},
        ]

    root, helper = response("resp_root", "Root"), response("resp_helper", "Helper")
    agent = {"agent": {"agent_name": "helper"}}
    helper = [event | agent for event in helper]
    events = [root[0], helper[0], root[1], helper[1], helper[2], root[2], root[3], root[4], *helper[3:]]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def test_the_responses_of_several_agents_come_through_and_play_over_both_transports(tmp_path: Path) -> None:
    texts = [json.dumps(event) for event in several_agents()]
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "agents.jsonl").write_text("".join(f"[0.0, {text}]\n" for text in texts))
    create = json.dumps({"type": "response.create", "model": "agents", "input": "Ask a helper"})

    def answered(url: str) -> list[str]:
        with connect(f"{url}/v1/responses") as socket:
            socket.send(create)
            return [str(socket.recv(timeout=20)) for _ in texts]

    with running_server(tmp_path / "up") as upstream:
        relay = Relay(Upstream(upstream.base_url), Recorder(tmp_path / "down"))
        with serving(relay) as url:
            assert answered(url.replace("http:", "ws:")) == texts
    assert texts_of("agents/ask-a-helper", Store(tmp_path / "down")) == [texts]
    with running_server(tmp_path / "down") as running:
        assert answered(running.url.replace("http:", "ws:")) == texts
        body = {"model": "agents", "input": "Ask a helper"}
        lines = httpx2.post(f"{running.base_url}/responses", json={**body, "stream": True}).text.splitlines()
        assert [line[6:] for line in lines if line.startswith("data: {")] == texts
        whole = httpx2.post(f"{running.base_url}/responses", json=body).json()
        assert (whole["id"], whole["output"][0]["id"]) == ("resp_root", "msg_resp_root")
        stored = httpx2.get(f"{running.base_url}/responses/resp_root").json()
        assert (stored["id"], stored["output"][0]["id"]) == ("resp_root", "msg_resp_root")


def test_a_chain_by_ids_is_one_recording(tmp_path: Path) -> None:
    with relaying(tmp_path) as (url, _), connect(f"{url}/v1/responses") as socket:
        first = [json.loads(text) for text in turn(socket, model="tools/get_weather", input="Weather?")]
        call = next(event["item"] for event in first if event["type"] == "response.output_item.done")
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        previous = first[-1]["response"]["id"]
        turn(socket, model="tools/get_weather", previous_response_id=previous, input=[output])
    assert len(Store(tmp_path).turns("tools-get_weather/weather")) == 2


def test_a_refused_create_is_recorded_as_the_error_that_it_is(tmp_path: Path) -> None:
    with relaying(tmp_path) as (url, _), connect(f"{url}/v1/responses") as socket:
        (refused,) = turn(socket, model="errors/rate_limit")
    (recorded,) = Store(tmp_path).turns("errors-rate_limit/say-hello")
    assert recorded.header.status == json.loads(refused)["status"] == 429
    assert recorded.header.body == {"error": json.loads(refused)["error"]}


@pytest.mark.parametrize("code", [1011, 1006])
def test_a_close_in_mid_turn_comes_through_and_is_in_the_recording(code: int, tmp_path: Path) -> None:
    with relaying(tmp_path) as (url, upstream):
        upstream.server.faults = read([f"socket_close(code={code}, after=5, reason=oops)"])
        with connect(f"{url}/v1/responses") as socket, pytest.raises(ConnectionClosed) as closed:
            turn(socket)
    assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code
    (recorded,) = Store(tmp_path).turns("text-hello/say-hello")
    assert len(recorded.events) == 5
    close = {"code": code, "reason": "oops" if code != 1006 else "", "by": "server"}
    assert recorded.header.fields["close"] == close
    assert recorded.header.fields["ended"] == "cut"


def test_a_client_that_leaves_keeps_what_came(tmp_path: Path) -> None:
    with relaying(tmp_path) as (url, _), connect(f"{url}/v1/responses") as socket:
        socket.send('{"type": "response.create", "model": "text/hello", "input": "Say hello"}')
        socket.recv(timeout=20)
    (recorded,) = Store(tmp_path).turns("text-hello/say-hello")
    assert recorded.header.fields["ended"] == "client left"
    assert recorded.header.fields["close"] == {"code": 1000, "reason": "", "by": "client"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/responses", {"origin": "https://evil.example"}, 403),
        ("/v1/responses", {"x-respool-fault": "socket_refused(code=429)"}, 429),
        ("/v1/realtime", {}, 426),
    ],
)
def test_a_refused_upgrade_is_an_answer_of_http(
    path: str, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    with (
        relaying(tmp_path) as (url, _),
        pytest.raises(InvalidStatus) as refused,
        connect(f"{url}{path}", additional_headers=headers),
    ):
        pass
    assert refused.value.response.status_code == status


def test_an_upstream_that_is_not_there_is_a_502(tmp_path: Path) -> None:
    relay = Relay(Upstream("http://127.0.0.1:9/v1"), Recorder(tmp_path))
    with serving(relay) as url, pytest.raises(InvalidStatus) as refused:
        connect(f"{url.replace('http:', 'ws:')}/v1/responses")
    assert refused.value.response.status_code == 502
