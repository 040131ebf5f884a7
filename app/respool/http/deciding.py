"""How a route decides: at once, or with what a shared state has loaded for it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from respool.play.offload import NO_RESULTS, WorkNeeded, offloading
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
        try:
            with offloading(NO_RESULTS):
                return decide()
        except WorkNeeded as needed:
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
            needed = error


def delivery_of(server: MockServer, playback: Playback, session: Session, exchange: Exchange) -> Delivery:
    """Return the delivery of a playback that has just been decided on."""
    on_left = partial(server.client_left, playback, session.name)
    if server.state.shared:
        on_left = partial(server.state.run_later, session.name, on_left)
    return Delivery(playback, session.clock, exchange, on_left=on_left, known_in=server.deliveries)


def needs_of(request: Request) -> tuple[Need, ...]:
    """Return what a create looks at."""
    previous, conversation = request.previous_response_id, request.conversation_id
    return (
        *([Need("response", previous)] if isinstance(previous, str) else []),
        *([Need("conversation", conversation)] if conversation is not None else []),
    )
