"""``python -m bench.soak``: ten minutes of clients with bad habits, and a check for leaks.

First it stores as many responses and conversations as a session keeps, so that these are at their limits.
Then clients play, leave early, reset, read slowly, stop reading, request faults, send bad bodies, resume,
poll and cancel, all at once, against a server in a process of its own. Every correct answer is compared with
the recording. Once a minute, and at the end when all clients have left, it measures the server's resources;
with ``--redis``, those of its store as well (a redis-server of its own).

Exit codes: 0 fine; 1 an answer was wrong, or something has leaked; 2 wrong usage.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench import habits
from bench.habits import HABITS, Answers
from bench.state import redis_server
from respool.bench.servers import ServerProcess, respool
from respool.server.conversations import MOST_CONVERSATIONS
from respool.server.history import MOST

if TYPE_CHECKING:
    from redis import Redis

CLIENTS = 40
RESPONSES = MOST + 100  # stored first
CONVERSATIONS = MOST_CONVERSATIONS + 20
LIMIT = 60.0  # seconds for one visit of a client, which takes a few at most
PAUSE = 0.1  # seconds between two visits of a client, at most
LEAST = 0.1  # minutes
LOOK = 0.5  # seconds between two measurements of the server's resources
SETTLED = 4  # equal measurements
SETTLE_LIMIT = 20.0  # seconds for the server to release the resources of clients that have left
POOLED = 64  # connections to the store that a server may keep
KEYS = 200  # keys that the store may gain in the second half
STORE_GROWTH = 16.0  # MB that the store may gain in the second half
GROWTH = 8.0  # MB that the server may gain in the second half; the first half fills its caches


@dataclass(frozen=True, slots=True)
class Held:
    """The resources of a server."""

    descriptors: int
    threads: int
    memory: float  # resident, in MB
    keys: int | None = None  # in its store; None: it has none
    store_memory: float = 0.0  # of that, in MB

    @classmethod
    def by(cls, server: ServerProcess, store: "Redis | None" = None) -> "Held":
        held = (server.descriptors(), server.threads(), server.memory() / 1e6)
        if store is None:
            return cls(*held)
        return cls(*held, int(store.dbsize()), int(store.info("memory")["used_memory"]) / 1e6)

    def __str__(self) -> str:
        text = f"{self.descriptors} descriptors, {self.threads} threads, {self.memory:.1f} MB"
        return text if self.keys is None else f"{text}, store {self.keys} keys and {self.store_memory:.1f} MB"


@dataclass(slots=True)
class Tally:
    """The visits of the clients, and the errors."""

    visits: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.visits.total():,} visits, {self.wrong.total():,} wrong"


def problems(before: Held, middle: Held, end: Held, after: Held, tally: Tally) -> list[str]:
    """Return the problems, each as a line. Clients were there at `middle` and `end` only."""
    found = [f"wrong, {count} times: {problem}" for problem, count in tally.wrong.most_common(10)]
    found += [f"no client has made this visit: {name}" for name in HABITS if not tally.visits[name]]
    most = before.descriptors + (0 if after.keys is None else POOLED)
    if after.descriptors > most:
        found.append(f"{after.descriptors} descriptors are open, expected {most} as before")
    if after.threads > before.threads:
        found.append(f"{after.threads} threads run, expected {before.threads} as before")
    if end.memory > middle.memory + GROWTH:
        found.append(
            f"{end.memory:.1f} MB are resident at the end, expected at most {GROWTH:g} MB more than the "
            f"{middle.memory:.1f} MB of half the time"
        )
    if end.keys is not None and middle.keys is not None:
        if end.keys > middle.keys + KEYS:
            found.append(
                f"the store has {end.keys} keys at the end, expected at most {KEYS} more than the "
                f"{middle.keys} of half the time"
            )
        if end.store_memory > middle.store_memory + STORE_GROWTH:
            found.append(
                f"the store has {end.store_memory:.1f} MB at the end, expected at most {STORE_GROWTH:g} MB "
                f"more than the {middle.store_memory:.1f} MB of half the time"
            )
    return found


async def soak(
    server: ServerProcess,
    answers: Answers,
    seconds: float,
    report: Callable[[str], None],
    store: "Redis | None" = None,
) -> list[str]:
    """Run the clients for so many seconds, and return the problems. `report` is called with each line of
    progress. `store` is the server's, if it has one."""
    tally = Tally()
    # Each habit once, so that the server has made everything that it makes on first use.
    await asyncio.gather(*(_visit(name, server.port, answers, Random(name), tally) for name in HABITS))
    each = RESPONSES // CLIENTS + 1, CONVERSATIONS // CLIENTS + 1
    await asyncio.gather(*(habits.fill(server.port, *each) for _ in range(CLIENTS)))
    before = await _settled(server, store=store)
    report(f"before: {before}")
    started = time.monotonic()
    end = started + seconds
    clients = [
        asyncio.create_task(_client(server.port, answers, Random(number), end, tally))
        for number in range(CLIENTS)
    ]
    held = {}
    for moment in sorted({seconds / 2, seconds, *(60.0 * minute for minute in range(1, int(seconds / 60)))}):
        await asyncio.sleep(started + moment - time.monotonic())
        held[moment] = Held.by(server, store)
        report(f"{moment:5.0f} s: {held[moment]}, {tally}")
    await asyncio.gather(*clients)
    after = await _settled(server, before, store)
    report(f"after: {after}, {tally}")
    report("visits: " + ", ".join(f"{count:,} {name}" for name, count in tally.visits.most_common()))
    return problems(before, held[seconds / 2], held[seconds], after, tally)


