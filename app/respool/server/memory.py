"""Memory: the state that one request leaves for the next, and the refusals of a stateless server."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from respool.errors import RequestError, printable
from respool.faults.fault import Fault
from respool.play.clock import Clock
from respool.play.session_clock import SessionClock
from respool.server.conversations import Conversations, StatelessConversations
from respool.server.history import Budget, History
from respool.server.memory_limits import MemoryLimits
from respool.server.session import Session

DEFAULT_LIMITS = MemoryLimits()

# The parameters of a request that need what another one has left, or leave something for one.
NEED_MEMORY = ("background", "conversation", "previous_response_id")


class Memory:
    """The responses and conversations of one server.

    A `stateless` one stores nothing, so that any other server can answer in its place; a request that needs
    more is refused with the code ``needs_state``. `stand_in` returns the items of an unknown conversation:
    then nothing is refused, and all ids are unknown.
    """

    def __init__(
        self,
        stateless: bool = False,
        stand_in: Callable[[str], Iterable[Any]] | None = None,
        limits: MemoryLimits = DEFAULT_LIMITS,
    ) -> None:
        self.limits = limits
        self.stateless = stateless
        self._refuses = stateless and stand_in is None
        self._stand_in = stand_in

    def session(self, name: str, *, clock: Clock | SessionClock, seed: int, budget: Budget) -> Session:
        """Return a new session, which stores only what may be stored."""
        history = (
            History(most_bytes=self.limits.session, shared=budget) if not self.stateless else History(most=0)
        )
        if self._refuses:
            conversations: Conversations = StatelessConversations(self.refusal)
        elif self.stateless:
            conversations = Conversations(stand_in=self._stand_in, most=0)
        else:
            conversations = Conversations(
                stand_in=self._stand_in, most_characters=self.limits.session, shared=budget
            )
        return Session(name, clock, history, conversations, seed)

    @property
    def stand_in(self) -> Callable[[str], Iterable[Any]] | None:
        """The function that returns the items of an unknown conversation."""
        return self._stand_in

    def refusal(self, problem: str, param: str | None = None) -> RequestError:
        """Return the refusal of a request that needs state. `problem` is a sentence without full stop. The
        status is 400, since SDKs retry after 409 and 500."""
        return RequestError(
            f"{problem}: this server is stateless, so the next request may come to a process that knows "
            "nothing of this one. For this, run it with --state redis://..., or as one process without "
            "--stateless.",
            code="needs_state",
            param=param,
        )

    def check(self, body: Mapping[str, Any], *, remembered: bool = False) -> None:
        """Raise RequestError if the request needs shared state. `remembered`: its own connection remembers
        the response that it continues."""
        for param in NEED_MEMORY if self._refuses else ():
            if body.get(param) and not (remembered and param == "previous_response_id"):
                raise self.refusal(f"The parameter '{param}' cannot be used", param)

    def check_known(self, id: str) -> None:
        """Raise RequestError if this worker cannot look up responses."""
        if self._refuses:
            raise self.refusal(f"Response '{printable(id)}' cannot be looked up")

    @property
    def warning(self) -> str:
        """A line for the user about what does not work; "" if all does."""
        if not self.stateless:
            return ""
        if self._refuses:
            return (
                "stateless: background responses, retrieve, conversations and previous_response_id are "
                "refused; they need --state, or one process without --stateless"
            )
        return "stateless: nothing is stored, and every id is an unknown one"

    def counting(self, faults: Iterable[Fault]) -> Fault | None:
        """Return the first fault with `times`, if this server cannot count its plays."""
        if not self.stateless:
            return None
        return next((fault for fault in faults if fault.times is not None), None)
