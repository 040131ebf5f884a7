"""``respool serve --workers``, from outside: several processes on one port."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from openai import BadRequestError, OpenAI

ENOUGH = 200  # connections, of which each worker gets some: 200 coins do not all fall alike

CREATED = '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}'
COMPLETED = (
    '{"type":"response.completed","sequence_number":1,"response":{"id":"resp_1","status":"completed"}}'
)


class Running:
    """A server with two workers, and what it has written so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self.out = out
        self.err = err
        self.url = ""

    def wait_until(self, condition: Callable[[], object]) -> None:
        for _ in range(6000):
            if condition():
                return
            with pytest.raises(subprocess.TimeoutExpired):  # it still runs
                self.process.wait(0.01)
        raise AssertionError(f"it never was so; stderr: {self.err.read_text()}")

    def logged_by(self, worker: int, text: str) -> bool:
        return bool(re.search(rf"^\S+ worker {worker}: {text}", self.err.read_text(), re.MULTILINE))

    def all_logged(self, text: str) -> bool:
        return self.logged_by(1, text) and self.logged_by(2, text)

    def workers(self) -> list[int]:
        """Their process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "hello.jsonl").write_text(f"[0.0, {CREATED}]\n[0.0, {COMPLETED}]\n")
    (folder / "long.jsonl").write_text(f"[0.0, {CREATED}]\n[3600.0, {COMPLETED}]\n")
    (folder / "broken.jsonl").write_text("{nope\n")
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a server with two workers."""
    with ExitStack() as stack:

        def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> Running:
            command = [sys.executable, "-m", "respool", *map(str, arguments), "--port", "0"]
            command += [] if environment else ["--workers", "2", "--stateless"]
            out, err = tmp_path / "out", tmp_path / "err"
            with out.open("wb") as output, err.open("wb") as errors:
                process = subprocess.Popen(
                    command,
                    stdout=output,
                    stderr=errors,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,  # a group of their own, as a terminal makes one
                )
            stack.callback(process.wait, 60)
            stack.callback(process.kill)
            return Running(process, out, err)

        yield run


@pytest.fixture
def serve(start: Callable[..., Running]) -> Callable[..., Running]:
    """The same, once it has printed all lines of its start."""

    def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> Running:
        running = start(*arguments, environment=environment)
        running.wait_until(lambda: "try: " in running.out.read_text())
        running.url = re.findall(r"http://[0-9.:]+", running.out.read_text())[0]
        return running

    return run


def test_all_workers_give_the_same_answer_and_the_start_is_told_once(
    folder: Path, serve: Callable[..., Running]
) -> None:
    running = serve(folder)
    printed = running.out.read_text().splitlines()
    assert printed[0].endswith(f"listens on {running.url}")
    assert printed[1] == "serving 2 recordings, refused 1"
    assert printed[2].startswith(f"refused {folder}/broken.jsonl:1:")
    assert printed[3] == (
        "stateless: background responses, retrieve, conversations and previous_response_id are refused; "
        "they need --state, or one process without --stateless"
    )
    assert printed[4].startswith(f"try: curl -N {running.url}/r/hello/")
    bodies = set()
    for _ in range(ENOUGH):
        answer = httpx2.post(f"{running.url}/r/hello/v1/responses", json={"stream": True})
        bodies.add((answer.status_code, answer.headers["content-type"], answer.text))
        if running.all_logged("POST /r/hello/v1/responses 200"):
            break
    assert running.all_logged("POST /r/hello/v1/responses 200")
    expected = f"event: response.created\ndata: {CREATED}\n\nevent: response.completed\ndata: {COMPLETED}\n\n"
    assert {text for _, _, text in bodies} == {expected}
    assert len(bodies) == 1


def test_what_needs_memory_is_refused_and_not_tried_again(
    folder: Path, serve: Callable[..., Running]
) -> None:
    running = serve(folder)
    client = OpenAI(base_url=f"{running.url}/v1", api_key="any")
    requests = [
        lambda: client.responses.retrieve("resp_1"),
        lambda: client.responses.retrieve("resp_1", stream=True, starting_after=0),
        lambda: client.responses.cancel("resp_1"),
        lambda: client.responses.delete("resp_1"),
        lambda: client.responses.input_items.list("resp_1"),
        lambda: client.responses.create(model="hello", input="Hi", background=True),
        lambda: client.responses.create(model="hello", input="Hi", previous_response_id="resp_1"),
        lambda: client.responses.create(model="hello", input="Hi", conversation="conv_1"),
        lambda: client.responses.input_tokens.count(input="Hi", previous_response_id="resp_1"),
        lambda: client.responses.compact(model="hello", input="Hi", previous_response_id="resp_1"),
        lambda: client.conversations.create(),
        lambda: client.conversations.retrieve("conv_1"),
        lambda: client.conversations.items.list("conv_1"),
    ]
    for ask in requests:
        with pytest.raises(BadRequestError) as refused:
            ask()
        assert refused.value.code == "needs_state"
        assert "this server is stateless" in refused.value.message
        assert "--state redis://" in refused.value.message
    client.responses.create(model="hello", input="Hi")
    running.wait_until(lambda: " 200 " in running.err.read_text())
    assert running.err.read_text().count(" 400 ") == len(requests)