async def _client(port: int, answers: Answers, rng: Random, end: float, tally: Tally) -> None:
    names = list(HABITS)
    while time.monotonic() < end:
        await _visit(rng.choice(names), port, answers, rng, tally)
        await asyncio.sleep(rng.random() * PAUSE)


async def _visit(name: str, port: int, answers: Answers, rng: Random, tally: Tally) -> None:
    try:
        async with asyncio.timeout(LIMIT):
            await HABITS[name](port, answers, rng)
    except habits.WrongError as error:
        tally.wrong[f"{name}: {error}"] += 1
    except Exception as error:  # a connection refused, a timeout, JSON of another shape, ...
        tally.wrong[f"{name}: {error!r}"] += 1
    tally.visits[name] += 1


async def _settled(server: ServerProcess, wanted: Held | None = None, store: "Redis | None" = None) -> Held:
    """Return the server's resources once they are no more than `wanted`, or (without that) stay the same; or
    after SETTLE_LIMIT."""
    limit = time.monotonic() + SETTLE_LIMIT
    same = 0
    held = Held.by(server, store)
    while same < SETTLED and time.monotonic() < limit:
        await asyncio.sleep(LOOK)
        last, held = held, Held.by(server, store)
        if wanted is None:
            same = same + 1 if held.descriptors == last.descriptors else 0
        elif held.descriptors <= wanted.descriptors and held.threads <= wanted.threads:
            break
    return held


@contextmanager
def _store(wanted: bool) -> "Iterator[tuple[list[str], Redis | None]]":
    """Give the options of a server with a store, and a client of the store."""
    if not wanted:
        yield [], None
        return
    from redis import Redis

    with redis_server() as url, Redis.from_url(url) as store:
        yield ["--state", url], store


def main(arguments: Sequence[str]) -> int:
    """Run the soak; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=str(__doc__).split("\n\n")[0])
    parser.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        metavar="N",
        help=f"how long; {LEAST:g} to 1440 (default: 10)",
    )
    parser.add_argument("--redis", action="store_true", help="keep the state in a redis-server")
    options = parser.parse_args(arguments)
    if not LEAST <= options.minutes <= 1440:
        parser.error(f"minutes is {options.minutes:g}, expected {LEAST:g} to 1440")
    with TemporaryDirectory() as folder:
        answers = habits.write(Path(folder))
        with _store(options.redis) as (url, store), respool([folder], url) as server:
            found = asyncio.run(soak(server, answers, options.minutes * 60, print, store))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
