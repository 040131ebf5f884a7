"""The parts of the bench: each plays both servers side by side and returns a table.

A figure is the best of `repeats` runs, since disturbances only make a run worse.
"""

import math
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from unittest import mock

from bench import client, recordings
from bench.report import Table, microseconds, ratio
from bench.servers import PLAIN, RESPOOL, running
from respool.bench.servers import ServerProcess
from respool.bench.summary import milliseconds, percentile

SERVERS = (RESPOOL, PLAIN)
STARTS = 250  # streams begun each second: few enough not to delay the servers
LEAST_LIMIT = 10.0  # seconds that late streams get to end, whatever their length
RECEIVE_BUFFER = 4096  # bytes: small, so that a slow reader's kernel buffers little
PADDING = 900  # of each delta for slow readers: their recording exceeds what the kernel may buffer
SETTLED = 1.0  # seconds without a change
SETTLE_LIMIT = 15.0  # seconds
SHORT_EVENTS = 10
PLAYS = 20  # for the count of encodings
MB = 1_000_000

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Plan:
    """The amount to measure."""

    timed_events: int = 200
    gap: float = 0.04  # seconds
    streams: Sequence[int] = (1, 100, 500)
    untimed_events: int = 10_000
    clients: Sequence[int] = (1, 8, 100)
    seconds: float = 3.0  # for which each number of clients plays
    slow_readers: int = 50
    repeats: int = 2


