"""A server that asks another one, which is Respool itself, for what is not recorded."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from respool.errors import OptionError
from respool.play.pace import Pace
from respool.record.live_upstream import UpstreamPlan
from respool.recordings.store import Store
from respool.testing import RunningServer, running_server

FIXTURES = Path(__file__).parents[2] / "fixtures"
FAST = Pace(speed=20)
HELLO = {"model": "text/hello", "input": "Say hello", "stream": True}


@dataclass(frozen=True)
class Setup:
    """A server that records, and the one that it asks."""

    running: RunningServer
    upstream: RunningServer
    folder: Path

    def post(self, body: Mapping[str, Any], path: str = "/v1/responses", **more: Any) -> httpx2.Response:
        return httpx2.post(f"{self.running.url}{path}", json=body, timeout=30, **more)

    def settle(self) -> None:
        """Wait until what was answered is recorded."""
        assert self.running.upstream is not None
        while self.running.upstream.busy:
            pass

    @property
    def names(self) -> list[str]:
        """The recordings that were written."""
        self.settle()
        return Store(self.folder).names

    @property
    def upstream_requests(self) -> int:
        """The number of requests to the upstream."""
        return len(self.upstream.server.journal)


@contextmanager
def recording(folder: Path, *, mode: str = "new_episodes", **options: Any) -> Iterator[Setup]:
    with (
        running_server(FIXTURES, pace=FAST) as upstream,
        running_server(
            folder, pace=FAST, on_miss="record", upstream=upstream.base_url, record_mode=mode, **options
        ) as running,
    ):
        yield Setup(running, upstream, folder)


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with recording(tmp_path) as running:
        yield running


def test_what_is_not_recorded_is_asked_upstream_and_then_played(setup: Setup) -> None:
    first = setup.post(HELLO)
    assert first.headers["x-respool-match"].startswith("relayed: No recording matches")
    second = setup.post(HELLO)
    assert second.headers["x-respool-match"].startswith("exact: text-hello/say-hello")
    assert second.content == first.content
    assert setup.upstream_requests == 1
    (turn,) = Store(setup.folder).turns("text-hello/say-hello")
    (original,) = setup.upstream.server.store.turns("text/hello")
    assert [one.event.text for one in turn.events] == [one.event.text for one in original.events]


def test_the_journal_says_that_an_answer_was_relayed_and_as_what_it_was_recorded(setup: Setup) -> None:
    setup.post(HELLO)
    setup.settle()
    (exchange,) = setup.running.server.journal
    assert exchange.relayed
    assert not exchange.unmatched
    assert exchange.recording == "text-hello/say-hello"
    assert "200 relayed, recorded as text-hello/say-hello" in str(exchange)
    assert exchange.to_log()["relayed"] is True


def test_another_request_is_asked_although_one_recording_is_there(setup: Setup) -> None:
    setup.post(HELLO)
    setup.post({**HELLO, "input": "Say goodbye"})
    setup.post({**HELLO, "instructions": "Be short."})
    assert setup.upstream_requests == 3


def test_an_error_of_the_upstream_is_recorded(setup: Setup) -> None:
    body = {**HELLO, "model": "errors/rate_limit"}
    first = setup.post(body)
    second = setup.post(body)
    assert (first.status_code, second.status_code) == (429, 429)
    assert first.json() == second.json()
    assert setup.upstream_requests == 1


def test_what_the_upstream_gets_has_nothing_that_is_said_to_this_server(setup: Setup) -> None:
    setup.post(
        HELLO,
        "/s/mine/v1/responses?x-respool-session=other&include=x",
        headers={"x-respool-play": "a/name", "authorization": "Bearer the-key-0815"},
    )
    (exchange,) = setup.upstream.server.journal
    assert exchange.path == "/v1/responses"
    assert exchange.query == "include=x"
    names = {name.decode() for name, _ in exchange.raw_headers}
    assert not any(name.startswith("x-respool-") for name in names)
    assert (b"authorization", b"Bearer the-key-0815") in exchange.raw_headers
    assert setup.names == ["a/name"]
    assert b"the-key-0815" not in (setup.folder / "a/name.jsonl").read_bytes()


def test_the_key_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "the-key-0816")
    with recording(tmp_path, api_key_env="MY_KEY") as setup:
        setup.post(HELLO, headers={"authorization": "Bearer any"})
        (exchange,) = setup.upstream.server.journal
    assert (b"authorization", b"Bearer the-key-0816") in exchange.raw_headers
    assert b"the-key-0816" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.jsonl"))


def test_a_conversation_by_ids_goes_on_from_what_was_relayed(setup: Setup) -> None:
    client = OpenAI(base_url=setup.running.base_url, api_key="any")
    first = client.responses.create(model="tools/get_weather", input="Weather in Paris?")
    (call,) = [item for item in first.output if item.type == "function_call"]
    outputs: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    again = {"model": "tools/get_weather", "previous_response_id": first.id, "input": outputs}
    second = client.responses.create(**again)
    assert second.output_text
    assert setup.upstream_requests == 2
    assert setup.names == ["tools-get_weather/weather-in-paris"]
    assert len(Store(setup.folder).turns(setup.names[0])) == 2
    assert client.responses.create(**again).output_text == second.output_text
    assert client.responses.retrieve(first.id).id == first.id
    assert setup.upstream_requests == 2  # nothing more


def test_what_only_the_upstream_knows_is_asked_there(setup: Setup) -> None:
    with httpx2.Client(base_url=setup.upstream.url) as there:
        known = there.post("/v1/responses", json={**HELLO, "stream": False}).json()["id"]
    found = httpx2.get(f"{setup.running.url}/v1/responses/{known}")
    assert found.json()["id"] == known
    assert found.headers["x-respool-match"] == "relayed: not known here"
    assert httpx2.get(f"{setup.running.url}/v1/responses/resp_none").status_code == 404
    conversation = httpx2.post(f"{setup.running.url}/v1/conversations", json={}).json()["id"]
    assert httpx2.get(f"{setup.upstream.url}/v1/conversations/{conversation}").status_code == 200
    items = {"items": [{"type": "message", "role": "user", "content": "hi"}]}
    url = f"{setup.running.url}/v1/conversations/{conversation}/items"
    assert httpx2.post(url, json=items).status_code == 200
    answer = setup.post({**HELLO, "conversation": conversation})
    assert "response.completed" in answer.text


def test_polls_of_a_background_run_become_its_recording(tmp_path: Path) -> None:
    with recording(tmp_path) as setup:
        body = {**HELLO, "stream": False, "background": True}
        id_ = setup.post(body).json()["id"]
        url = f"{setup.running.url}/v1/responses/{id_}"
        while (polled := httpx2.get(url).json())["status"] in ("queued", "in_progress"):
            pass
        assert polled["status"] == "completed"
        while not setup.running.server.store.names:  # written in a thread
            pass
        requests_before = setup.upstream_requests
        assert setup.post(body).json()["id"] == id_
        assert setup.upstream_requests == requests_before


@pytest.mark.parametrize(
    ("mode", "there", "requests", "recorded"),
    [
        ("none", False, 0, 0),
        ("none", True, 0, 1),
        ("once", False, 2, 2),
        ("once", True, 0, 1),
        ("new_episodes", True, 1, 2),
        ("all", True, 2, 2),
    ],
)
def test_modes_have_vcrs_meaning(
    mode: str, there: bool, requests: int, recorded: int, tmp_path: Path
) -> None:
    if there:
        with recording(tmp_path) as setup:
            setup.post(HELLO)
    with recording(tmp_path, mode=mode) as setup:
        answers = [setup.post(HELLO), setup.post({**HELLO, "input": "Other"})]
        assert setup.upstream_requests == requests
        statuses = [answer.status_code for answer in answers]
        names = setup.names
    assert statuses == [200 if there or requests else 404, 200 if requests else 404]
    assert len(names) == recorded


def test_a_stub_that_says_proxy_asks_upstream(tmp_path: Path) -> None:
    stub = {"stubs": [{"match": {"model": "text/hello"}, "play": "proxy", "times": 1}]}
    (tmp_path / "stubs.yaml").write_text(json.dumps(stub))
    with (
        running_server(FIXTURES, pace=FAST) as upstream,
        running_server(tmp_path, pace=FAST, upstream=upstream.base_url) as running,
    ):
        setup = Setup(running, upstream, tmp_path)
        first = setup.post(HELLO)
        assert first.headers["x-respool-match"].startswith("relayed: ")
        assert "response.completed" in first.text
        assert setup.post(HELLO).status_code == 404  # it answers once, and misses are none of the upstream's
        assert setup.upstream_requests == 1
    assert Store(tmp_path).names == []  # no folder to record into is set


def test_without_an_upstream_a_stub_that_says_proxy_tells_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "stubs.yaml").write_text('stubs: [{"match": {"model": "a"}, "play": "proxy"}]')
    with running_server(tmp_path) as running:
        answer = httpx2.post(f"{running.base_url}/responses", json={"model": "a", "input": "x"})
    assert answer.status_code == 404
    assert "this server has no --upstream" in answer.json()["error"]["message"]


def test_an_upstream_that_is_not_there_is_a_502_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_server(tmp_path, on_miss="record", upstream="http://127.0.0.1:9/v1") as running:
        answer = httpx2.post(f"{running.base_url}/responses", json=HELLO)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_unreachable"
    assert "http://127.0.0.1:9/v1 cannot be reached" in answer.json()["error"]["message"]
    lines = [record.message for record in caplog.records if "cannot be reached" in record.message]
    assert len(lines) == 1
    assert list(tmp_path.rglob("*.jsonl*")) == []


def test_a_page_from_elsewhere_cannot_spend_the_key(setup: Setup) -> None:
    answer = setup.post(HELLO, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert setup.upstream_requests == 0


def test_a_recording_into_a_folder_below_has_that_in_its_name(tmp_path: Path) -> None:
    with recording(tmp_path, record_into=tmp_path / "new") as setup:
        setup.post(HELLO)
        assert setup.post(HELLO).headers["x-respool-match"].startswith("exact: new/text-hello/say-hello")
        assert setup.upstream_requests == 1


def test_a_cut_stream_is_recorded_with_its_cut(tmp_path: Path) -> None:
    with recording(tmp_path) as setup:
        setup.upstream.server.session().faults = None
        setup.upstream.server.faults = read_faults("abort(after=3)")
        for _ in range(2):
            with pytest.raises(httpx2.RemoteProtocolError):
                setup.post(HELLO)
        assert setup.upstream_requests == 1


def read_faults(text: str) -> Any:
    from respool.faults import read

    return read([text])


@pytest.mark.parametrize(
    ("on_miss", "options", "problem"),
    [
        ("record", {}, "there is no upstream to ask"),
        ("record", {"upstream": "http://127.0.0.1/v1"}, "nothing says where to record"),
        ("record", {"upstream": "http://127.0.0.1/v1", "record_mode": "x"}, "record-mode is x"),
    ],
)
def test_what_makes_no_sense_together_is_told(
    on_miss: str, options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("")
    with pytest.raises(OptionError, match=problem):
        UpstreamPlan.of([file], on_miss, options)  # type: ignore[arg-type]


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs/recording.md").read_text()
    example = page.partition("In Python:\n\n```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    (tmp_path / "fixtures").mkdir()
    names: dict[str, Any] = {}
    with running_server(FIXTURES, pace=FAST, default="text/hello") as upstream:
        exec(example.replace("https://api.openai.com/v1", upstream.base_url), names)
    assert names["answer"].output_text.startswith("Hello!")
    assert Store("fixtures").names == ["gpt-5.2/say-hello"]
