"""The routes for live streams, holds and clocks, over real connections."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.testing import RunningServer, running_server

COUNT = 5
STREAM = {"model": "a", "stream": True}


@pytest.fixture
def running(
    store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Path
) -> Iterator[RunningServer]:
    kinds = ["response.created", *["response.output_text.delta"] * 3, "response.completed"]
    response = {"id": "resp_1", "object": "response", "output": [], "status": "completed"}
    store(
        recording(
            "a", [(0.1, kind, {"sequence_number": n, "response": response}) for n, kind in enumerate(kinds)]
        )
    )
    with running_server(tmp_path) as server:
        yield server


@pytest.fixture
def http(running: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=running.url, timeout=60) as client:
        yield client


@contextmanager
def streamed(http: httpx2.Client, hold: str = "", **headers: str) -> Iterator[httpx2.Response]:
    given = {"x-respool-hold": hold, **headers} if hold else headers
    with http.stream("POST", "/v1/responses", json=STREAM, headers=given) as answer:
        yield answer


def ask(http: httpx2.Client, method: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = http.request(method, f"/__admin{path}", json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


def wait(http: httpx2.Client, **query: Any) -> Any:
    return http.get("/__admin/wait", params=query).json()


def count(answer: httpx2.Response) -> int:
    return answer.read().count(b"data: ")


def test_a_header_holds_a_stream_and_the_api_lets_it_go(http: httpx2.Client) -> None:
    with streamed(http, "before=start") as answer:
        held = wait(http, **{"for": "playback.held"})["playback"]
        assert (held["id"], held["state"], held["sent"], held["held_at"]) == (
            "pb_1",
            "held",
            0,
            "before=start",
        )
        assert held["next"] == {"seq": 0, "type": "response.created", "due": None}
        sent = ask(http, "POST", "/playbacks/pb_1/release", events=2)["sent"]
        assert [(one["seq"], one["type"]) for one in sent] == [
            (0, "response.created"),
            (1, "response.output_text.delta"),
        ]
        until = {"event": "output_text.delta", "nth": 3}
        assert len(ask(http, "POST", "/playbacks/pb_1/release", until=until)["sent"]) == 2
        assert ask(http, "POST", "/playbacks/pb_1/finish", how="terminal")["playback"]["state"] == "done"
        assert count(answer) == COUNT
    assert wait(http, **{"for": "playback.done", "playback": "pb_1"})["playback"]["state"] == "done"
    assert ask(http, "GET", "/playbacks/pb_1")["sent"] == COUNT


def test_events_are_put_in_replaced_and_left_out(http: httpx2.Client) -> None:
    with streamed(http, "before=start") as answer:
        wait(http, **{"for": "playback.held"})
        ask(http, "POST", "/playbacks/pb_1/inject", event={"type": "response.new"})
        ask(http, "POST", "/playbacks/pb_1/replace", seq=2, event='{ "type":"other" }')
        ask(http, "POST", "/playbacks/pb_1/drop", seq=3)
        ask(http, "POST", "/playbacks/pb_1/finish", how="terminal")
        text = answer.read().decode()
    assert 'data: {"type":"response.new","sequence_number":0}' in text
    assert 'event: other\ndata: { "type":"other" }' in text
    assert text.count("data: ") == COUNT


def test_holds_are_for_the_streams_of_a_session_that_match(http: httpx2.Client) -> None:
    made = ask(http, "PUT", "/holds", session="s", match={"recording": "a*", "nth": 2}, at={"seq": 1}, ttl=60)
    assert (made["id"], made["when"]) == ("h1", "after")
    ask(http, "PUT", "/clock", session="s", mode="auto")
    session = {"x-respool-session": "s"}
    with streamed(http, **session) as answer:
        assert count(answer) == COUNT
    with streamed(http, **session) as answer:
        held = wait(http, **{"for": "playback.held", "session": "s"})["playback"]
        assert (held["sent"], held["holds"]) == (2, ["h1"])
        assert wait(http, **{"for": "playback.held", "session": "", "timeout": 0}) == {
            "timeout": True,
            "playback": None,
            "requests": None,
        }
        ask(http, "POST", f"/playbacks/{held['id']}/release", events=None, until=None)
        assert count(answer) == COUNT
    assert len(http.get("/__admin/holds", params={"session": "s"}).json()["holds"]) == 1
    http.delete("/__admin/holds/h1", params={"session": "s"}).raise_for_status()
    assert http.delete("/__admin/holds/h1", params={"session": "s"}).status_code == 404


def test_a_frozen_clock_moves_by_seconds_by_events_and_to_an_event(http: httpx2.Client) -> None:
    assert ask(http, "PUT", "/clock", mode="frozen")["mode"] == "frozen"
    with streamed(http) as answer:
        first = ask(http, "POST", "/clock/advance", seconds=0.15)
        assert [(one["seq"], round(one["t"], 6)) for one in first["sent"]] == [(0, 0.1)]
        assert first["due_next"] == pytest.approx(0.05, abs=1e-6)
        assert [one["seq"] for one in ask(http, "POST", "/clock/advance", next=1)["sent"]] == [1]
        to = {"playback": "pb_1", "event": "response.output_text.delta", "nth": 3}
        assert [one["seq"] for one in ask(http, "POST", "/clock/advance", to=to)["sent"]] == [2, 3]
        assert ask(http, "POST", "/clock/advance", seconds=3600)["due_next"] is None
        assert count(answer) == COUNT


def test_a_stream_under_way_is_held_where_it_is(http: httpx2.Client) -> None:
    ask(http, "PUT", "/clock", mode="frozen")
    with streamed(http) as answer:
        ask(http, "POST", "/clock/advance", seconds=0.2)
        ask(http, "POST", "/playbacks/pb_1/hold", ttl=60)
        advanced = ask(http, "POST", "/clock/advance", seconds=100)
        assert (advanced["sent"], advanced["held"]) == ([], ["pb_1"])
        ask(http, "POST", "/playbacks/pb_1/finish", how="close")
        assert count(answer) == 2


def test_a_client_that_leaves_while_it_is_held_is_noticed(http: httpx2.Client) -> None:
    with streamed(http, "before=start"):
        wait(http, **{"for": "playback.held"})
    done = wait(http, **{"for": "playback.done"})["playback"]
    assert (done["state"], done["ended"]) == ("aborted", "client left")


def test_what_is_held_is_kept_alive_if_asked(http: httpx2.Client) -> None:
    with streamed(http, "after=1, keepalive=0.02, ttl=60") as answer:
        lines = answer.iter_lines()
        while ": keepalive" not in next(lines):
            pass
        ask(http, "POST", "/playbacks/pb_1/finish", how="terminal")
        assert sum(line.startswith("data: ") for line in lines) == COUNT - 1


def test_a_stream_with_faults_is_held_as_well(http: httpx2.Client) -> None:
    with streamed(http, "after=2", **{"x-respool-fault": "duplicate(at=1)"}) as answer:
        held = wait(http, **{"for": "playback.held"})["playback"]
        assert held["state"] == "held"
        ask(http, "POST", "/playbacks/pb_1/release", events=1)
        ask(http, "POST", "/playbacks/pb_1/finish", how="terminal")
        assert count(answer) == COUNT + 1


def test_a_poll_waits_for_the_response_under_a_clock_that_jumps(http: httpx2.Client) -> None:
    ask(http, "PUT", "/clock", mode="auto")
    http.post("/v1/responses", json={"model": "a", "background": True})
    for _ in range(1000):
        if http.get("/v1/responses/resp_1").json()["status"] == "completed":
            return
    raise AssertionError("time stood still")


def test_a_session_that_is_reset_cuts_what_it_holds(http: httpx2.Client) -> None:
    with streamed(http, "before=start") as answer:
        wait(http, **{"for": "playback.held"})
        ask(http, "POST", "/reset", session="")
        with pytest.raises(httpx2.HTTPError):
            answer.read()


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/playbacks/pb_9/release", {"events": 1}, 404, "There is no playback pb_9"),
        ("/playbacks/pb_1/release", {"events": 1, "until": "x"}, 400, "give one of events and until"),
        ("/playbacks/pb_1/release", {"events": 0}, 400, "events"),
        ("/playbacks/pb_1/release", {"until": "response.failed"}, 409, "has no event after=response.failed"),
        ("/playbacks/pb_1/finish", {"how": "explode"}, 400, "how is explode"),
        ("/playbacks/pb_1/inject", {"event": "{"}, 400, "the event cannot be sent"),
        ("/playbacks/pb_1/drop", {"seq": 99}, 409, "no event with the number 99"),
        ("/playbacks/pb_1/hold", {"at": "response.failed"}, 409, "has no event"),
        ("/clock/advance", {"seconds": 1}, 400, "the clock is not frozen"),
        ("/clock/advance", {"seconds": 1, "next": 1}, 400, "give one of seconds, next and to"),
    ],
)
def test_what_cannot_be_done_says_why(
    path: str, body: dict[str, Any], status: int, message: str, http: httpx2.Client
) -> None:
    with streamed(http, "before=start"):
        wait(http, **{"for": "playback.held"})
        assert message in ask(http, "POST", path, status, **body)["error"]["message"]


@pytest.mark.parametrize(
    ("hold", "message"),
    [("after=no such", "The header x-respool-hold"), ("after=response.failed", "it has no such event")],
)
def test_a_hold_that_cannot_be_is_refused(hold: str, message: str, http: httpx2.Client) -> None:
    answer = http.post("/v1/responses", json=STREAM, headers={"x-respool-hold": hold})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_hold")
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("wanted", ["playback.x", "requests>=", "seq>=x"])
def test_only_known_states_can_be_waited_for(wanted: str, http: httpx2.Client) -> None:
    assert http.get("/__admin/wait", params={"for": wanted}).status_code == 400


def test_numbers_and_requests_can_be_waited_for(http: httpx2.Client) -> None:
    with streamed(http, "after=2", **{"x-respool-session": "s"}):
        assert wait(http, **{"for": "requests>=1", "session": "s"})["requests"] == 1
        assert wait(http, **{"for": "seq>=1", "session": "s"})["playback"]["seq_sent"] == 1