QUICK = Plan(timed_events=50, streams=(1, 50), clients=(1, 8), seconds=1.0, slow_readers=10, repeats=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings of all parts."""

    plan: Plan
    client: Executor  # one process
    server_cpu: int | None  # the CPU that servers are kept on, if there is one to spare
    step: Callable[[str], None]  # called with the next thing to measure

    @contextmanager
    def servers(self, folder: Path, *, instant: bool) -> Iterator[list[ServerProcess]]:
        """Run both servers, and warm them up."""
        recordings.write(folder / "warmup.jsonl", 20, gap=0.0)
        with ExitStack() as stack:
            servers = [
                stack.enter_context(running(name, folder, instant=instant, cpu=self.server_cpu))
                for name in SERVERS
            ]
            for server in servers:
                self.client.submit(
                    client.lateness, server.port, "warmup", [0.0] * 20, 20, 0.0, LEAST_LIMIT
                ).result()
            yield servers


def lateness(bench: Bench) -> Table:
    """Measure the lateness of timed streams."""
    plan = bench.plan
    moments = recordings.moments(plan.timed_events, plan.gap)
    limit = LEAST_LIMIT + 3 * moments[-1]

    def play(server: ServerProcess, streams: int) -> client.Lateness:
        arguments = (server.port, "timed", moments, streams, streams / STARTS, limit)
        return bench.client.submit(client.lateness, *arguments).result()

    with _folder() as folder:
        recordings.write(folder / "timed.jsonl", plan.timed_events, plan.gap)
        with bench.servers(folder, instant=False) as servers:
            runs = _runs(bench, "lateness", plan.streams, servers, play)
    rows, ratios = [], {}
    for streams in plan.streams:
        figures = {}
        for name in SERVERS:
            result, cpu = min(runs[streams, name], key=lambda run: percentile(run[0].late, 99))
            times = [percentile(result.late, percent) for percent in (50, 99, 100)]
            per_event = cpu / max(1, len(result.late))
            figures[name] = [*times, per_event]
            shown = [milliseconds(value) for value in times]
            rows.append([str(streams), name, *shown, microseconds(per_event), f"{result.busy:.0%}"])
        better = [ratio(plain, ours) for plain, ours in zip(figures[PLAIN], figures[RESPOOL], strict=True)]
        rows.append([str(streams), "ratio", *better, ""])
        ratios["CPU per timed event"] = figures[PLAIN][-1] / (figures[RESPOOL][-1] or math.inf)
    return Table(
        "Lateness",
        f"{plan.timed_events} events {plan.gap * 1000:g} ms apart, in so many streams at once, "
        f"{STARTS} begun each second; the best of {plan.repeats} by p99. An event's lateness is "
        "(arrival - request sent) - its moment. Ratio: how many times less Respool's is.",
        ("streams", "server", "p50 ms", "p99 ms", "max ms", "server CPU µs/event", "client busy"),
        rows,
        failed=sum(result.failed for results in runs.values() for result, _ in results),
        ratios=ratios,  # of the most streams
    )


def throughput(bench: Bench) -> Table:
    """Measure the speed of streams without times."""
    plan = bench.plan

    def play(server: ServerProcess, clients: int) -> client.Throughput:
        arguments = (server.port, "untimed", plan.untimed_events, clients, plan.seconds)
        return bench.client.submit(client.throughput, *arguments).result()

    with _folder() as folder:
        path = folder / "untimed.jsonl"
        recordings.write(path, plan.untimed_events, gap=0.0)
        size = path.stat().st_size
        with bench.servers(folder, instant=True) as servers:
            runs = _runs(bench, "throughput", plan.clients, servers, play)
        note = _encodings(path)
    rows, ratios = [], {}
    for clients in plan.clients:
        figures = {}
        for name in SERVERS:
            result, cpu = max(runs[clients, name], key=lambda run: run[0].events / run[0].seconds)
            rates = [result.events / result.seconds, result.size / result.seconds / MB]
            per_event = cpu / max(1, result.events)
            figures[name] = [*rates, per_event]
            shown = [f"{rate:,.0f}" for rate in rates]
            rows.append([str(clients), name, *shown, microseconds(per_event), f"{result.busy:.0%}"])
        ours, plain = figures[RESPOOL], figures[PLAIN]
        better = [ratio(ours[0], plain[0]), ratio(ours[1], plain[1]), ratio(plain[2], ours[2])]
        rows.append([str(clients), "ratio", *better, ""])
        ratios["events a second, untimed"] = ours[0] / (plain[0] or math.inf)
    return Table(
        "Throughput",
        f"A recording of {plan.untimed_events:,} events ({size / MB:.1f} MB) with `--speed instant`, over "
        f"and over for {plan.seconds:g} s; the best of {plan.repeats} by events/s. Ratio: how many times "
        "better Respool is.",
        ("clients", "server", "events/s", "MB/s", "server CPU µs/event", "client busy"),
        rows,
        (note,),
        failed=sum(result.failed for results in runs.values() for result, _ in results),
        ratios=ratios,
    )


def requests(bench: Bench) -> Table:
    """Measure the cost of a request, with short answers."""
    plan = bench.plan

    def play(server: ServerProcess, clients: int) -> client.Throughput:
        arguments = (server.port, "short", SHORT_EVENTS, clients, plan.seconds)
        return bench.client.submit(client.throughput, *arguments).result()

    with _folder() as folder:
        recordings.write(folder / "short.jsonl", SHORT_EVENTS, gap=0.0)
        with bench.servers(folder, instant=True) as servers:
            runs = _runs(bench, "requests", plan.clients, servers, play)
    rows, ratios = [], {}
    for clients in plan.clients:
        figures = {}
        for name in SERVERS:
            result, cpu = max(runs[clients, name], key=lambda run: run[0].plays / run[0].seconds)
            figures[name] = (result.plays / result.seconds, cpu / max(1, result.plays))
            rate, each = figures[name]
            rows.append([str(clients), name, f"{rate:,.0f}", microseconds(each), f"{result.busy:.0%}"])
        ours, plain = figures[RESPOOL], figures[PLAIN]
        rows.append([str(clients), "ratio", ratio(ours[0], plain[0]), ratio(plain[1], ours[1]), ""])
        ratios["requests a second"] = ours[0] / (plain[0] or math.inf)
    return Table(
        "Requests",
        f"A recording of {SHORT_EVENTS} events with `--speed instant`, asked for over and over for "
        f"{plan.seconds:g} s on connections that are kept; the best of {plan.repeats} by answers/s. Ratio: "
        "how many times better Respool is.",
        ("clients", "server", "answers/s", "server CPU µs/answer", "client busy"),
        rows,
        failed=sum(result.failed for results in runs.values() for result, _ in results),
        ratios=ratios,
    )


def slow_readers(bench: Bench) -> Table:
    """Measure the server's memory for clients that request much and read nothing."""
    plan = bench.plan
    rows, growth, failed = [], {}, 0
    with _folder() as folder:
        path = folder / "untimed.jsonl"
        recordings.write(path, plan.untimed_events, gap=0.0, padding=PADDING)
        size = path.stat().st_size
        with bench.servers(folder, instant=True) as servers:
            for server in servers:
                bench.step(f"slow readers: {plan.slow_readers}, {server.name}")
                before = _settled(server)[-1]
                with ExitStack() as stack:
                    readers = [stack.enter_context(_slow_reader(server)) for _ in range(plan.slow_readers)]
                    during = max(_settled(server))
                    failed += sum(not _answered(reader) for reader in readers)
                after = _settled(server)[-1]
                growth[server.name] = during - before
                shown = [f"{memory / MB:.1f}" for memory in (before, during, after)]
                each = growth[server.name] / plan.slow_readers / 1000
                rows.append([str(plan.slow_readers), server.name, *shown, f"{each:,.0f}"])
    rows.append([str(plan.slow_readers), "ratio", "", "", "", ratio(growth[PLAIN], growth[RESPOOL])])
    return Table(
        "Slow readers",
        f"Clients that request a recording of {plan.untimed_events:,} events ({size / MB:.1f} MB) with "
        "`--speed instant` and do not read: the server's resident memory before, at its largest while "
        f"they are there, and after. With all that they asked for in memory it would grow by "
        f"{plan.slow_readers * size / MB:,.0f} MB. Ratio: how many times less Respool's grows.",
        ("readers", "server", "before MB", "during MB", "after MB", "growth kB/reader"),
        rows,
        failed=failed,
    )


PARTS: Mapping[str, Callable[[Bench], Table]] = {
    "lateness": lateness,
    "throughput": throughput,
    "requests": requests,
    "slow-readers": slow_readers,
}


def steps(part: str, plan: Plan) -> int:
    """Return the number of calls of `Bench.step` in a part."""
    measured = {"lateness": plan.streams, "throughput": plan.clients, "requests": plan.clients}
    return len(SERVERS) * (len(measured[part]) * plan.repeats if part in measured else 1)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="respool-bench-") as name:
        yield Path(name)


