"""Session: what the requests of one test share, and no others see."""

from collections import Counter
from collections.abc import Sequence

from respool.errors import OptionError
from respool.faults.applying import FaultSampler
from respool.faults.fault import Fault
from respool.play.clock import Clock
from respool.play.session_clock import SessionClock
from respool.server.conversations import Conversations
from respool.server.history import History
from respool.server.session_holds import SessionHolds

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
    faults         what goes wrong with every answer; None: what the server's settings say
    sampler        counts plays, for chance and for faults with `times`
    plays          how often each recording's turn was played, by its name
    scenarios      the state of each scenario, by its name
    holds          where streams are held that will begin
    used           turns that were errors, and the request that got each: see `matching`
    last_used      the server's moment, in seconds since 1970
    """

    __slots__ = (
        "clock", "conversations", "faults", "history", "holds", "last_used", "name", "plays", "sampler",
        "scenarios", "used",
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
        self.faults: Sequence[Fault] | None = None
        self.sampler = FaultSampler(seed)
        self.plays: Counter[str] = Counter()
        self.scenarios: dict[str, str] = {}
        self.used: dict[str, str] = {}
        self.holds = SessionHolds()
        self.last_used = self.clock.base.now()

    def reset(self) -> None:
        """Be as at the beginning. Streams that are open go on; nothing else knows of them."""
        self.history.clear()
        self.conversations.clear()
        self.faults = None
        self.sampler.clear()
        self.plays.clear()
        self.scenarios.clear()
        self.used.clear()
        self.holds.clear()
        self.clock.reset()
