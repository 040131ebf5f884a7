"""The client: many streams on one event loop, in a process of its own."""

import asyncio
import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from respool.bench.client import ClientStream, Meter, late, run

HOST = "127.0.0.1"
_BODY = b'{"model": "bench", "input": "Say hello to the bench.", "stream": true}'


@dataclass(frozen=True, slots=True)
class Lateness:
    """The lateness of all streams' events: (arrival - request sent) - due, in seconds, sorted."""

    late: Sequence[float]
    failed: int  # streams that were refused, cut, or had another number of events
    busy: float  # the share of the time in which the client had work: near 1, it was the limit


@dataclass(frozen=True, slots=True)
class Throughput:
    """The events that arrived within `seconds`. `size` is in bytes of the body, without HTTP's own."""

    events: int
    size: int
    seconds: float
    plays: int  # those that ended
    failed: int
    busy: float


def request(name: str) -> bytes:
    """Return a request to stream the recording `name`."""
    head = (
        f"POST /r/{name}/v1/responses HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    )
    return head.encode() + _BODY


def pin(cpu: int | None) -> None:
    """Keep this process on one CPU, if it is given."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def lateness(
    port: int, name: str, moments: Sequence[float], streams: int, ramp: float, limit: float
) -> Lateness:
    """Play the recording `name`, whose events are due at `moments`, in so many streams at once.

    The streams begin spread over `ramp` seconds; those that have not ended `limit` seconds after the
    last began are cut, and have failed.
    """
    return run(_lateness(port, name, moments, streams, ramp, limit))


def throughput(port: int, name: str, events: int, clients: int, seconds: float) -> Throughput:
    """Play the recording `name` of so many events over and over, in so many clients."""
    return run(_throughput(port, name, events, clients, seconds))


async def _lateness(
    port: int, name: str, moments: Sequence[float], streams: int, ramp: float, limit: float
) -> Lateness:
    meter = Meter()
    opened = await _open(port, [ClientStream(request(name), len(moments)) for _ in range(streams)], ramp)
    await asyncio.wait([asyncio.create_task(stream.done.wait()) for stream in opened], timeout=limit)
    busy = meter.busy()
    for stream in opened:
        if not stream.done.is_set():
            stream.fail("timeout")
    lates = sorted(value for stream in opened for value in late(stream.reads, moments))
    return Lateness(array("d", lates), sum(stream.failed for stream in opened), busy)


async def _throughput(port: int, name: str, events: int, clients: int, seconds: float) -> Throughput:
    meter = Meter()
    opened = await _open(port, [ClientStream(request(name), events, repeat=True) for _ in range(clients)])
    await asyncio.sleep(seconds - meter.seconds())
    result = Throughput(
        events=sum(count for stream in opened for _, count in stream.reads),
        size=sum(stream.size for stream in opened),
        seconds=meter.seconds(),
        plays=sum(stream.plays for stream in opened),
        failed=sum(stream.failed for stream in opened),
        busy=meter.busy(),
    )
    for stream in opened:
        stream.leave()
    return result


async def _open(port: int, streams: Sequence[ClientStream], ramp: float = 0.0) -> Sequence[ClientStream]:
    """Connect each, the first now and the last just before `ramp` seconds have passed."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number, stream in enumerate(streams):
        await asyncio.sleep(started + ramp * number / len(streams) - loop.time())
        await loop.create_connection(lambda stream=stream: stream, HOST, port)  # type: ignore[misc]
    return streams
