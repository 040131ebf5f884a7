"""The cost of a shared state: requests a second and processor time of one server, with its memory and with
Redis, in one run. ``python -m bench.state [--requests N]``; needs redis-server.

First, servers in processes of their own are compared with the plain app: short streams show the cost of a
request, and many timed ones that of an event. Then a round is N creates of background responses and N
retrieves, over 8 connections. Last, the server's round trips for each event of a stream are counted.
"""

import argparse
import asyncio
import math
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2

from bench import recordings
from bench.client import lateness, throughput
from bench.servers import PLAIN, running
from respool import Pace, running_server
from respool.bench.servers import respool
from respool.server.state import State
from respool.server.state.opening import open_state

FIXTURES = Path(__file__).parents[1] / "fixtures" / "text"
CONNECTIONS = 8
SHORT_EVENTS, TIMED_EVENTS, TIMED_GAP = 10, 100, 0.04
STREAMS, SECONDS, REPEATS = 500, 2.0, 3


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a redis-server on a Unix socket, and give its URL."""
    if shutil.which("redis-server") is None:
        sys.exit("redis-server is not installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while True:
                with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(path)
                    break
                time.sleep(0.01)
            yield f"unix://{path}"
        finally:
            process.terminate()
            process.wait()


async def round_of(url: str, requests: int) -> tuple[float, float]:
    """Return the creates and retrieves a second."""
    rates = []
    async with httpx2.AsyncClient(base_url=url, timeout=60.0) as client:

        async def create(number: int) -> str:
            body = {"model": "hello", "input": str(number), "background": True}
            answer = await client.post("/r/hello/v1/responses", json=body)
            return str(answer.json()["id"])

        async def retrieve(id_: str) -> None:
            (await client.get(f"/v1/responses/{id_}")).raise_for_status()

        async def share(place: int) -> list[str]:
            return [await create(number) for number in range(place, requests, CONNECTIONS)]

        began = time.perf_counter()
        made = await asyncio.gather(*(share(place) for place in range(CONNECTIONS)))
        rates.append(requests / (time.perf_counter() - began))

        async def look(ids: list[str]) -> None:
            for id_ in ids:
                await retrieve(id_)

        began = time.perf_counter()
        await asyncio.gather(*(look(ids) for ids in made))
        rates.append(requests / (time.perf_counter() - began))
    return rates[0], rates[1]


def compare(url: str) -> None:
    """Print the cost of streams for the plain app, and for Respool with its memory and with the store: the
    best of some runs each, by turns."""
    moments = recordings.moments(TIMED_EVENTS, TIMED_GAP)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recordings.write(folder / "short.jsonl", SHORT_EVENTS, gap=0.0)
        recordings.write(folder / "timed.jsonl", TIMED_EVENTS, gap=TIMED_GAP)
        player = stack.enter_context(ProcessPoolExecutor(1))
        servers = {
            "plain app": stack.enter_context(running(PLAIN, folder)),
            "memory": stack.enter_context(respool([folder], [])),
            "redis": stack.enter_context(respool([folder], ["--state", url])),
        }
        short: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}  # rate, CPU of each
        timed: dict[str, list[float]] = {name: [] for name in servers}  # CPU of each event
        for _ in range(REPEATS):
            for name, server in servers.items():
                before = server.cpu_seconds()
                arguments = server.port, "short", SHORT_EVENTS, CONNECTIONS, SECONDS
                done = player.submit(throughput, *arguments).result()
                spent = (server.cpu_seconds() - before) / max(1, done.plays)
                short[name].append((done.plays / done.seconds, spent))
                before = server.cpu_seconds()
                played = player.submit(lateness, server.port, "timed", moments, STREAMS, 1.0, 60.0).result()
                timed[name].append((server.cpu_seconds() - before) / max(1, len(played.late)))
                if done.failed or played.failed:
                    sys.exit(f"{name}: {done.failed + played.failed} streams have failed")
        print(f"streams of {SHORT_EVENTS} events without gaps, over {CONNECTIONS} connections; "
              f"{STREAMS} streams at once, with an event each {TIMED_GAP * 1e3:.0f} ms")  # fmt: skip
        for name in servers:
            rate, request = max(short[name])
            print(f"{name:9} {rate:7,.0f} streams/s, {request * 1e6:5,.0f} us of CPU each; "
                  f"{min(timed[name]) * 1e6:5.1f} us of CPU an event")  # fmt: skip


def measure(name: str, state: State | None, requests: int) -> float:
    """Print one line, and return creates a second."""
    with running_server(FIXTURES, pace=Pace(speed=math.inf), ids="fresh", state=state) as running:
        asyncio.run(round_of(running.url, min(requests, 50)))
        before, processor = running.server.state.round_trips, time.process_time()
        creates, retrieves = asyncio.run(round_of(running.url, requests))
        trips = (running.server.state.round_trips - before) / (2 * requests)
        spent = (time.process_time() - processor) / (2 * requests) * 1e3
    print(f"{name:8} {creates:8.0f} creates/s {retrieves:8.0f} retrieves/s "
          f"{spent:7.2f} ms of CPU a request, client too, {trips:6.2f} round trips a request")  # fmt: skip
    return creates


BACKGROUND = {"model": "hello", "input": "Hello!", "background": True}
ACTIONS: dict[str, Callable[[httpx2.Client, str], httpx2.Response]] = {
    "create": lambda client, id_: client.post("/r/hello/v1/responses", json=BACKGROUND),
    "retrieve": lambda client, id_: client.get(f"/v1/responses/{id_}"),
    "cancel": lambda client, id_: client.post(f"/v1/responses/{id_}/cancel"),
}


def costs(url: str, times: int = 200) -> None:
    """Print the store's cost of one request of each kind: round trips, commands, processor time; and the size
    of a live response there."""
    from redis import Redis

    with (
        running_server(FIXTURES, ids="fresh", state=open_state(url)) as running,
        httpx2.Client(base_url=running.url, timeout=60.0) as client,
        Redis.from_url(url) as store,
    ):
        ids = []
        for name, action in ACTIONS.items():
            store.config_resetstat()
            before = running.server.state.round_trips
            for number in range(times):
                answer = action(client, "" if name == "create" else ids[number])
                if name == "create":
                    ids.append(answer.json()["id"])
            stats = store.info("commandstats").values()
            commands = sum(one["calls"] for one in stats) / times
            spent = sum(one["usec"] for one in stats) / times
            trips = (running.server.state.round_trips - before) / times
            print(
                f"{name:9} {trips:5.1f} round trips, {commands:5.1f} commands, {spent:6.1f} us of the store"
            )
        keys = store.keys("*:b:*")
        sizes = sorted(int(store.memory_usage(key) or 0) for key in keys)
        print(f"a live response takes {sizes[len(sizes) // 2]} bytes in the store (MEMORY USAGE of its key)")


def stream_trips(state: State) -> float:
    """Return the server's round trips for an event of a stream under way."""
    with (
        running_server(FIXTURES, state=state) as running,
        httpx2.stream("POST", f"{running.url}/r/hello/v1/responses", json={"stream": True}) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        before = running.server.state.round_trips
        events = sum(line.startswith("data:") for line in lines)
        during = running.server.state.round_trips - before
    print(f"a stream of {events} events made {during} round trips while it was under way "
          "(one at its end is the journal's, three a second are the server's own)")  # fmt: skip
    return during / events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    requests = parser.parse_args().requests
    with redis_server() as url:
        compare(url)
        memory = measure("memory", None, requests)
        redis = measure("redis", open_state(url), requests)
        print(f"with redis, creates go at {redis / memory:.2f} times the rate with memory")
        shared = open_state(url)
        assert shared is not None
        stream_trips(shared)
        costs(url)


if __name__ == "__main__":
    main()
