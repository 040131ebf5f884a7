"""Servers that share a state."""

from collections.abc import AsyncIterator, Callable

import pytest
from state_servers import Nodes

from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.state import State

SLOW = [
    (1.0, "response.created", {"response": {"id": "resp_1", "status": "in_progress"}}),
    (60.0, "response.completed", {"response": {"id": "resp_1", "status": "completed"}}),
]


@pytest.fixture
async def nodes(
    store: Callable[..., Store], state: Callable[[], State], recording: Callable[..., Recording]
) -> AsyncIterator[Nodes]:
    """Servers of the recording ``a``, which takes a minute."""
    store(recording("a", SLOW))
    nodes = Nodes(lambda number: store(), state)
    yield nodes
    for server in nodes.all:
        await server.state.stop()
