"""Eight clients of three servers, in one session: no turn is handed out twice, and no count is lost."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from respool.faults import parse
from respool.match.stubs_file import read_stub
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.state import State

pytestmark = pytest.mark.parametrize("state", ["redis"], indirect=True)

CLIENTS = 8
OPERATIONS = int(os.environ.get("CONTENTION_OPERATIONS", "480"))  # 10,000 take some minutes
ERRORS = 20  # turns of the recording that are errors: each is for one request
TIMES = 50  # of a stub, and of a fault


@pytest.fixture
async def servers(
    store: Callable[..., Store], recording: Callable[..., Recording], state: Callable[[], State]
) -> Any:
    turns = [recording("a", [], status=503, body={"error": {"message": str(n)}}) for n in range(ERRORS)]
    files = store([*turns, recording("a")], recording("b"))
    servers = [MockServer(files, state=state(), validate="off", default="b") for _ in range(3)]
    for server in servers:
        await server.state.start()
    yield servers
    for server in servers:
        await server.state.stop()


async def test_no_turn_is_handed_out_twice_and_no_count_is_lost(servers: list[MockServer]) -> None:
    faults = parse(f"abort(times={TIMES})")
    stub = read_stub({"match": {"body": {"model": "stubbed"}}, "times": TIMES, "play": "b"}, "limited")
    await servers[0].state.run("s", lambda: servers[0].session("s").stubs.append(stub))
    outcomes: dict[str, Counter[Any]] = {name: Counter() for name in ("turn", "limited", "fault")}

    def turn(server: MockServer) -> str:
        return server.start(Request({"model": "a", "input": "x"}, session="s")).recording.name

    def limited(server: MockServer) -> bool:
        request = Request({"model": "stubbed", "input": "x"}, path_name=None, header_name=None, session="s")
        decision = server.begin(request).decision
        return decision.stub is not None

    def fault(server: MockServer) -> int:
        playback = server.start(Request({"model": "b"}, session="s"))
        return len(server.draw_faults(playback.recording, faults, session="s"))

    async def client(number: int) -> None:
        for operation in range(OPERATIONS // CLIENTS):
            server = servers[(number + operation) % len(servers)]
            work = (turn, limited, fault)[operation % 3]
            found = await server.state.run("s", lambda server=server, work=work: work(server))
            outcomes[work.__name__][found] += 1

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    played, last = outcomes["turn"], f"a#{ERRORS + 1}"
    assert {name: count for name, count in played.items() if name != last} == dict.fromkeys(
        ["a", *(f"a#{number}" for number in range(2, ERRORS + 1))], 1
    )
    assert (outcomes["limited"][True], outcomes["fault"][1]) == (TIMES, TIMES)
    counts = await servers[1].state.run("s", lambda: servers[1].session("s").plays)
    assert sum(counts.values()) == OPERATIONS
    assert counts[last] == played[last]
    conflicts = sum(getattr(server.state, "conflicts", 0) for server in servers)
    print(f"{OPERATIONS} operations by {CLIENTS} clients of {len(servers)} servers, {conflicts} conflicts")