@pytest.mark.parametrize(
    ("send", "number", "code"),
    [
        (os.kill, signal.SIGTERM, -signal.SIGTERM),
        (os.kill, signal.SIGINT, 130),
        (os.killpg, signal.SIGINT, 130),  # Ctrl-C in a terminal: all of them get it
    ],
)
def test_a_signal_ends_all_workers_also_with_open_streams(
    send: Callable[[int, int], None],
    number: signal.Signals,
    code: int,
    folder: Path,
    serve: Callable[..., Running],
) -> None:
    running = serve(folder)
    with ExitStack() as stack:
        opened = []
        for _ in range(8):
            client = stack.enter_context(httpx2.Client(timeout=60))
            stream = stack.enter_context(
                client.stream("POST", f"{running.url}/r/long/v1/responses", json={"stream": True})
            )
            chunks = stream.iter_raw()
            assert b"response.created" in next(chunks)
            opened.append(chunks)
        send(running.process.pid, number)
        for chunks in opened:
            with pytest.raises(httpx2.RemoteProtocolError):
                next(chunks)
    assert running.process.wait(60) == code
    lines = running.err.read_text().split("\n")
    begun = [line for line in lines if line.endswith("long under way")]
    ended = [line for line in lines if line.endswith("(cut by the server)")]
    assert (len(begun), len(ended)) == (len(opened), len(opened))
    assert len([line for line in lines if line]) == 2 * len(opened)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(running.url)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_worker_that_is_killed_is_replaced_and_no_later_request_is_lost(
    folder: Path, serve: Callable[..., Running]
) -> None:
    running = serve(folder)
    first, second = running.workers()
    os.kill(first, signal.SIGKILL)
    running.wait_until(lambda: "ended by signal 9" in running.err.read_text())
    # Those that the kernel gives to the missing worker wait for the new one.
    for _ in range(20):
        assert httpx2.get(f"{running.url}/healthz", timeout=60).status_code == 200
    running.wait_until(lambda: "is ready" in running.err.read_text())
    assert second in running.workers()
    assert len(running.workers()) == 2


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_no_worker_goes_on_when_the_process_above_is_killed(
    folder: Path, serve: Callable[..., Running]
) -> None:
    running = serve(folder)
    workers = [os.pidfd_open(pid) for pid in running.workers()]
    running.process.kill()
    for worker in workers:
        assert select.select([worker], [], [], 60)[0] == [worker]  # it can be read when it has ended
        os.close(worker)


def test_each_worker_takes_up_changes_and_says_so(folder: Path, serve: Callable[..., Running]) -> None:
    running = serve(folder, "--reload")
    text = f"[0.0, {CREATED}]\n"
    for number in range(600):  # until both watch: the first change may come too early
        (folder / "new.jsonl").write_text(text + f"# {number}\n")
        if running.all_logged("reloaded new$"):
            break
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.1)
    assert running.all_logged("reloaded new$")


def test_where_every_id_is_unknown_nothing_is_refused(folder: Path, serve: Callable[..., Running]) -> None:
    running = serve(
        folder,
        "--default",
        "hello",
        environment={"RESPOOL_WORKERS": "2", "RESPOOL_STATELESS": "1", "RESPOOL_ON_UNKNOWN_ID": "default"},
    )
    assert "stateless: nothing is stored" in running.out.read_text()
    made = httpx2.post(f"{running.url}/v1/responses", json={"background": True, "conversation": "conv_1"})
    printed = {
        json.dumps(httpx2.get(f"{running.url}/v1/responses/{made.json()['id']}").json()) for _ in range(20)
    }
    assert len(printed) == 1
    assert json.loads(printed.pop())["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--default", "nope"], 2, "respool: default is nope, but no recording has that name"),
        (["--fault", "abort(times=2)"], 2, "respool: fault abort(times=2) counts its plays, and this server"),
        (["--host", "192.0.2.1"], 1, "respool: cannot listen on 192.0.2.1:0: "),
        (["--workers", "0"], 2, "respool: invalid value for '--workers'"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, expected: str, folder: Path, start: Callable[..., Running]
) -> None:
    running = start(folder, *arguments, environment={"RESPOOL_WORKERS": "2", "RESPOOL_STATELESS": "1"})
    assert running.process.wait(60) == code
    (line,) = running.err.read_text().splitlines()
    assert line.startswith(expected)
    assert running.out.read_text() == ""


def test_with_a_store_any_worker_answers_anything(
    folder: Path, serve: Callable[..., Running], redis_url: str
) -> None:
    environment = {"RESPOOL_WORKERS": "2", "RESPOOL_STATE": redis_url, "RESPOOL_IDS": "fresh"}
    running = serve(folder, environment=environment)
    background = {"model": "long", "background": True}
    for _ in range(ENOUGH):  # each on a connection of its own, which either worker may get
        id_ = httpx2.post(f"{running.url}/v1/responses", json=background).json()["id"]
        assert httpx2.post(f"{running.url}/v1/responses/{id_}/cancel").json()["status"] == "cancelled"
        assert httpx2.get(f"{running.url}/v1/responses/{id_}").json()["status"] == "cancelled"
        if running.all_logged("POST /v1/responses 200"):
            break
    assert running.all_logged("POST /v1/responses 200")


def test_several_workers_need_a_place_for_what_they_remember(
    folder: Path, start: Callable[..., Running]
) -> None:
    running = start(folder, environment={"RESPOOL_WORKERS": "2"})
    assert running.process.wait(60) == 2
    printed = running.err.read_text()
    assert "2 workers need a place for what they remember: --state redis://" in printed
    assert "--stateless" in printed
