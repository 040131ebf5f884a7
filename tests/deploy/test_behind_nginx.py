"""The set-up of deploy/compose.yaml as processes: three servers behind nginx with one store. One is killed
while streams are under way, and the store is restarted; no client that resumes loses an event."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from state_servers import RealStore, free_port, require_redis

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "nginx.conf"
COMPOSE = DEPLOY / "compose.yaml"
EVENTS = 40  # of the recording
GAP = float(os.environ.get("NGINX_TEST_GAP", "0.05"))  # seconds between events
SHARES = (("p50", 0.5), ("p99", 0.99))
STREAMS = int(os.environ.get("NGINX_TEST_STREAMS", "60"))


class Nodes:
    """Three servers, and nginx before them."""

    def __init__(self, folder: Path, store: RealStore) -> None:
        self.folder = folder
        self.store = store
        self.ports = [free_port() for _ in range(3)]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, port: int) -> None:
        """Start a server with the command of the compose file, but for what is of its network."""
        _, _, *options = yaml.safe_load(COMPOSE.read_text())["services"]["respool-1"]["command"]
        kept = [one for one in options if not one.startswith(("--host=", "--state="))]
        command = [
            sys.executable,
            "-m",
            "respool",
            "serve",
            str(self.folder / "recordings"),
            *kept,
            "--quiet",
        ]
        command += ["--port", str(port), "--state", self.store.url, "--ids", "fresh"]
        self.processes[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self, port: int) -> None:
        process = self.processes.pop(port)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def start_nginx(self) -> "subprocess.Popen[bytes]":
        text = CONFIG.read_text()
        for number, port in enumerate(self.ports, start=1):
            text = text.replace(f"respool-{number}:8080", f"127.0.0.1:{port}")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.port}")
        text = re.sub(r"worker_processes auto;", "worker_processes 1;\ndaemon off;\npid nginx.pid;", text)
        temp = "".join(
            f"{name}_temp_path {self.folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = text.replace("http {", f"error_log stderr crit;\nhttp {{\naccess_log off;\n{temp}")
        (self.folder / "nginx.conf").write_text(text)
        return subprocess.Popen(
            ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")],
            stderr=subprocess.DEVNULL,
        )

    def wait_until_ready(self, *ports: int) -> None:
        for port in ports:
            deadline = time.monotonic() + 120
            while True:
                with suppress(httpx2.HTTPError):
                    if httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                assert time.monotonic() < deadline, f"{port} is not ready within two minutes"
                time.sleep(0.05)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    require_redis()
    if shutil.which("nginx") is None:
        missing = "nginx is not installed: apt-get install nginx-light"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    (tmp_path / "recordings").mkdir()
    lines = [
        [GAP, {"type": kind, "sequence_number": number, **fields}]
        for number, (kind, fields) in enumerate(
            [
                ("response.created", {"response": {"id": "resp_1", "object": "response", "output": []}}),
                *[("response.output_text.delta", {"delta": f"{n} "}) for n in range(EVENTS - 2)],
                ("response.completed", {"response": {"id": "resp_1", "object": "response", "output": []}}),
            ]
        )
    ]
    (tmp_path / "recordings" / "a.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (tmp_path / "redis").mkdir()
    store = RealStore(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    nodes = Nodes(tmp_path, store)
    with ExitStack() as stack:
        store.start()
        stack.callback(store.stop)
        stack.callback(lambda: [nodes.kill(port) for port in list(nodes.processes)])
        for port in nodes.ports:
            nodes.start(port)
        nginx = nodes.start_nginx()
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        nodes.wait_until_ready(*nodes.ports, nodes.port)
        yield nodes


@dataclass
class Followed:
    """What a client has got which resumes a stream until it has ended: the sequence numbers, how late each
    event came (s) after the request and its moment, how often it resumed, and what it was refused with."""

    numbers: list[int] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    resumed: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def follow(client: httpx2.Client, again: Callable[[], None], begun: Callable[[], object]) -> Followed:
    told = Followed()
    numbers = told.numbers
    id_ = ""
    sent = 0.0
    deadline = time.monotonic() + 120
    ended = False
    while not ended:
        assert time.monotonic() < deadline, f"no end after {numbers[-3:]}"
        body = {"model": "a", "input": "x", "background": True, "stream": True}
        query: dict[str, Any] = {"stream": "true"} | ({"starting_after": numbers[-1]} if numbers else {})
        asked: Any = (
            client.stream("GET", f"/v1/responses/{id_}", params=query)
            if id_
            else client.stream("POST", "/v1/responses", json=body)
        )
        sent = sent if id_ else time.perf_counter()
        try:
            answer = asked.__enter__()
            if answer.status_code != 200:
                told.refused[str(answer.status_code)] += 1
            else:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        event = json.loads(line[6:])
                        numbers.append(event["sequence_number"])
                        told.lateness.append(time.perf_counter() - sent - GAP * len(numbers))
                        if not id_:
                            id_ = event["response"]["id"]
                            begun()
                        ended = event["type"] == "response.completed"
        except httpx2.HTTPError as error:
            told.refused[type(error).__name__] += 1
        finally:
            with suppress(httpx2.HTTPError):
                asked.__exit__(None, None, None)
        if not ended:
            told.resumed += 1
            again()
    return told


@pytest.mark.usefixtures("nodes")
def test_no_event_is_lost_when_a_server_is_killed_and_the_store_is_restarted(nodes: Nodes) -> None:
    pause = threading.Event()
    limits = httpx2.Limits(max_connections=STREAMS, max_keepalive_connections=0)
    with (
        httpx2.Client(base_url=nodes.url, timeout=30.0, limits=limits) as client,
        ThreadPoolExecutor(STREAMS) as pool,
    ):
        begun = threading.Semaphore(0)
        following = [
            pool.submit(follow, client, lambda: pause.wait(0.1), begun.release) for _ in range(STREAMS)
        ]
        for _ in range(STREAMS * 9 // 10):  # the others begin while nobody can tell what is kept
            assert begun.acquire(timeout=120)
        nodes.kill(nodes.ports[0])
        nodes.store.stop()
        nodes.store.start()
        nodes.start(nodes.ports[0])
        results = [one.result() for one in following]
    assert [one.numbers for one in results] == [list(range(EVENTS))] * STREAMS
    whole = sorted(late for one in results if not one.resumed for late in one.lateness)
    late = sorted(late for one in results for late in one.lateness)
    resumed, refused = (
        sum(one.resumed for one in results),
        sum((one.refused for one in results), Counter[str]()),
    )
    assert resumed > 0
    for name, values in (("of streams that did not break", whole), ("of all", late)):
        told = ", ".join(f"{part} {values[int(len(values) * share)] * 1e3:.0f} ms" for part, share in SHARES)
        print(f"lateness {name}: {told}, max {values[-1] * 1e3:.0f} ms")
    print(
        f"{STREAMS} streams of {EVENTS} events, no event lost, {resumed} times resumed, "
        f"refused: {dict(refused)}"
    )


def test_any_server_answers_anything_and_no_count_is_lost(nodes: Nodes) -> None:
    operations = int(os.environ.get("NGINX_TEST_OPERATIONS", "400"))
    session = {"x-respool-session": "s"}

    def work(number: int) -> int:
        done = 0
        with httpx2.Client(base_url=nodes.url, headers=session, timeout=60.0) as client:
            for _ in range(operations // 8):
                body = {"model": "a", "background": True, "input": str(number)}
                answer = client.post("/v1/responses", json=body)
                assert answer.status_code == 200, answer.text
                done += 1
        return done

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(work, range(8)))
    for port in nodes.ports:
        base = f"http://127.0.0.1:{port}"
        (one,) = [
            seen
            for seen in httpx2.get(f"{base}/__admin/sessions", timeout=60.0).json()["sessions"]
            if seen["name"] == "s"
        ]
        assert one["plays"] == {"a": done}
        assert httpx2.get(f"{base}/__admin/unplayed", params={"session": "s"}).json() == {"unplayed": []}
