"""Where in a Redis Cluster our keys are: all of them are in one slot, since a decision is one transaction."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import RedisError

from respool.server.state.store_keys import TAG

SLOT: int = key_slot(TAG.encode())


async def find_owner(seed: str, options: Mapping[str, Any], known: set[tuple[str, int]]) -> str:
    """Return the URL of the node that has our slot. Query the node of `seed`, a URL, and those at the `known`
    addresses, to which all addresses of the cluster are added. Raise RedisError."""
    head, _, path = seed.partition("://")
    address, slash, database = path.partition("/")
    user, at, first = address.rpartition("@")
    host, _, port = first.rpartition(":") if ":" in first else (first, "", "6379")
    problem: RedisError = StoreConnectionError("no node of the cluster answers")
    for one_host, one_port in [(host, int(port)), *sorted(known)]:
        url = f"{head}://{user}{at}{one_host}:{one_port}{slash}{database}"
        try:
            async with Redis.from_url(url, **options) as client:
                slots = await client.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            problem = error if isinstance(error, RedisError) else StoreConnectionError(str(error))
            continue
        found = ""
        for begin, end, *nodes in slots:  # of each node, the address, the port, and more
            addresses = [(node[0].decode() or one_host, node[1]) for node in nodes]  # "": the queried host
            known.update(addresses)
            if begin <= SLOT <= end:
                master = addresses[0]
                found = f"{head}://{user}{at}{master[0]}:{master[1]}{slash}{database}"
        if found:
            return found
        problem = StoreConnectionError(f"no node of the cluster has the slot {SLOT}")
    raise problem
