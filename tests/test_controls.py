"""Live streams under hand, over real connections: what a test does with `RunningServer.hold` and `.clock`."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from openai import APIError, AsyncOpenAI, OpenAI
from websockets.frames import Opcode
from websockets.sync.client import connect

from respool.errors import EditError, OptionError
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.testing import RunningServer, running_server

COUNT = 6


@pytest.fixture
def running(
    store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Any
) -> Iterator[RunningServer]:
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    deltas = [
        (0.0, "response.output_text.delta", {"sequence_number": number, "delta": "x", "item_id": "m"})
        for number in range(1, COUNT - 1)
    ]
    events = [
        (0.0, "response.created", {"sequence_number": 0, "response": response}),
        *deltas,
        (
            0.0,
            "response.completed",
            {"sequence_number": COUNT - 1, "response": {**response, "status": "completed"}},
        ),
    ]
    store(recording("a", events))
    with running_server(tmp_path) as server:
        yield server


@pytest.fixture
def sdk(running: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=running.base_url_of("a"), api_key="any", max_retries=0) as client:
        yield client


class Reader:
    """A client in a thread, which reads a stream to its end."""

    def __init__(self, sdk: OpenAI) -> None:
        self.numbers: list[int] = []
        self.error: Exception | None = None
        self._sdk = sdk
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for event in self._sdk.responses.create(model="a", input="Hi", stream=True):
                self.numbers.append(getattr(event, "sequence_number", -1))
        except Exception as error:
            self.error = error

    def end(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_a_stream_goes_on_only_as_the_test_says(running: RunningServer, sdk: OpenAI) -> None:
    with running.hold("a", at="response.created") as stream:
        events = iter(sdk.responses.create(model="a", input="Hi", stream=True))
        view = stream.wait_held()
        assert (view.state, view.sent, view.next_seq) == ("held", 1, 1)
        assert next(events).type == "response.created"
        assert stream.step().seq == 1
        assert next(events).sequence_number == 1
        assert [event.seq for event in stream.until("output_text.delta", nth=3)] == [2, 3]
        assert [next(events).sequence_number for _ in range(2)] == [2, 3]
        stream.inject({"type": "response.output_text.delta", "delta": "new", "item_id": "m"})
        new: Any = next(events)
        assert (new.delta, new.sequence_number) == ("new", 4)
    assert [event.type for event in events] == ["response.output_text.delta", "response.completed"]
    assert [exchange.ended for exchange in running.server.journal] == [""]


def test_a_test_that_fails_cuts_its_stream(running: RunningServer, sdk: OpenAI) -> None:
    readers: list[Reader] = []

    def failing_test() -> None:
        with running.hold("a", at="response.created") as stream:
            readers.append(Reader(sdk))
            stream.wait_held()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_test()
    (reader,) = readers
    reader.end()
    assert (reader.numbers, isinstance(reader.error, APIError)) == ([0], True)
    assert [exchange.ended for exchange in running.server.journal] == ["cut by hand"]


@pytest.mark.parametrize("how", ["cut", "reset", "close", "fail"])
def test_a_stream_ends_as_the_test_says(how: str, running: RunningServer, sdk: OpenAI) -> None:
    with running.hold("a", at="output_text.delta") as stream:
        reader = Reader(sdk)
        stream.wait_held()
        getattr(stream, how)()
        reader.end()
    assert reader.numbers == [0, 1]
    assert (reader.error is None) is (how == "close")
    assert len(running.server.deliveries) == 0


def test_events_are_replaced_and_left_out(running: RunningServer, sdk: OpenAI) -> None:
    with running.hold("a", at="response.created") as stream:
        reader = Reader(sdk)
        stream.wait_held()
        stream.drop(2)
        stream.replace(3, {"type": "response.output_text.delta", "delta": "y", "sequence_number": 30})
        with pytest.raises(EditError, match="no event with the number 0"):
            stream.drop(0)
    reader.end()
    assert reader.numbers == [0, 1, 30, 4, 5]


def test_an_answer_without_stream_is_held_as_well(running: RunningServer, sdk: OpenAI) -> None:
    with ThreadPoolExecutor(1) as pool, running.hold("a", at="terminal") as stream:
        answer = pool.submit(sdk.responses.create, model="a", input="Hi")
        assert stream.wait_held().transport == "json"
        assert not answer.done()
        stream.finish()
        assert answer.result(60).status == "completed"


def test_a_hold_that_catches_nothing_says_so(running: RunningServer) -> None:
    with running.hold("a", at="response.created") as stream:
        with pytest.raises(EditError, match=r"nothing was held .*no request for it has come"):
            stream.wait_held(0.01)
        assert stream.view is None
    assert not running.server.sessions.default_session.holds


def test_a_stream_that_nobody_releases_is_ended_loudly(running: RunningServer, sdk: OpenAI) -> None:
    def forgetful_test() -> None:
        with running.hold("a", at="start", ttl=0.05):
            reader = Reader(sdk)
            reader.end()
            assert reader.error is not None

    with pytest.raises(EditError, match="hold expired"):
        forgetful_test()
    (exchange,) = running.server.journal
    assert exchange.ended == "hold expired: before=start, nobody released it in 0.05 s"


def test_what_is_no_point_is_refused_at_once(running: RunningServer) -> None:
    with pytest.raises(OptionError):
        running.hold("a", at="no such place")


async def test_the_same_for_async_tests(running: RunningServer) -> None:
    async with (
        AsyncOpenAI(base_url=running.base_url_of("a"), api_key="any", max_retries=0) as sdk,
        running.hold("a", at="response.created") as stream,
    ):
        events = await sdk.responses.create(model="a", input="Hi", stream=True)
        assert (await stream.wait_held()).sent == 1
        assert (await anext(events)).type == "response.created"
        assert (await stream.step()).seq == 1
        assert (await anext(events)).sequence_number == 1
        await stream.finish()
        assert [event.sequence_number async for event in events] == list(range(2, COUNT))


@pytest.mark.parametrize("resumes_at", ["before the end of the block", "after it"])
def test_leaving_the_block_lets_a_stream_go_that_was_resumed(
    resumes_at: str, running: RunningServer, sdk: OpenAI
) -> None:
    with running.hold("a", at="response.created") as stream:
        events = sdk.responses.create(model="a", input="Hi", stream=True, background=True)
        id_ = next(iter(events)).response.id  # type: ignore[union-attr]
        stream.wait_held()
        events.close()
        if resumes_at == "before the end of the block":
            resumed = iter(sdk.responses.retrieve(id_, stream=True, starting_after=0))
            assert stream.wait_held().sent == 1
            assert stream.step().seq == 1
            assert next(resumed).sequence_number == 1
    if resumes_at == "after it":
        resumed = iter(sdk.responses.retrieve(id_, stream=True, starting_after=1))
    assert [event.sequence_number for event in resumed] == list(range(2, COUNT))


async def test_the_clock_has_the_same_verbs_for_async_tests(running: RunningServer) -> None:
    clock = running.clock
    await clock.freeze_async()
    before = await clock.now_async()
    assert (await clock.advance_async(30)).now == before + 30 == await clock.now_async()
    await clock.auto_async()
    assert running.server.session().clock.mode == "auto"
    await clock.run_async(4)
    setting = running.server.session().clock.setting
    assert setting
    assert (setting.mode, setting.rate) == ("real", 4.0)


@pytest.mark.parametrize("run", range(3))
def test_a_client_reads_event_by_event_under_a_frozen_clock(
    run: int, store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Any
) -> None:
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    store(
        recording(
            "a",
            [
                (1.0, "response.created", {"sequence_number": 0, "response": response}),
                *((gap, "response.output_text.delta", {"sequence_number": n, "delta": "x", "item_id": "m"})
                  for n, gap in enumerate((0.5, 0.0, 0.0, 3600.0), start=1)),
                (0.0, "response.completed", {"sequence_number": 5, "response": response}),
            ],
        )
    )  # fmt: skip
    with (
        running_server(tmp_path) as running,
        OpenAI(base_url=running.base_url_of("a"), api_key="any", max_retries=0) as sdk,
    ):
        running.clock.freeze()
        events = iter(sdk.responses.create(model="a", input="Hi", stream=True))
        for number in range(6):
            (sent,) = running.clock.advance(next=1).sent
            assert sent.seq == next(events).sequence_number == number
        assert next(events, None) is None
        assert running.clock.advance(10).sent == ()


def test_time_is_moved_to_a_point_of_a_stream_although_its_request_is_on_its_way(
    store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Any
) -> None:
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    delta = {"delta": "x", "item_id": "m"}
    types = ["response.created", *["response.output_text.delta"] * 3, "response.completed"]
    events = [
        (60.0, type_, {"sequence_number": number, **(delta if "delta" in type_ else {"response": response})})
        for number, type_ in enumerate(types)
    ]
    store(recording("a", events))
    with (
        running_server(tmp_path) as running,
        OpenAI(base_url=running.base_url_of("a"), api_key="any", max_retries=0) as sdk,
    ):
        running.clock.freeze()
        reader = Reader(sdk)
        advanced = running.clock.advance(to="response.output_text.delta", nth=2)
        assert [one.seq for one in advanced.sent] == [0, 1, 2]
        assert advanced.due_next == 60.0
        assert [one.seq for one in running.clock.advance(to="terminal").sent] == [3, 4]
        reader.end()
    assert reader.numbers == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ({"to": "x.y", "stream": "a"}, EditError, "x.y"),
        ({"to": "response.created"}, EditError, "there are several streams: pb_1 "),
        ({"to": "response.created", "seconds": 1.0, "stream": "pb_1"}, OptionError, "give one of"),
    ],
)
def test_a_target_of_time_that_is_not_one_is_refused(
    wanted: dict[str, Any],
    error: type[Exception],
    message: str,
    store: Callable[..., Store],
    recording: Callable[..., Recording],
    tmp_path: Any,
) -> None:
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    events = [(5.0, "response.created", {"sequence_number": 0, "response": response})]
    store(recording("a", events), recording("b", events))
    with running_server(tmp_path) as running:
        running.clock.freeze()
        with ThreadPoolExecutor(2) as pool, httpx2.Client(base_url=running.url, timeout=20) as http:
            body = {"model": "m", "input": "x", "stream": True}
            answers = [pool.submit(http.post, f"/r/{name}/v1/responses", json=body) for name in "ab"]
            try:
                for name in "ab":
                    running.clock.advance(to="start", stream=name)
                with pytest.raises(error, match=message):
                    running.clock.advance(**wanted)
            finally:
                running.clock.run()
                running.clock.freeze()
                running.clock.advance(10)
            assert all(one.result().status_code == 200 for one in answers)


def test_time_that_runs_is_not_moved_to_a_point(running: RunningServer) -> None:
    with pytest.raises(OptionError, match="the clock is not frozen"):
        running.clock.advance(to="response.created")


def test_time_jumps_by_itself_and_keeps_the_order_of_several_streams(
    store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Any
) -> None:
    for name, gap in (("a", 1000.0), ("b", 700.0)):
        store(recording(name, [(gap, "response.x", {"sequence_number": number}) for number in range(4)]))
    with running_server(tmp_path, clock_mode="auto") as running, httpx2.Client(base_url=running.url) as http:
        for name in "ab":
            answer = http.post("/v1/responses", json={"model": name, "stream": True}, timeout=60)
            assert answer.text.count("event: response.x") == 4
        assert running.clock.now > 6000


def test_many_held_streams_that_two_controllers_release_lose_nothing(running: RunningServer) -> None:
    streams = 100
    hold = {"id": "all", "at": "response.created"}
    with httpx2.Client(base_url=f"{running.url}/__admin", timeout=60) as admin:
        admin.put("/holds", json=hold).raise_for_status()
        received: list[list[int]] = [[] for _ in range(streams)]

        def read(number: int) -> None:
            with (
                httpx2.Client(base_url=running.url, timeout=60) as http,
                http.stream("POST", "/v1/responses", json={"model": "a", "stream": True}) as answer,
            ):
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        received[number].append(json.loads(line.removeprefix("data: "))["sequence_number"])

        def control(seed: int) -> None:
            orders = [one for one in ids for _ in range(COUNT)]
            random.Random(seed).shuffle(orders)
            with httpx2.Client(base_url=f"{running.url}/__admin", timeout=60) as client:
                for one in orders:
                    answer = client.post(f"/playbacks/{one}/release", json={"events": 1})
                    assert answer.status_code in (200, 404, 409)

        with ThreadPoolExecutor(streams + 2) as pool:
            readers = [pool.submit(read, number) for number in range(streams)]
            while (
                len(found := admin.get("/playbacks", params={"state": "held"}).json()["playbacks"]) < streams
            ):
                pass
            ids = [one["id"] for one in found]
            for controller in [pool.submit(control, seed) for seed in (1, 2)]:
                controller.result()
            for reader in readers:
                reader.result()
    assert received == [list(range(COUNT))] * streams


def test_scripts_and_stubs_hold_their_streams(tmp_path: Any) -> None:
    (tmp_path / "held.script.yaml").write_text("text: Hi\nhold: after=response.created")
    (tmp_path / "plain.script.yaml").write_text("text: Ho")
    (tmp_path / "stubs.yaml").write_text("stubs: [{name: slow, play: plain, hold: {after: {text: Ho}}}]")
    with running_server(tmp_path) as running:
        link, deliveries = running._link, running.server.deliveries
        for url in (running.base_url_of("held"), running.base_url):
            with OpenAI(base_url=url, api_key="any", max_retries=0) as sdk:
                reader = Reader(sdk)
                held = link.run(
                    link.controller.wait(lambda: next((one for one in deliveries if one.held), None), 10)
                )
                assert held
                assert held.events_sent < len(held.playback.events)
                link.run(link.controller.release(held))
                reader.end()
                assert reader.error is None
                assert reader.numbers == list(range(len(reader.numbers)))


def test_a_hold_may_be_for_what_a_stub_chooses(tmp_path: Any) -> None:
    (tmp_path / "plain.script.yaml").write_text("text: Ho")
    (tmp_path / "stubs.yaml").write_text("stubs: [{name: slow, match: {model: a}, play: plain}]")
    with (
        running_server(tmp_path) as running,
        OpenAI(base_url=running.base_url, api_key="any", max_retries=0) as sdk,
        running.hold(at="response.created", stub="slow") as stream,
    ):
        other = list(sdk.responses.create(model="b", input="Hi", stream=True))  # no stub: it is not held
        assert other[-1].type == "response.completed"
        reader = Reader(sdk)
        assert stream.wait_held().sent == 1
        stream.finish()
        reader.end()
        assert reader.error is None


def test_a_socket_that_is_held_is_pinged(running: RunningServer) -> None:
    url = running.base_url_of("a").replace("http", "ws", 1) + "/responses"
    with connect(url) as socket, running.hold("a", at="response.created", keepalive=0.02) as stream:
        pinged = threading.Event()
        known = socket.protocol.events_received

        def events_received() -> Any:
            events = known()
            if any(getattr(event, "opcode", None) is Opcode.PING for event in events):
                pinged.set()
            return events

        socket.protocol.events_received = events_received  # type: ignore[method-assign]
        socket.send(json.dumps({"type": "response.create", "model": "a", "input": "Hi"}))
        assert json.loads(socket.recv(timeout=10))["type"] == "response.created"
        stream.wait_held()
        assert pinged.wait(10)
        stream.finish()
        numbers = [json.loads(socket.recv(timeout=10))["sequence_number"] for _ in range(COUNT - 1)]
        assert numbers == list(range(1, COUNT))
