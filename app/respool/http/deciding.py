"""How a route decides: at once, or with what a shared state has loaded for it."""

from collections.abc import Callable
from typing import TypeVar

from respool.play import offload
from respool.play.offload import NO_RESULTS, WorkNeeded
from respool.play.playback import Playback
from respool.server.delivery import Delivery
from respool.server.heavy import Works
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session import Session
from respool.server.state import Need

T = TypeVar("T")


async def decided(server: MockServer, session: str, decide: Callable[[], T], *needs: Need) -> T:
    """Return what `decide` gives; it may be called several times. Raises RequestError as it does, and 503
    where a shared state cannot be had."""
    if not server.state.shared:
        # As `offloading` does, without its calls: this is the path of each request.
        before, offload.current.results = offload.current.results, NO_RESULTS
        try:
            return decide()
        except WorkNeeded as error:
            needed = error.with_traceback(None)  # which has this frame: else a cycle
        finally:
            offload.current.results = before
        return await _offloaded(decide, needed)
    return await server.state.run(session, decide, needs)


async def _offloaded(decide: Callable[[], T], needed: WorkNeeded) -> T:
    """Do what a decision needs in threads, one work after the other, and make it again."""
    works = Works()
    while True:
        await works.do(needed)
        try:
            with works.offloading():
                return decide()
        except WorkNeeded as error:
            needed = error.with_traceback(None)


def delivery_of(server: MockServer, playback: Playback, session: Session, exchange: Exchange) -> Delivery:
    """Return the delivery of a playback that has just been decided on."""
    return Delivery(playback, session.clock, exchange, known_in=server.deliveries, attached=True)


def needs_of(request: Request) -> tuple[Need, ...]:
    """Return what a create looks at."""
    previous, conversation = request.previous_response_id, request.conversation_id
    return (
        *([Need("response", previous)] if isinstance(previous, str) else []),
        *([Need("conversation", conversation)] if conversation is not None else []),
    )
