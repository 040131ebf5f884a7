"""State: the storage of a server's state, in memory or in a store that several servers share.

The same plain code decides for both. With a shared store it gets a loaded session, and its changes are
committed; if another server has changed the same keys meanwhile, it decides again.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from respool.play.playback import Playback
from respool.server.journal import Exchange
from respool.server.uploads import Upload

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer
    from respool.server.sessions import AnySessions

T = TypeVar("T")

# Why the clocks of a shared state do not jump by themselves.
NO_AUTO = (
    "a clock jumps by itself as soon as all streams of its session are idle, and servers with one state "
    "(--state) do not ask each other at every event. Use the mode frozen, and advance it event by event: "
    'POST /__admin/clock/advance with {"next": 1}. Or use one server without --state'
)


class Need(NamedTuple):
    """A part of a session that a decision reads: of `kind` response, conversation, responses, conversations
    or known."""

    kind: str
    id: str = ""


class State(Protocol):
    """The storage of a server's state."""

    shared: bool  # by several servers
    plays: Counter[str]  # of each recording's turn, in all sessions
    node: str  # the name of this server among those that share the state; "" if none does
    called: Callable[[bytes], Awaitable[bytes]] | None  # answers calls of other servers

    def sessions(self, server: "MockServer") -> "AnySessions":
        """Return the sessions of a server. Call it once."""

    @property
    def round_trips(self) -> int:
        """The number of requests to the store since the start."""

    @property
    def busy(self) -> bool:
        """True if something waits for an answer of the store."""

    @property
    def problem(self) -> str:
        """The reason why nothing can be stored now; "" if it can."""

    @property
    def not_ready(self) -> str:
        """The reason to use other servers instead of this one; "" if it is ready."""

    def played(self, turn: str) -> None:
        """Count a play of a recording's turn."""

    async def run(self, session: str, decide: Callable[[], T], needs: Collection[Need] = ()) -> T:
        """Run `decide` with a session loaded, commit its changes, and return its result.

        `needs` is what it will probably read. It may run several times, and must then do the same again.
        Raise RequestError, 503, if the state is unavailable.
        """

    async def run_async(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need] = ()
    ) -> T:
        """Run an async `decide` in the same way; it should wait as briefly as possible."""

    def run_later(self, session: str, decide: Callable[[], object]) -> None:
        """Run `decide` in the same way, without waiting for it."""

    async def keep(self, playback: Playback) -> None:
        """Publish the edits of a live response to all servers. Raise RequestError, 503."""

    def keep_later(self, playback: Playback) -> None:
        """Publish the edits in the same way, without waiting for it."""

    async def publish(self, name: str, upload: Upload, data: bytes) -> None:
        """Publish an upload to all servers. Raise RequestError, 503."""

    async def withdraw(self, name: str) -> None:
        """Withdraw an upload from all servers. Raise RequestError, 503."""

    async def others(self) -> list[str]:
        """Return the names of the other servers that share the state. Raise RequestError, 503."""

    async def ask(self, node: str, message: bytes) -> bytes | None:
        """Return the answer of another server's `called`; None if the server is gone. Raise RequestError,
        503."""

    def exclusive(self, session: str) -> AbstractAsyncContextManager[None]:
        """Prevent other servers from moving the clock of a session, within the block. Raise RequestError,
        503."""

    async def note(self, exchange: Exchange) -> None:
        """Publish a request to all servers, before its answer begins."""

    def note_later(self, exchange: Exchange) -> None:
        """Publish the progress of a request to all servers, soon."""

    async def refresh(self) -> None:
        """Add the requests of other servers to the journal. Raise RequestError, 503, if they are unavailable:
        a part of them would be a wrong answer."""

    def follow(self) -> Callable[[], None]:
        """Follow the journals of the other servers. Return a function that stops it."""

    async def forget_requests(self, session: str) -> None:
        """Delete the requests of a session."""

    async def start(self) -> None:
        """Start to listen to the store, in the running loop."""

    async def stop(self) -> None:
        """Stop listening to the store."""
