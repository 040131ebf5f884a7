"""Memory: what one request leaves for the next, and what is refused where another worker may get that."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from respool.errors import OptionError, RequestError, printable
from respool.faults.fault import Fault
from respool.play.clock import Clock
from respool.server.conversations import Conversations, NoConversations
from respool.server.history import Budget, History
from respool.server.session import Session

# The parameters of a request that need what another one has left, or leave something for one.
NEED_MEMORY = ("background", "conversation", "previous_response_id")


class Memory:
    """The responses and conversations of one server, or of one of several `workers`.

    Several share nothing: so they remember nothing, and what would need it is refused with the code
    ``needs_one_worker``, whichever of them is asked. Where `stand_in` gives what was said in a conversation
    that is not known, nothing is refused: all ids are unknown then. Raises OptionError.
    """

    def __init__(self, workers: int = 1, stand_in: Callable[[str], Iterable[Any]] | None = None) -> None:
        if not workers >= 1:
            raise OptionError(f"workers is {workers}, expected 1 or more")
        self.workers = workers
        self._refuses = workers > 1 and stand_in is None
        self._stand_in = stand_in

    def session(self, name: str, *, clock: Clock, seed: int, budget: Budget) -> Session:
        """Return a new session, which remembers what may be remembered."""
        history = History(shared=budget) if self.workers == 1 else History(most=0)
        if self._refuses:
            conversations: Conversations = NoConversations(self.refusal)
        elif self.workers > 1:
            conversations = Conversations(stand_in=self._stand_in, most=0)
        else:
            conversations = Conversations(stand_in=self._stand_in, shared=budget)
        return Session(name, clock, history, conversations, seed)

    @property
    def stand_in(self) -> Callable[[str], Iterable[Any]] | None:
        """What gives the items of a conversation that is not known."""
        return self._stand_in

    def refusal(self, problem: str, param: str | None = None) -> RequestError:
        """The refusal of what cannot be done; `problem` is a sentence without full stop. 400, since SDKs try
        again what is answered with 409 or 500."""
        return RequestError(
            f"{problem}: this server has {self.workers} workers, which share no state, so the next request "
            "may come to one that knows nothing of this one. Run it with --workers 1 for this.",
            code="needs_one_worker",
            param=param,
        )

    def check(self, body: Mapping[str, Any]) -> None:
        """Whether a request can be answered by who knows of no other. Raises RequestError."""
        for param in NEED_MEMORY if self._refuses else ():
            if body.get(param):
                raise self.refusal(f"The parameter '{param}' cannot be used", param)

    def check_known(self, id: str) -> None:
        """Whether it can be known if there is a response of this id. Raises RequestError."""
        if self._refuses:
            raise self.refusal(f"Response '{printable(id)}' cannot be looked up")

    @property
    def warning(self) -> str:
        """What does not work, as a line for the user; "" if all does."""
        if self.workers == 1:
            return ""
        if self._refuses:
            return (
                f"{self.workers} workers share no state: background responses, retrieve, conversations and "
                "previous_response_id are refused; they need --workers 1"
            )
        return f"{self.workers} workers share no state: nothing is stored, and every id is an unknown one"

    def counting(self, faults: Iterable[Fault]) -> Fault | None:
        """The first fault that happens so many times, where nobody counts them all."""
        if self.workers == 1:
            return None
        return next((fault for fault in faults if fault.times is not None), None)
