"""Stores for the tests of shared state: redis-server of Debian, where it is installed. And servers as
processes."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from respool.play.clock import ManualClock
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.state import State


class RealStore:
    """A redis-server of Debian, on a free port. It may be stopped and started again."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder),
            "--save", "", *arguments,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(1000):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"PING\r\n")
                if probe.recv(5) == b"+PONG":
                    return
            time.sleep(0.01)
        raise AssertionError("redis-server does not answer")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def require_redis() -> None:
    """Skip a test where there is no redis-server; a CI that has lost it would test less than it says."""
    if shutil.which("redis-server") is None:
        missing = "redis-server is not installed: apt-get install redis-server"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


@contextmanager
def real_store(folder: Path) -> Iterator[str]:
    """The URL of a redis-server."""
    require_redis()
    store = RealStore(folder)
    store.start()
    try:
        yield store.url
    finally:
        store.stop()


class ServerProcess:
    """`respool serve`, with `--state` where there is a store, on a free port."""

    def __init__(self, folder: Path, *options: str, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        command = [sys.executable, "-m", "respool", "serve", str(folder), "--port", str(self.port), *options]
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def wait_until_ready(self) -> None:
        """Wait until it takes requests."""
        for _ in range(3000):
            with suppress(OSError), urlopen(f"{self.url}/readyz") as answer:
                if answer.status == 200:
                    return
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"it is not ready within a minute: {self._log.read_text()}")

    def kill(self) -> None:
        """End it as an operating system does that has no memory left."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server_processes(count: int, folder: Path, *options: str, logs: Path) -> Iterator[list[ServerProcess]]:
    """So many servers of one folder, when they are ready."""
    with ExitStack() as stack:
        servers = []
        for number in range(count):
            servers.append(ServerProcess(folder, *options, log=logs / f"server-{number}.log"))
            stack.callback(servers[-1].kill)
        for server in servers:
            server.wait_until_ready()
        yield servers


@contextmanager
def real_cluster(folder: Path, nodes: int = 3) -> Iterator[list[RealStore]]:
    """A Redis Cluster without replicas, whose slots are shared out evenly."""
    require_redis()
    with ExitStack() as stack:
        stores = []
        for number in range(nodes):
            (folder / str(number)).mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
            stores.append(RealStore(folder / str(number), *options, "--cluster-port", str(free_port())))
            stores[-1].start()
            stack.callback(stores[-1].stop)
        addresses = [f"127.0.0.1:{store.port}" for store in stores]
        create = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        for store in stores:  # each learns of the others by itself
            info = ["redis-cli", "-p", str(store.port), "cluster", "info"]
            for _ in range(1000):
                if b"cluster_state:ok" in subprocess.run(info, check=True, capture_output=True).stdout:
                    break
                time.sleep(0.02)
        yield stores


class Nodes:
    """Servers that share a state, and a clock."""

    def __init__(self, stores: Callable[[int], Store], state: Callable[[], State]) -> None:
        self.clock = ManualClock(1000.0)
        self._stores = stores
        self._state = state
        self.all: list[MockServer] = []

    async def add(self, **options: Any) -> MockServer:
        server = MockServer(
            self._stores(len(self.all)), clock=self.clock, state=self._state(), validate="off", **options
        )
        self.all.append(server)
        await server.state.start()
        return server

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what another server is about to be told."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.001)


UPLOAD = b'[0.5, {"type":"response.created","response":{"id":"resp_up"}}]\n'


async def upload(server: MockServer, name: str, data: bytes = UPLOAD) -> None:
    found, turns = server.uploads.read(name, ".jsonl", data)
    server.uploads.put(name, found, turns)
    await server.state.publish(name, found, data)
