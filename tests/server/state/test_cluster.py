"""A real Redis Cluster of three nodes: all keys are on one of them, which is found, and followed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from state_servers import RealStore, real_cluster

from respool.errors import RequestError
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.state import Need
from respool.server.state.cluster import SLOT
from respool.server.state.opening import open_state

ID = Need("response", "resp_1")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[RealStore]]:
    (tmp_path / "cluster").mkdir()
    with real_cluster(tmp_path / "cluster") as stores:
        yield stores


@pytest.fixture
async def serve(
    stores: list[RealStore], store: Callable[..., Store], recording: Callable[..., Recording]
) -> AsyncIterator[Callable[[RealStore], Any]]:
    async with contextlib.AsyncExitStack() as stack:

        async def run(seed: RealStore) -> MockServer:
            state = open_state(seed.url.replace("redis://", "redis+cluster://"))
            server = MockServer(store(recording("a")), state=state, validate="off")
            await server.state.start()
            stack.push_async_callback(server.state.stop)
            return server

        yield run


def move_slot(stores: list[RealStore]) -> None:
    """Give our slot, and its keys, from the node that has it to another one."""
    clients = [Redis.from_url(store.url) for store in stores]
    ids = [client.execute_command("CLUSTER MYID").decode() for client in clients]
    (source,) = [place for place, client in enumerate(clients) if client.keys("*")]
    target = (source + 1) % len(stores)
    clients[target].execute_command("CLUSTER SETSLOT", SLOT, "IMPORTING", ids[source])
    clients[source].execute_command("CLUSTER SETSLOT", SLOT, "MIGRATING", ids[target])
    while keys := clients[source].execute_command("CLUSTER GETKEYSINSLOT", SLOT, 100):
        where = ("127.0.0.1", stores[target].port, "", 0, 5000)
        clients[source].execute_command("MIGRATE", *where, "KEYS", *keys)
    for client in (clients[target], clients[source]):
        client.execute_command("CLUSTER SETSLOT", SLOT, "NODE", ids[target])
    for client in clients:
        client.close()


async def test_servers_of_a_cluster_share_their_state_and_follow_it_to_another_node(
    stores: list[RealStore], serve: Callable[[RealStore], Any]
) -> None:
    one, other = await serve(stores[0]), await serve(stores[1])
    assert (one.state.problem, other.state.not_ready) == ("", "")
    await one.state.run("", lambda: one.start(Request({"background": True})))
    assert (await other.state.run("", lambda: other.retrieve("resp_1"), [ID])).id == "resp_1"
    move_slot(stores)

    async def retrieved(server: MockServer) -> bool:
        with contextlib.suppress(RequestError):
            return bool(await server.state.run("", lambda: server.retrieve("resp_1"), [ID]))
        return False

    async with asyncio.timeout(60):
        for server in (one, other):
            while not await retrieved(server):
                await asyncio.sleep(0.01)