def _runs(
    bench: Bench,
    part: str,
    counts: Sequence[int],
    servers: Sequence[ServerProcess],
    play: Callable[[ServerProcess, int], Result],
) -> dict[tuple[int, str], list[tuple[Result, float]]]:
    """Return each result, with the server's CPU seconds for it, by count and server.

    The servers take turns, so that a disturbance affects both.
    """
    runs: dict[tuple[int, str], list[tuple[Result, float]]] = {}
    for number in range(1, bench.plan.repeats + 1):
        for count in counts:
            for server in servers:
                bench.step(f"{part}: {count}, {server.name}, run {number}")
                before = server.cpu_seconds()
                result = play(server, count)
                runs.setdefault((count, server.name), []).append((result, server.cpu_seconds() - before))
    return runs


def _encodings(path: Path) -> str:
    """Count how often a recording's events are encoded, in a server that plays it again and again."""
    from respool import Pace, running_server
    from respool.protocol import sse

    events = len(path.read_text().splitlines())
    with (
        mock.patch.object(sse, "encode", wraps=sse.encode) as encode,
        running_server(path, pace=Pace(speed=math.inf)) as running,
    ):
        counts = []
        for _ in range(1 + PLAYS):
            url = f"{running.base_url_of(path.stem)}/responses"
            with urllib.request.urlopen(url, data=b'{"stream": true}') as answer:
                answer.read()
            counts.append(encode.call_count)
    return (
        f"Respool encoded the {events:,} events {counts[0]:,} times until it had played them once, and "
        f"{counts[-1] - counts[0]:,} times in {PLAYS} more plays; the plain app encodes each in every play."
    )


@contextmanager
def _slow_reader(server: ServerProcess) -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.settimeout(LEAST_LIMIT)
        sock.connect((client.HOST, server.port))
        sock.sendall(client.request("untimed"))
        yield sock


def _answered(sock: socket.socket) -> bool:
    """Return True if an answer waits to be read. Do not read it."""
    head = b"HTTP/1.1 200"
    return sock.recv(len(head), socket.MSG_PEEK) == head


def _settled(server: ServerProcess) -> list[int]:
    """Return the server's memory, sampled until it is stable."""
    samples = [server.memory()]
    began = changed = time.monotonic()
    while (now := time.monotonic()) - changed < SETTLED and now - began < SETTLE_LIMIT:
        time.sleep(0.05)
        samples.append(server.memory())
        if samples[-1] != samples[-2]:
            changed = time.monotonic()
    return samples
