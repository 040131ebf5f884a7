"""How many streams do a node, a store and N nodes hold? A simulation with the measured costs, up to a million
streams: ``python -m bench.simulate``. It opens no socket and takes some seconds.

Time goes in ticks of 10 ms. Streams are counted by the tick in which they began, so a million of them cost no
more than one. In each tick the stores process their commands, in one core each, and each node its due events
and then its creates, first come, first served. The rest waits for the next tick: that is the lateness.
"""

import argparse
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

TICK = 0.01  # seconds
FULL = 0.9  # of a core, that a store is to be used at most
MEASURED = (
    "The costs of an event and of a stream are those of docs/performance.md, the others of bench.state."
)


@dataclass(frozen=True, slots=True)
class Load:
    """A load, and the costs of its parts.

    streams   the number of concurrent streams
    seconds   the length of a stream
    rate      its events a second
    nodes     processes, with a core each
    stores    with a core each; each has the sessions of its own
    create    processor time of a node for a create, with a store (s)
    event     the same for an event (s)
    store     processor time of the store for a create (s)
    memory    of a node for a stream (bytes)
    """

    streams: int = 10_000
    seconds: float = 30.0
    rate: float = 25.0
    nodes: int = 4
    stores: int = 1
    create: float = 0.45e-3
    event: float = 25e-6
    store: float = 60e-6
    memory: float = 13.3e3


@dataclass(frozen=True, slots=True)
class Found:
    """The result: the use of a node and of the store, at most 1; the lateness of the last events and creates
    at the end (s); the number of streams under way; the memory of a node (bytes)."""

    node_busy: float
    store_busy: float
    event_late: float
    create_late: float
    under_way: int
    memory: float

    @property
    def breaks(self) -> str:
        """The bottleneck: store or nodes; "" if there is none."""
        if self.store_busy > 0.95:
            return "store"
        return "nodes" if self.node_busy > 0.95 else ""


def simulate(load: Load) -> Found:
    """Begin streams evenly until all of `load.streams` are under way, and then for as long again."""
    per_tick = load.streams / load.seconds * TICK
    life = round(load.seconds / TICK)
    alive: deque[float] = deque(maxlen=life)  # streams by the tick in which they began
    for_store = for_nodes = waiting_events = begun = 0.0
    node_work = store_work = under_way = 0.0
    measured = range(life, 2 * life)  # all streams are under way
    for tick in range(2 * life):
        for_store += per_tick
        done = min(for_store, load.stores * TICK / load.store)
        for_store -= done
        for_nodes += done
        capacity = load.nodes * TICK
        waiting_events += under_way * load.rate * TICK
        events = min(waiting_events, capacity / load.event)  # streams under way come first
        waiting_events -= events
        left = capacity - events * load.event
        begun = min(for_nodes, left / load.create)
        for_nodes -= begun
        if len(alive) == life:
            under_way -= alive[0]
        alive.append(begun)
        under_way += begun
        if tick in measured:
            node_work += events * load.event + begun * load.create
            store_work += done * load.store
    span = life * TICK
    return Found(
        node_work / (load.nodes * span),
        store_work / (load.stores * span),
        waiting_events * load.event / load.nodes,
        for_store * load.store / load.stores + for_nodes * load.create / load.nodes,
        round(under_way),
        under_way / load.nodes * load.memory,
    )


def nodes_for(load: Load) -> int | None:
    """Return the number of nodes for a load; None if the store is too slow for it."""
    low, high = 1, 1 << 16
    while low < high:
        middle = (low + high) // 2
        if simulate(replace(load, nodes=middle)).breaks == "nodes":
            low = middle + 1
        else:
            high = middle
    return None if simulate(replace(load, nodes=low)).breaks else low


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of loads, each ten times as large as the one before."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0], epilog=MEASURED)
    parser.add_argument("--streams", type=int, default=1_000_000, help="at most (default: 1000000)")
    for name, help_ in (
        ("seconds", "how long a stream lasts"),
        ("rate", "its events a second"),
        ("create", "s of a node for a create"),
        ("event", "s of a node for an event"),
        ("store", "s of the store for a create"),
        ("memory", "bytes of a node for a stream"),
    ):
        parser.add_argument(f"--{name}", type=float, default=getattr(Load(), name), help=help_)
    options = vars(parser.parse_args(arguments))
    most = options.pop("streams")
    base = Load(**options)
    print(f"streams of {base.seconds:g} s, {base.rate:g} events/s; nodes and stores of one core")
    print("  streams  creates/s  stores    nodes  node busy  store busy  memory a node")
    streams = 1000
    while streams <= most:
        stores = ceil(streams / base.seconds * base.store / FULL)
        load = replace(base, streams=streams, stores=stores)
        load = replace(load, nodes=nodes_for(load) or 1)
        found = simulate(load)
        print(
            f"{streams:9,} {streams / load.seconds:10,.0f} {stores:7} {load.nodes:8} {found.node_busy:10.0%} "
            f"{found.store_busy:11.0%} {found.memory / 1e6:11.0f} MB"
        )
        streams *= 10


if __name__ == "__main__":
    main()
