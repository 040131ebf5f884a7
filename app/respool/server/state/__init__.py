"""Where a server keeps what it remembers: `State`, in memory or in a store that several servers share.

What decides is the same plain code for both. With a shared store it is given a session that was loaded, and
what it has changed is committed; if another server has changed the same meanwhile, it decides again.
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
    "(--state) do not ask each other at every event: freeze it and "
    "advance it, or use one server without --state"
)


class Need(NamedTuple):
    """Something of a session that a decision looks at: of `kind` response, conversation, responses,
    conversations or known."""

    kind: str
    id: str = ""


class State(Protocol):
    """Where a server keeps what it remembers."""

    shared: bool  # by several servers
    plays: Counter[str]  # of each recording's turn, in all sessions
    node: str  # the name of this server among those that share the state; "" if none does
    called: Callable[[bytes], Awaitable[bytes]] | None  # answers what other servers ask

    def sessions(self, server: "MockServer") -> "AnySessions":
        """Return the sessions of a server; it is called once."""

    @property
    def round_trips(self) -> int:
        """How often it has asked the store, since the start."""

    @property
    def busy(self) -> bool:
        """Whether something waits for an answer of the store."""

    @property
    def problem(self) -> str:
        """Why nothing can be remembered now; "" if it can."""

    @property
    def not_ready(self) -> str:
        """Why other servers should be asked, and not this one; "" if it is ready."""

    def played(self, turn: str) -> None:
        """Count a play of a recording's turn."""

    async def run(self, session: str, decide: Callable[[], T], needs: Collection[Need] = ()) -> T:
        """Return what `decide` gives, with a session at hand, and remember what it changes.

        `needs` is what it will probably look at. It may be called several times, and must then do the same
        again. Raise RequestError, 503, where the state cannot be had.
        """

    async def run_async(
        self, session: str, decide: Callable[[], Awaitable[T]], needs: Collection[Need] = ()
    ) -> T:
        """Do the same with one that waits for something, as briefly as it can."""

    def run_later(self, session: str, decide: Callable[[], object]) -> None:
        """Do the same without waiting for it."""

    async def keep(self, playback: Playback) -> None:
        """Have all servers know what was done to a live response here: its edits. Raise RequestError, 503."""

    def keep_later(self, playback: Playback) -> None:
        """Do the same without waiting for it."""

    async def publish(self, name: str, upload: Upload, data: bytes) -> None:
        """Have all servers serve what was uploaded here. Raise RequestError, 503."""

    async def withdraw(self, name: str) -> None:
        """Have all servers forget an upload. Raise RequestError, 503."""

    async def others(self) -> list[str]:
        """Return the names of the other servers that share the state. Raise RequestError, 503."""

    async def ask(self, node: str, message: bytes) -> bytes | None:
        """Return what `called` of another server answers; None if that has gone. Raise RequestError, 503."""

    def exclusive(self, session: str) -> AbstractAsyncContextManager[None]:
        """Let nobody else move on the clock of a session. Raise RequestError, 503."""

    async def note(self, exchange: Exchange) -> None:
        """Have all servers know of a request, before its answer begins."""

    def note_later(self, exchange: Exchange) -> None:
        """Have all servers know what has become of a request, soon."""

    async def refresh(self) -> None:
        """Enter in the journal what the other servers have got. Raise RequestError, 503, where that cannot be
        known: part of it would be a wrong answer."""

    def follow(self) -> Callable[[], None]:
        """Have the journal follow that of the other servers, until what is returned is called."""

    async def forget_requests(self, session: str) -> None:
        """Forget the requests of a session."""

    async def start(self) -> None:
        """Begin to listen to the store, in the running loop."""

    async def stop(self) -> None:
        """End that."""
