"""Session: the state that the requests of one test share, apart from others."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from respool.errors import OptionError, RequestError
from respool.faults.applying import FaultSampler
from respool.faults.fault import Fault
from respool.match.recorded import Place
from respool.match.turn_choice import Used
from respool.play.clock import Clock
from respool.play.session_clock import SessionClock
from respool.server.conversations import Conversations
from respool.server.history import History
from respool.server.session_holds import SessionHolds

if TYPE_CHECKING:  # most sessions have no stubs, and their modules are slow to import
    from respool.match.stubs import Stub, StubSet, StubState

DEFAULT_SESSION = ""  # the default session
LONGEST_NAME = 200  # characters


def check_name(name: str) -> None:
    """Raise OptionError for an invalid name of a session. Valid: 1 to 200 printable characters, no "/"."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name:
        raise OptionError(
            f'the name of a session has 1 to {LONGEST_NAME} printable characters and no "/"; '
            f"this one has {len(name)}"
        )


def invalid_session(error: OptionError) -> RequestError:
    """Return the refusal of a request whose session has an invalid name."""
    return RequestError(f"The session cannot be used: {error}.", code="invalid_session")


class Session:
    """The state of one session.

    name           "" is the default session, of requests that name none
    clock          its time
    history        the playbacks that can be found by id
    conversations  the items of each
    default        the recording for requests that name none; None: the server's setting
    faults         the faults of every answer; None: the server's setting
    sampler        counts plays, for chance and for faults with `times`
    plays          how often each recording's turn was played, by its name
    stubs          its own stubs, which come before those of files
    answered       how many times each stub with `times` has answered, by its name
    scenarios      the state of each scenario, by its name; a missing one is in Started
    used           turns that were errors, and the request that got each, oldest first, by the recording
    served         the turn that a recorded request has found, by the digest of the request
    ids            turns by the fresh ids of their plays, by the recording
    altered        whether a fault has changed an answer, so that its history may be broken
    holds          the holds for streams that will begin
    asks_upstream  which requests go to an upstream, one of ASKS_UPSTREAM; None: the server's setting
    last_used      the server's moment, in seconds since 1970

    `choosing` reads and changes those from `plays` to `ids`.
    """

    __slots__ = (
        "_stub_set", "altered", "answered", "asks_upstream", "clock", "conversations", "default", "faults",
        "history", "holds", "ids",
        "last_used", "name", "plays", "sampler", "scenarios", "served", "stubs", "used",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        clock: Clock | SessionClock,
        history: History,
        conversations: Conversations,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.clock = clock if isinstance(clock, SessionClock) else SessionClock(clock)
        self.history = history
        self.conversations = conversations
        self.default: str | None = None
        self.faults: Sequence[Fault] | None = None
        self.sampler = FaultSampler(seed)
        self.plays: Counter[str] = Counter()
        self.stubs: list[Stub] = []
        self._stub_set: StubSet | None = None
        self.answered: dict[str, int] = {}
        self.scenarios: dict[str, str] = {}
        self.used: dict[str, dict[Used, None]] = {}
        self.served: dict[str, Place] = {}
        self.ids: dict[str, dict[str, int]] = {}
        self.altered = False
        self.holds = SessionHolds()
        self.asks_upstream: str | None = None
        self.last_used = self.clock.base.now()

    def moment(self, arrived: float | None = None) -> float:
        """Return the moment at which a request begins that arrived at the server's moment `arrived` (seconds
        since 1970): that one, or the current one, if it is not given or a test holds the clock."""
        return self.clock.now() if arrived is None or self.clock.is_set else arrived

    @property
    def stub_set(self) -> "StubSet | None":
        """Its own stubs, indexed; None: it has none."""
        if not self.stubs:
            return None
        if self._stub_set is None or self._stub_set.given != tuple(self.stubs):
            from respool.match.stubs import StubSet

            self._stub_set = StubSet(self.stubs)
        return self._stub_set

    @property
    def stub_state(self) -> "StubState":
        """Its state of stubs, its own and those of files."""
        from respool.match.stubs import StubState

        return StubState(self.answered, self.scenarios)

    def reset(self) -> None:
        """Reset to the beginning, and ask an upstream as before. Open streams go on, but nothing else knows
        of them."""
        self.history.clear()
        self.conversations.clear()
        self.default = None
        self.faults = None
        self.sampler.clear()
        self.plays.clear()
        self.stubs.clear()
        self.answered.clear()
        self.scenarios.clear()
        self.used.clear()
        self.served.clear()
        self.ids.clear()
        self.altered = False
        self.holds.clear()
        self.clock.reset()
