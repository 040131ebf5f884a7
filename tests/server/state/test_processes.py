"""Two servers as processes of their own, with one store: what only sockets show."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from state_servers import ServerProcess, real_store, server_processes
from websockets.exceptions import InvalidStatus
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


KINDS = ["response.created", *["response.output_text.delta"] * 3, "response.completed"]
RESPONSE = {"id": "resp_1", "object": "response", "output": [], "status": "completed"}


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """Two servers of a recording with an event every second."""
    folder = tmp_path_factory.mktemp("paced")
    (folder / "recordings").mkdir()
    lines = [
        json.dumps([1.0, {"type": kind, "sequence_number": number, "response": RESPONSE}])
        for number, kind in enumerate(KINDS)
    ]
    (folder / "recordings" / "a.jsonl").write_text("\n".join(lines))
    with (
        real_store(folder) as url,
        server_processes(2, folder / "recordings", "--state", url, "--ids", "fresh", logs=folder) as servers,
    ):
        yield servers


class Streamed:
    """A stream of a session at a server, as it comes in."""

    def __init__(self, server: ServerProcess, session: str, hold: str = "", **body: Any) -> None:
        headers = {"x-respool-session": session} | ({"x-respool-hold": hold} if hold else {})
        self._client = httpx2.Client(base_url=server.url, headers=headers, timeout=60)
        self._context = self._client.stream(
            "POST", "/v1/responses", json={"model": "a", "stream": True, **body}
        )

    def __enter__(self) -> "Streamed":
        answer = self._context.__enter__()
        assert answer.status_code == 200
        self._lines = answer.iter_lines()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)
        self._client.close()

    def next(self) -> dict[str, Any]:
        """The next event."""
        return next(json.loads(line[6:]) for line in self._lines if line.startswith("data: {"))

    def rest(self) -> list[str]:
        """The types of all events that are left."""
        return [json.loads(line[6:])["type"] for line in self._lines if line.startswith("data: {")]


def ask(server: ServerProcess, method: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = httpx2.request(method, f"{server.url}/__admin{path}", json=body or None, timeout=60)
    assert answer.status_code == status, answer.text
    return answer.json()


def held(server: ServerProcess, session: str, **query: Any) -> dict[str, Any]:
    """The stream of a session that is held, wherever it is sent."""
    query = {"for": "playback.held", "session": session, "timeout": 30, **query}
    answer = httpx2.get(f"{server.url}/__admin/wait", params=query, timeout=60)
    playback: dict[str, Any] = answer.json()["playback"]
    return playback


def test_a_stream_is_held_and_released_by_way_of_a_server_that_does_not_send_it(
    paced: list[ServerProcess],
) -> None:
    one, other = paced
    ask(other, "PUT", "/holds", session="held", at="response.created", ttl=60)
    with Streamed(one, "held", background=True) as stream:
        playback = held(other, "held")
        assert (playback["sent"], playback["holds"]) == (1, ["h1"])
        listed = ask(other, "GET", "/playbacks?session=held&state=held")["playbacks"]
        assert [each["id"] for each in listed] == [playback["id"]]
        sent = ask(other, "POST", f"/playbacks/{playback['id']}/release", events=1)["sent"]
        assert [(event["playback"], event["seq"]) for event in sent] == [(playback["id"], 1)]
        ask(other, "POST", f"/playbacks/{playback['id']}/inject", event={"type": "response.new"})
        ask(other, "POST", f"/playbacks/{playback['id']}/drop", seq=4)
        released = ask(other, "POST", f"/playbacks/{playback['id']}/finish", how="terminal")
        assert released["playback"]["state"] == "done"
        id_ = stream.next()["response"]["id"]
        seen = stream.rest()
    assert seen == [*KINDS[1:2], "response.new", *KINDS[3:]]
    again = httpx2.get(
        f"{other.url}/v1/responses/{id_}?stream=true&starting_after=0", headers={"x-respool-session": "held"}
    )
    assert [line[7:] for line in again.text.splitlines() if line.startswith("event: ")] == seen


def test_a_stream_is_cut_by_way_of_another_server_and_what_is_wrong_is_told(
    paced: list[ServerProcess],
) -> None:
    one, other = paced
    with Streamed(one, "cut", hold="after=response.created") as stream:
        id_ = held(other, "cut")["id"]
        stream.next()
        assert ask(other, "POST", f"/playbacks/{id_}/drop", 409, seq=0)["error"]["code"] == "conflict"
        ask(other, "POST", f"/playbacks/{id_}/finish", how="cut")
        with pytest.raises(httpx2.RemoteProtocolError):
            stream.rest()
    assert ask(other, "GET", f"/playbacks/{id_}")["state"] == "aborted"
    assert ask(other, "GET", "/playbacks/pb_000000_1", 404)["error"]["code"] == "not_found"


def test_a_clock_is_moved_on_for_the_streams_of_all_servers_in_their_order(
    paced: list[ServerProcess],
) -> None:
    one, other = paced
    ask(one, "PUT", "/clock", session="clock", mode="frozen")
    with Streamed(one, "clock") as here, Streamed(other, "clock") as there:
        first = ask(one, "POST", "/clock/advance", session="clock", seconds=1.0)
        assert len({event["playback"] for event in first["sent"]}) == 2
        assert [here.next()["type"], there.next()["type"]] == KINDS[:1] * 2
        for number in range(4):  # of each moment one event, and then the other's
            sent = ask(paced[number % 2], "POST", "/clock/advance", session="clock", next=1)["sent"]
            assert [event["seq"] for event in sent] == [1 + number // 2]
        assert [here.next()["sequence_number"], there.next()["sequence_number"]] == [1, 1]
        rest = ask(other, "POST", "/clock/advance", session="clock", seconds=10.0)
        assert [event["seq"] for event in rest["sent"]] == [3, 3, 4, 4]
        assert here.rest() == there.rest() == KINDS[2:]
    clocks = [ask(server, "GET", "/clock?session=clock")["now"] for server in paced]
    assert clocks == [rest["now"]] * 2
    refused = ask(other, "PUT", "/clock", 400, session="clock", mode="auto")["error"]
    assert (refused["code"], refused["param"]) == ("not_shared", "mode")
    assert '/__admin/clock/advance with {"next": 1}' in refused["message"]


def test_no_request_asks_for_a_clock_that_jumps_by_itself(paced: list[ServerProcess]) -> None:
    asks = {"x-respool-clock": "auto", "x-respool-session": "auto"}
    answer = httpx2.post(f"{paced[0].url}/v1/responses", json={"model": "a"}, headers=asks)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_shared")
    with pytest.raises(InvalidStatus, match="HTTP 400"):
        socket_to(paced[0], additional_headers=asks)
    assert ask(paced[0], "GET", "/clock?session=auto")["mode"] == "real"


def test_a_clock_is_moved_up_to_an_event_of_a_stream_that_another_server_sends(
    paced: list[ServerProcess],
) -> None:
    one, other = paced
    ask(one, "PUT", "/clock", session="upto", mode="frozen")
    with Streamed(one, "upto"):
        (playback,) = ask(other, "GET", "/playbacks?session=upto")["playbacks"]
        target = {"playback": playback["id"], "event": "response.output_text.delta", "nth": 2}
        moved = ask(other, "POST", "/clock/advance", session="upto", to=target)
        assert [event["seq"] for event in moved["sent"]] == [0, 1, 2]


def test_a_reset_cuts_what_is_held_by_any_server(paced: list[ServerProcess]) -> None:
    one, other = paced
    with Streamed(one, "reset", hold="after=response.created") as stream:
        id_ = held(other, "reset")["id"]
        stream.next()
        ask(other, "POST", "/reset", session="reset")
        with pytest.raises(httpx2.RemoteProtocolError):
            stream.rest()
    assert ask(other, "GET", f"/playbacks/{id_}")["ended"] == "its session was reset while it was held"


def test_a_recording_that_was_uploaded_to_one_server_is_served_by_all(paced: list[ServerProcess]) -> None:
    one, other = paced
    recording = '[0.0, {"type":"response.created","response":{"id":"resp_up"}}]\n'
    path = "/__admin/recordings/mine/up"
    jsonl = {"content-type": "application/jsonl"}
    assert httpx2.put(f"{one.url}{path}", content=recording, headers=jsonl).status_code == 200
    answer = httpx2.post(f"{other.url}/r/mine/up/v1/responses", json={"stream": True})
    assert (answer.status_code, answer.text.count("response.created")) == (200, 2)  # event and data
    assert httpx2.get(f"{other.url}{path}").json()["uploaded"] is True
    assert httpx2.delete(f"{other.url}{path}").status_code == 200
    assert httpx2.post(f"{one.url}/r/mine/up/v1/responses", json={"stream": True}).status_code == 404


def test_a_server_that_was_killed_is_soon_not_asked_any_more(
    paced: list[ServerProcess],
) -> None:
    one, other = paced
    with Streamed(other, "killed", hold="after=response.created", background=True) as stream:
        id_ = stream.next()["response"]["id"]
        before = held(one, "killed")
        other.kill()
        listed = ask(one, "GET", "/playbacks?session=killed")["playbacks"]
        assert listed == []
        assert ask(one, "POST", f"/playbacks/{before['id']}/release", 404)["error"]["code"] == "not_found"
    session = {"x-respool-session": "killed"}
    path = f"{one.url}/v1/responses/{id_}"
    with httpx2.stream("GET", path, params={"stream": "true"}, headers=session, timeout=60) as resumed:
        again = held(one, "killed")  # it is held for who resumes it, too
        assert again["id"] != before["id"]
        ask(one, "POST", f"/playbacks/{again['id']}/finish", how="terminal")
        assert resumed.read().count(b"data: {") == len(KINDS)


def test_streams_of_a_killed_server_go_on_elsewhere_though_no_file_has_what_they_play(tmp_path: Path) -> None:
    upload, jsonl = "/__admin/recordings/mine/up", {"content-type": "application/jsonl"}
    recording = "\n".join(
        json.dumps({"type": kind, "sequence_number": number, "response": RESPONSE | {"id": "resp_up"}})
        for number, kind in enumerate(KINDS)
    )
    (tmp_path / "recordings").mkdir()
    options = ("--on-miss", "improvise", "--speed", "instant")
    background: dict[str, Any] = {"hold": "after=response.created", "background": True}
    with (
        real_store(tmp_path) as url,
        server_processes(2, tmp_path / "recordings", "--state", url, *options, logs=tmp_path) as (one, other),
    ):
        httpx2.put(f"{one.url}{upload}", content=recording, headers=jsonl).raise_for_status()
        with Streamed(one, "a", model="m", input="My name is Ada.") as stream:
            first = stream.next()["response"]["id"]
            stream.rest()
        with (
            Streamed(one, "a", **background, model="m", input="y", previous_response_id=first) as improvised,
            Streamed(one, "b", **background, model="mine/up") as uploaded,
        ):
            ids = {"a": improvised.next()["response"]["id"], "b": uploaded.next()["response"]["id"]}
            replaced = recording.replace("resp_up", "resp_new")
            httpx2.put(f"{other.url}{upload}", content=replaced, headers=jsonl).raise_for_status()
            one.kill()
        for session, id_ in ids.items():
            path, query = f"{other.url}/v1/responses/{id_}", {"stream": "true", "starting_after": "0"}
            headers = {"x-respool-session": session}
            with httpx2.stream("GET", path, params=query, headers=headers, timeout=60) as resumed:
                assert resumed.status_code == 200
                ask(other, "POST", f"/playbacks/{held(other, session)['id']}/release", events=None)
                lines = [line for line in resumed.iter_lines() if line.startswith("data: {")]
            events = [json.loads(line[6:]) for line in lines]
            assert [event["sequence_number"] for event in events] == list(range(1, len(events) + 1))
            assert (events[-1]["type"], events[-1]["response"]["id"]) == ("response.completed", id_)
