"""``python -m bench.sockets``: many WebSockets beside as many SSE streams, in one run: CPU per event of each.

One server process, one recording; first its streams over HTTP, then over sockets, and so on by turns. The
figure is the CPU time of the server's process per event, with the other costs of a stream: connections,
handshakes, requests.

Exit codes: 0 fine; 1 a stream failed; 3 with --check, a socket costs more than 1.5 times as much.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from respool.bench.load import allow_open_files
from respool.bench.servers import ServerProcess, respool

GAP = 0.04  # seconds between events: 25 a second
MOST = 1.5  # times what SSE costs
LIMIT = 60.0  # seconds for all streams after the last began
_BODY = {"model": "bench", "input": "Say hello to the bench."}
_END = b"response.completed"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one round for the server."""

    transport: str
    events: int
    cpu: float  # seconds
    failed: int

    @property
    def per_event(self) -> float:
        """CPU per event, in microseconds."""
        return self.cpu / self.events * 1e6


class Client(asyncio.Protocol):
    """One stream: it sends a request; a socket sends the create after its upgrade."""

    def __init__(self, first: bytes, then: bytes) -> None:
        self.first, self.then = first, then
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.first)

    def data_received(self, data: bytes) -> None:
        if self.then:
            if not data.startswith(b"HTTP/1.1 101"):
                self.connection_lost(None)
                return
            self.transport.write(self.then)
            self.then = b""
            return
        seen = self.tail + data
        self.tail = data[-len(_END) :]
        if _END in seen and not self.done.done():
            self.done.set_result(True)
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(False)


def over_http() -> Client:
    """A stream of server-sent events."""
    body = json.dumps({**_BODY, "stream": True}).encode()
    head = f"POST /r/bench/v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return Client(head.encode() + body, b"")


def over_socket() -> Client:
    """A response on a WebSocket without compression."""
    head = (
        "GET /r/bench/v1/responses HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    body = json.dumps({"type": "response.create", **_BODY}).encode()
    assert len(body) < 126
    frame = b"\x81%c\0\0\0\0%b" % (0x80 | len(body), body)  # masked with zeros: RFC 6455, section 5.3
    return Client(head.encode(), frame)


TRANSPORTS: dict[str, Callable[[], Client]] = {"SSE": over_http, "WebSocket": over_socket}


async def play(port: int, make: Callable[[], Client], streams: int, ramp: float) -> int:
    """Play so many streams, begun over `ramp` seconds. Return the number of failed ones."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for _ in range(streams):
        _, client = await loop.create_connection(make, "127.0.0.1", port)
        clients.append(client)
        await asyncio.sleep(ramp / streams)
    await asyncio.wait([client.done for client in clients], timeout=LIMIT)
    return sum(not (client.done.done() and client.done.result()) for client in clients)


def measure(server: ServerProcess, transport: str, streams: int, events: int, ramp: float) -> Cost:
    """Play one round."""
    before = server.cpu_seconds()
    failed = asyncio.run(play(server.port, TRANSPORTS[transport], streams, ramp))
    return Cost(transport, streams * events, server.cpu_seconds() - before, failed)


def recording(events: int) -> str:
    """Return a recording of a text with so many events."""
    response = {"id": "resp_bench", "object": "response", "status": "in_progress", "output": []}
    rows = [{"type": "response.created", "response": response}]
    delta = {"type": "response.output_text.delta", "item_id": "msg_bench", "output_index": 0}
    rows += [{**delta, "content_index": 0, "delta": " hello", "logprobs": []} for _ in range(events - 2)]
    rows.append({"type": "response.completed", "response": {**response, "status": "completed"}})
    lines = [[GAP, {**row, "sequence_number": number}] for number, row in enumerate(rows)]
    return "".join(json.dumps(line) + "\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Run the measurement; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.sockets")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--events", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--check", action="store_true", help=f"fail if sockets cost more than {MOST} times")
    options = parser.parse_args(arguments)
    allow_open_files(options.streams)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.jsonl"
        path.write_text(recording(options.events))
        with respool([path], ["--quiet"]) as server:
            costs = [
                measure(server, transport, options.streams, options.events, ramp=2.0)
                for _ in range(options.rounds)
                for transport in TRANSPORTS
            ]
            memory = server.memory()
    for cost in costs:
        print(f"{cost.transport:10} {cost.per_event:6.2f} us of CPU per event, {cost.failed} failed")
    of = {
        transport: statistics.median(cost.per_event for cost in costs if cost.transport == transport)
        for transport in TRANSPORTS
    }
    ratio = of["WebSocket"] / of["SSE"]
    print(f"WebSocket / SSE: {ratio:.2f}; the server has {memory / 1e6:.0f} MB")
    if any(cost.failed for cost in costs):
        return 1
    return 3 if options.check and ratio > MOST else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
