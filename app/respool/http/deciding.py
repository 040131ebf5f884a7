"""How a route decides: at once, or with what a shared state has loaded for it."""

from collections.abc import Callable
from typing import TypeVar

from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.state import Need

T = TypeVar("T")


async def decided(server: MockServer, session: str, decide: Callable[[], T], *needs: Need) -> T:
    """Return what `decide` gives; it may be called several times. Raises RequestError as it does, and 503
    where a shared state cannot be had."""
    if not server.state.shared:
        return decide()
    return await server.state.run(session, decide, needs)


def needs_of(request: Request) -> tuple[Need, ...]:
    """Return what a create looks at."""
    previous, conversation = request.previous_response_id, request.conversation_id
    return (
        *([Need("response", previous)] if isinstance(previous, str) else []),
        *([Need("conversation", conversation)] if conversation is not None else []),
    )
