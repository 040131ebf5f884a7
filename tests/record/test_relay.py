"""The relay between a real client and a real upstream, which is Respool itself."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from respool.play.pace import Pace
from respool.record.recorder import Recorder, RecordOptions
from respool.record.redaction import Redactor
from respool.record.relay import Relay
from respool.record.upstream import Upstream
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.testing import RunningServer, running_server, serving

FIXTURES = Path(__file__).parents[2] / "fixtures"
FAST = Pace(speed=20)


@dataclass(frozen=True)
class Setup:
    """A relay that runs, the server behind it, and the folder that it records into."""

    url: str
    upstream: RunningServer
    folder: Path
    recorder: Recorder

    def ask(self, path: str = "/v1/responses", **body: Any) -> bytes:
        """Ask through the relay."""
        return ask(f"{self.url}{path}", **body)

    def settle(self) -> None:
        """Wait until what has ended is written."""
        self.recorder.flush()
        _wait(lambda: not self.recorder.active)
        self.recorder.flush()

    def recorded(self) -> dict[str, tuple[Recording, ...]]:
        """All recordings that were written."""
        self.settle()
        store = Store(self.folder)
        assert not store.refused
        return {name: store.turns(name) for name in store.names}

    def only(self) -> Recording:
        """The only turn of the only recording."""
        ((turn,),) = self.recorded().values()
        return turn


def ask(url: str, headers: Mapping[str, str] | None = None, **body: Any) -> bytes:
    """What comes on the wire, however it ends."""
    body = {"model": "text/hello", "stream": True, "input": "Say hello", **body}
    found = b""
    try:
        with httpx2.stream("POST", url, json=body, headers=headers, timeout=30) as response:
            for chunk in response.iter_raw():
                found += chunk
    except httpx2.TransportError as error:
        found += f"\n{type(error).__name__}".encode()
    return found


@contextmanager
def relaying(
    folder: Path, *paths: Path, options: RecordOptions | None = None, **server: Any
) -> Iterator[Setup]:
    with running_server(*(paths or (FIXTURES,)), **{"pace": FAST, **server}) as upstream:
        recorder = Recorder(folder, options)
        with serving(Relay(Upstream(upstream.base_url), recorder), websocket=False) as url:
            yield Setup(url, upstream, folder, recorder)


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with relaying(tmp_path / "recorded") as running:
        yield running


@pytest.mark.parametrize("name", ["text/hello", "tools/get_weather", "text/cafe"])
def test_a_stream_passes_byte_for_byte_and_its_events_are_recorded_so(setup: Setup, name: str) -> None:
    recording = setup.upstream.server.store.get(name) or setup.upstream.server.store.get("text/hello")
    assert recording is not None
    model = recording.name
    direct = ask(f"{setup.upstream.url}/v1/responses", model=model)
    assert setup.ask(model=model) == direct
    recorded = setup.only()
    assert [timed.event.text for timed in recorded.events] == [timed.event.text for timed in recording.events]
    assert all(timed.gap is not None and timed.gap >= 0 for timed in recorded.events)
    assert recorded.captured is None  # framed as the API frames them


def test_the_header_tells_what_was_asked_and_how_it_ended(setup: Setup) -> None:
    setup.ask(metadata={"a": "ü"}, input="Say hello!")
    fields = setup.only().header.fields
    assert fields["request"]["metadata"] == {"a": "ü"}
    assert fields["status"] == 200
    assert fields["headers"]["content-type"].startswith("text/event-stream")
    assert fields["fidelity"] == {"body": "exact", "timing": "recorded", "headers": "reduced"}
    assert fields["ended"] == "complete"
    assert fields["recorded"].endswith("Z")
    assert "faults" not in fields


def test_a_name_is_made_of_model_and_text(setup: Setup) -> None:
    setup.ask(input="Say hello, Zoë!")
    setup.ask(input="Say hello, Zoë!")
    assert list(setup.recorded()) == ["text-hello/say-hello-zoe", "text-hello/say-hello-zoe-2"]


def test_a_path_and_a_session_name_recordings(setup: Setup) -> None:
    setup.ask("/r/my/name/v1/responses")
    setup.ask("/s/tests%2Ftest_a.py::test_b/v1/responses")
    assert list(setup.recorded()) == ["my/name", "tests/test_a.py/test_b/say-hello"]


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "..", "a/../../b", "%2e%2e/x"])
def test_no_name_leads_out_of_the_folder(setup: Setup, name: str) -> None:
    setup.ask(headers={"x-respool-play": name})
    assert len(setup.recorded()) == 1
    assert not list(setup.folder.parent.glob("*.jsonl"))


def test_turns_of_one_conversation_go_into_one_file(setup: Setup) -> None:
    first = setup.ask(model="tools/get_weather", input="Weather?")
    setup.settle()
    call = next(
        json.loads(line[6:])["item"]
        for line in first.decode().splitlines()
        if line.startswith("data:") and '"response.output_item.done"' in line and '"call_id"' in line
    )
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    setup.ask(model="text/hello", input=[{"role": "user", "content": "Weather?"}, call, output])
    setup.ask(model="text/hello", input="Something else")
    assert [len(turns) for turns in setup.recorded().values()] == [1, 2]


def test_a_template_with_turn_gives_each_turn_its_file(tmp_path: Path) -> None:
    options = RecordOptions(template="{slug}-{turn}")
    with relaying(tmp_path / "recorded", options=options) as setup:
        response_id = json.loads(setup.ask(stream=False))["id"]
        setup.settle()
        setup.ask(previous_response_id=response_id, input="And now?")
        assert list(setup.recorded()) == ["and-now-2", "say-hello-1"]


def test_an_answer_without_stream_is_recorded(setup: Setup) -> None:
    answer = json.loads(setup.ask(stream=False))
    recorded = setup.only()
    assert recorded.plain
    assert recorded.header.body == answer
    assert recorded.header.fields["elapsed"] > 0


def test_an_error_is_recorded_with_status_and_headers(setup: Setup) -> None:
    setup.ask(headers={"x-respool-fault": "rate_limit"})
    header = setup.only().header
    assert header.status == 429
    assert header.body["error"]["code"] == "rate_limit_exceeded"
    assert "retry-after" in header.headers


def test_other_paths_are_relayed_and_not_recorded(setup: Setup) -> None:
    assert httpx2.get(f"{setup.url}/v1/models").json() == httpx2.get(f"{setup.upstream.url}/v1/models").json()
    assert httpx2.get(f"{setup.url}/v1/nothing").status_code == 404
    assert setup.recorded() == {}


def test_an_upstream_that_is_not_there_is_a_502_and_no_recording(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
    recorder = Recorder(tmp_path)
    with serving(Relay(Upstream(url), recorder), websocket=False) as relay:
        response = httpx2.post(f"{relay}/v1/responses", json={"model": "m", "input": "x", "stream": True})
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert not list(tmp_path.rglob("*.*"))


def test_pages_from_elsewhere_cannot_spend_the_key(setup: Setup) -> None:
    response = httpx2.post(f"{setup.url}/v1/responses", json={}, headers={"origin": "https://example.com"})
    assert response.status_code == 403
    assert setup.recorded() == {}


def test_an_upgrade_is_refused_as_clients_understand_it(setup: Setup) -> None:
    headers = {"upgrade": "websocket", "connection": "upgrade"}
    assert httpx2.get(f"{setup.url}/v1/responses", headers=headers).status_code == 426


WIRE_FAULTS = [
    "status(code=503)",
    "status(code=502, body=html)",
    "quota",
    "not_json",
    "content_type",
    "refuse",
    "empty_reply",
    "close(after=5)",
    "close(after=0)",
    "cut(after=5)",
    "cut(after=100%)",
    "abort(after=5)",
    "reset_peer(after=5)",
    "half_frame(at=5)",
    "no_terminal",
    "line_ends(kind=crlf)",
    "line_ends(kind=cr)",
    "no_space",
    "split_data",
    "bom",
    "comments",
    "id_lines",
    "retry_line",
    "no_event_line",
    "done",
    "drop",
    "duplicate",
    "swap",
    "gap",
    "unknown_event",
    "truncated_json",
    "invalid_utf8",
    "wrong_event_name",
    "error_event",
    "error_event(flat=true)",
    "failed",
    "incomplete",
    "odd_characters",
    "slicer(size=7)",
    "merge",
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with relaying(tmp_path_factory.mktemp("faults") / "recorded") as running:
        yield running


@pytest.mark.parametrize("fault", WIRE_FAULTS)
def test_a_recording_replays_to_the_fault_of_the_upstream(shared: Setup, fault: str, tmp_path: Path) -> None:
    name = f"fault-{WIRE_FAULTS.index(fault)}"
    headers = {"x-respool-fault": fault, "x-respool-play": name}
    through = shared.ask(headers=headers)
    shared.settle()
    shutil.copy(shared.folder / f"{name}.jsonl", tmp_path / "a.jsonl")
    with running_server(tmp_path, pace=FAST) as replay:
        assert ask(f"{replay.url}/v1/responses") == _with_fin_cut(through)


def _with_fin_cut(wire: bytes) -> bytes:
    return wire


def test_a_client_that_leaves_keeps_what_came(tmp_path: Path) -> None:
    with relaying(tmp_path / "recorded") as setup:
        headers = {"x-respool-fault": "stall(after=5)"}
        body = {"model": "text/hello", "stream": True, "input": "x"}
        with httpx2.stream("POST", f"{setup.url}/v1/responses", json=body, headers=headers) as response:
            seen = b""
            for chunk in response.iter_raw():
                seen += chunk
                if seen.count(b"\n\n") == 5:
                    break
        _wait(lambda: bool(setup.recorded()))
        recorded = setup.only()
        assert len(recorded.events) == 5
        assert recorded.header.fields["ended"] == "client left"
        assert recorded.header.fields["faults"] == ["stall(after=100%)"]


def test_a_recorder_that_is_stopped_keeps_what_came(tmp_path: Path) -> None:
    with relaying(tmp_path / "recorded") as setup:
        thread = threading.Thread(
            target=setup.ask, kwargs={"headers": {"x-respool-fault": "stall(after=5)"}}, daemon=True
        )
        thread.start()
        _wait(lambda: any(one.stat().st_size for one in setup.folder.rglob("*.partial")))
        _wait(lambda: one_partial(setup.folder).count("\n") >= 4)
    thread.join()
    recorded = Store(tmp_path / "recorded").only
    assert recorded is not None
    assert len(recorded.events) == 5
    assert not list((tmp_path / "recorded").rglob("*.partial"))


def one_partial(folder: Path) -> str:
    (file,) = folder.rglob("*.partial")
    return file.read_text()


def test_a_polled_background_run_is_one_recording(tmp_path: Path) -> None:
    with relaying(tmp_path / "recorded", pace=Pace(speed=4)) as setup:
        run = json.loads(setup.ask(stream=False, background=True))
        url = f"{setup.url}/v1/responses/{run['id']}"
        states = [run["status"]]

        def done() -> bool:
            states.append(httpx2.get(url).json()["status"])
            return bool(states[-1] == "completed")

        _wait(done)
        recorded = setup.only()
        types = [timed.event.type for timed in recorded.events]
        assert types[0] == "response.created"
        assert types[-1] == "response.completed"
        assert "response.output_item.done" in types
        assert recorded.header.fields["polls"] == len(states) - 1
        assert recorded.header.fields["fidelity"]["timing"] == "polled"
        assert sum(timed.gap or 0 for timed in recorded.events) > 0.1


def test_a_stream_that_is_resumed_is_one_recording(tmp_path: Path) -> None:
    with relaying(tmp_path / "recorded") as setup:
        begun = setup.ask(background=True, store=True, headers={"x-respool-fault": "cut(after=6)"})
        events = [json.loads(line[6:]) for line in begun.decode().splitlines() if line.startswith("data: ")]
        id_, last = events[0]["response"]["id"], events[-1]["sequence_number"]
        rest = httpx2.get(
            f"{setup.url}/v1/responses/{id_}", params={"stream": "true", "starting_after": last}
        )
        assert rest.status_code == 200
        recorded = setup.only()
        whole = setup.upstream.server.store.get("text/hello")
        assert whole is not None
        assert len(recorded.events) == len(whole.events)
        assert recorded.header.fields["ended"] == "complete"
        assert recorded.header.fields["faults"] == ["cut(after=6, times=1)"]


def test_what_was_begun_before_the_recorder_is_recorded_as_far_as_it_is_seen(tmp_path: Path) -> None:
    with relaying(tmp_path / "recorded", pace=Pace(speed=4)) as setup:
        there, here = (f"{url}/v1/responses" for url in (setup.upstream.url, setup.url))
        ended = httpx2.post(there, json={"model": "text/conversation", "input": "Hi"}).json()["id"]
        streamed = json.loads(ask(there, background=True).split(b"data: ")[1].splitlines()[0])["response"][
            "id"
        ]
        for _ in range(2):  # what is asked again says nothing new
            httpx2.get(f"{here}/{ended}")
        httpx2.get(f"{here}/{streamed}", params={"stream": "true"})
        httpx2.get(f"{here}/{streamed}", params={"stream": "true", "starting_after": "3"})
        clock = setup.upstream.clock
        clock.freeze()
        run = json.loads(ask(there, model="tools/get_weather", stream=False, background=True))["id"]
        states = []
        for _ in range(2):
            states.append(httpx2.get(f"{here}/{run}").json()["status"])
            clock.advance(60)
        assert states[0] in ("queued", "in_progress")
        assert states[1] == "completed"
        recorded = setup.recorded()
    assert {name.rpartition("/")[2] for name in recorded} == {ended, streamed, run}
    found = {name.rpartition("/")[2]: turns for name, turns in recorded.items()}
    assert found[ended][0].header.body["id"] == ended
    whole = setup.upstream.server.store.get("text/hello")
    assert whole is not None
    assert [one.event.text for one in found[streamed][0].events] == [one.event.text for one in whole.events]
    assert found[run][0].events[-1].event.type == "response.completed"


def test_secrets_of_a_request_are_in_no_file(tmp_path: Path) -> None:
    redactor = Redactor(["cust-[0-9]+"])
    key, other = "sk-proj-" + "aB3dE5gH7jK9" * 4, "local-key-4242"
    with relaying(tmp_path / "recorded", options=RecordOptions(redactor=redactor)) as setup:
        headers = {"authorization": f"Bearer {key}", "api-key": other}
        setup.ask(headers=headers, input=f"{other} and {key} of cust-12345678")
        setup.settle()
        files = [path for path in setup.folder.rglob("*") if path.is_file()]
        assert files
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
        for path in files:
            for secret in (key, other, "cust-12345678"):
                assert secret not in path.read_text()
                assert secret not in str(path)


def _wait(condition: Any) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
