"""SessionFaults: the faults of a server's answers, and which of them happen to one."""

from collections.abc import Callable, Collection, Iterable, Sequence

from respool.errors import OptionError, printable
from respool.faults.applying import ActiveFault
from respool.faults.fault import Fault, limit
from respool.recordings.recording import Recording
from respool.server.memory import Memory
from respool.server.session import Session


class SessionFaults:
    """The faults of all sessions: a session's own, or those of the server.

    `session` returns the session of a name.
    """

    def __init__(self, memory: Memory, session: Callable[[str], Session]) -> None:
        self._memory = memory
        self._session = session
        self.general: tuple[Fault, ...] = ()  # of sessions without faults of their own

    def set(self, faults: Sequence[Fault], sessions: Iterable[Session]) -> None:
        """Set the general faults, and restart the counts of plays. Raise OptionError for faults that count
        them on a stateless server."""
        limited = limit(faults)
        if counting := self._memory.counting(limited):
            raise OptionError(
                f"fault {counting} counts its plays, and this server is stateless; leave times out, or run "
                "it with --state redis://..., or as one process without --stateless"
            )
        self.general = limited
        for session in sessions:
            session.sampler.clear()

    def of(self, session: Session) -> Sequence[Fault]:
        """Return the faults of a session's answers."""
        return self.general if session.faults is None else session.faults

    def draw(
        self,
        recording: Recording,
        requested: Sequence[Fault],
        codings: Collection[str],
        session: str,
        *,
        on_socket: bool,
    ) -> tuple[ActiveFault, ...]:
        """Return the active faults of one play: see `MockServer.draw_faults`."""
        using = self._session(session)
        faults = (*recording.header.faults, *self.of(using), *requested)
        if not on_socket:
            faults = tuple(fault for fault in faults if fault.category != "socket")
        if counting := self._memory.counting(faults):
            raise self._memory.refusal(f"The fault {printable(str(counting))} cannot count its plays")
        return using.sampler.sample(recording.name, faults, codings) if faults else ()

    def draw_upgrade(self, requested: Sequence[Fault], session: str) -> tuple[ActiveFault, ...]:
        """Return the active faults of an upgrade to a WebSocket."""
        using = self._session(session)
        faults = [fault for fault in (*self.of(using), *requested) if fault.name == "socket_refused"]
        return using.sampler.sample("(upgrade)", faults) if faults else ()
