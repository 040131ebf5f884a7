"""Session: what the requests of one test share, and no others see."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from respool.errors import OptionError
from respool.faults.applying import FaultSampler
from respool.faults.fault import Fault
from respool.match.recorded import Place
from respool.match.turn_choice import Used
from respool.play.clock import Clock
from respool.play.session_clock import SessionClock
from respool.server.conversations import Conversations
from respool.server.history import History
from respool.server.session_holds import SessionHolds

if TYPE_CHECKING:  # most sessions have no stubs, whose modules take their time
    from respool.match.stubs import Stub, StubSet, StubState

EVERYBODYS = ""  # the session of those who name none
LONGEST_NAME = 200  # characters


def check_name(name: str) -> None:
    """Raise OptionError for what is no session's name: 1 to 200 printable characters, no "/"."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name:
        raise OptionError(
            f'the name of a session has 1 to {LONGEST_NAME} printable characters and no "/"; '
            f"this one has {len(name)}"
        )


class Session:
    """The state of one session.

    name           "" for those who name none
    clock          its time
    history        the playbacks that can be asked for
    conversations  what was said in each
    default        the recording that answers what names none; None: what the server's settings say
    faults         what goes wrong with every answer; None: what the server's settings say
    sampler        counts plays, for chance and for faults with `times`
    plays          how often each recording's turn was played, by its name
    stubs          its own stubs, which are asked before those of files
    answered       how many times each stub with `times` has answered, by its name
    scenarios      the state of each scenario, by its name; one that is not here is in Started
    used           turns that were errors, and the request that got each, oldest first, by the recording
    served         the turn that a recorded request has found, by the digest of the request
    ids            turns by the ids that plays of them got afresh, by the recording
    altered        whether a fault has changed an answer, so that its history may be broken
    holds          where streams are held that will begin
    last_used      the server's moment, in seconds since 1970

    `choosing` reads and changes those from `plays` to `ids`.
    """

    __slots__ = (
        "_stub_set", "altered", "answered", "clock", "conversations", "default", "faults", "history", "holds",
        "ids",
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
        self.last_used = self.clock.base.now()

    @property
    def stub_set(self) -> "StubSet | None":
        """Its own stubs, ready to be asked; None: it has none."""
        if not self.stubs:
            return None
        if self._stub_set is None or self._stub_set.given != tuple(self.stubs):
            from respool.match.stubs import StubSet

            self._stub_set = StubSet(self.stubs)
        return self._stub_set

    @property
    def stub_state(self) -> "StubState":
        """What it remembers of stubs, its own and those of files."""
        from respool.match.stubs import StubState

        return StubState(self.answered, self.scenarios)

    def reset(self) -> None:
        """Be as at the beginning. Streams that are open go on; nothing else knows of them."""
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
