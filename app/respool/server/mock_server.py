"""MockServer: the object with all state: recordings, pace, time and the journal. It has no sockets: the HTTP
floor calls it, and so can a test."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

from respool.errors import OptionError
from respool.faults.applying import ActiveFault
from respool.faults.fault import Fault
from respool.play.clock import SystemClock
from respool.play.connection_memory import Remembered
from respool.play.frames import Schedule
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import RenditionCache, Renditions
from respool.play.saved_answers import SavedAnswers
from respool.play.session_clock import SessionClock
from respool.protocol import profiles
from respool.protocol.items import Item
from respool.protocol.request import ValidationLevel
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.conversations import Conversations
from respool.server.deliveries import RESET_WHILE_HELD, Deliveries
from respool.server.history import History
from respool.server.indexes import Indexes
from respool.server.journal import Journal
from respool.server.memory import Memory
from respool.server.memory_limits import DEFAULT_MEMORY, HeldBytes, MemoryLimits
from respool.server.misses import Misses
from respool.server.paced_renditions import PacedRenditions
from respool.server.references import References
from respool.server.request import Request
from respool.server.server_options import ServerOptions, complete, match_options
from respool.server.session import DEFAULT_SESSION, Session, invalid_session
from respool.server.session_faults import SessionFaults
from respool.server.sessions import AnySessions
from respool.server.stand_ins import StandIns
from respool.server.starting import Begun, begin, warm_up
from respool.server.state import NO_AUTO, State
from respool.server.state.in_memory import MemoryState
from respool.server.stored_responses import StoredResponses, detach_abandoned
from respool.server.uploads import Uploads


class MockServer:
    """A store of recordings, and how they are played.

    default        the name of the recording that answers what nothing else does
    ids            ``recorded`` ids in what is played, or ``fresh`` ones for each play
    replay_window  seconds after its end for which a background response can be streamed
    validate       how much of a request is checked: off, basic or strict; if not given, basic, but off
                   where unknown ids are answered for
    faults         the faults of every answer; may be changed between two requests
    profile        the dialect of Scripts and errors, one of `PROFILES`
    keepalive      seconds of silence after which a stream is kept alive; None: it is not
    framing        of what was captured from a wire: ``captured``, as it was, or ``normal``, as the API does
    on_unknown_id  the answer for an unknown id: ``not-found``, or ``default``, the default
                   recording's response with that id, ended; then no Response lacks a field
    stateless      no state is kept, so that several such servers can share the requests. Requests that need
                   state are refused: 400, ``needs_state``. With ``on_unknown_id="default"`` none is refused,
                   and all ids are unknown
    session_idle   seconds after its last request for which a session is kept
    session_by     what names the session of a request: its header and path (``name``), or, if it has neither,
                   its API key (``api-key``)
    state          the storage of its state; if not given, in memory
    match, on_miss, on_exhausted, asks_upstream   how a recording is chosen: see `MatchOptions`
    clock_mode     how the clocks of sessions run until they are set: real, frozen or auto
    max_memory     bytes of requests and answers that it holds: see `MemoryLimits`
    max_client_bytes  bytes of one client's unanswered requests; None: any number

    Raises OptionError for values out of range, when no recording is named `default` or there is none that
    could answer for unknown ids, when strict lacks the extra ``schema``, and for faults that count their
    plays where nothing is remembered.
    """

    def __init__(self, store: Store, **options: Unpack[ServerOptions]) -> None:
        given = complete(options, store)
        on_unknown_id, validate = given["on_unknown_id"], given["validate"]
        if validate is None:  # tests with made-up ids send all parameters at once, or none
            validate = ValidationLevel.OFF if on_unknown_id == "default" else ValidationLevel.BASIC
        self.store = store
        self.uploads = Uploads(store)
        self.indexes = Indexes(store, match_options(given))
        self.misses = Misses(self.indexes)
        self.pace = given["pace"] or Pace()
        self.clock = given["clock"] or SystemClock()
        self.ids = given["ids"]
        self.validate = ValidationLevel.read(validate)
        self.on_unknown_id = on_unknown_id
        self.session_by = given["session_by"]
        self.session_idle = given["session_idle"]
        self.clock_mode = given["clock_mode"]
        self.max_client_bytes = given["max_client_bytes"]
        self.profile = profiles.find(given["profile"])
        self.keepalive = given["keepalive"]
        self.limits = MemoryLimits(DEFAULT_MEMORY if given["max_memory"] is None else given["max_memory"])
        self.journal = Journal(most_bytes=self.limits.journal)
        self.held_by_faults = HeldBytes(self.limits.faults)
        cache = RenditionCache(self.limits.renditions)
        self.paced = PacedRenditions(self.pace, self.profile, self.keepalive, given["framing"], cache)
        self.saved_answers = SavedAnswers()
        any_id = on_unknown_id == "default"
        self.stand_ins = StandIns(any_id, self.indexes, self.clock, self.renditions, self.saved_answers)
        self.memory = Memory(
            given["stateless"], stand_in=self.stand_ins.items if any_id else None, limits=self.limits
        )
        self.state: State = given["state"] or MemoryState()
        if self.clock_mode == "auto" and self.state.shared:
            raise OptionError(f"clock is auto: {NO_AUTO}")
        self.deliveries = Deliveries(self.clock, self.state.keep_later, self.state.node, self._client_left)
        self.journal.shared = self.state.shared
        self.sessions: AnySessions = self.state.sessions(self)
        self.responses = StoredResponses(self.session, self.memory, self.stand_ins, given["replay_window"])
        self.references = References(self.validate, self.indexes, self.memory, self.responses, any_id=any_id)
        self._faults = SessionFaults(self.memory, self.session)
        self.faults = given["faults"]

    def session(self, name: str = DEFAULT_SESSION) -> Session:
        """Return the session of that name, a new one if there is none. Raise RequestError for an invalid
        name."""
        try:
            return self.sessions.get(name)
        except OptionError as error:
            raise invalid_session(error) from None

    def reset(self, session: str = DEFAULT_SESSION) -> None:
        """Reset one session to its beginning, and remove its requests. Its held streams are cut, others go
        on. Other sessions are not touched."""
        self.deliveries.end_held(session, RESET_WHILE_HELD)
        self.journal.clear_session(session)
        if (known := self.sessions.find(session)) is not None:
            known.reset()

    def _busy(self, session: str) -> bool:
        """Return True if something of a session is due and has yet to be sent."""
        return any(not delivery.idle for delivery in self.deliveries.of(session))

    def unplayed(self, session: str | None = None) -> list[str]:
        """Return the names of all turns that were never played: in a session since its last reset; if it is
        None, in any session since the start."""
        known = None if session is None else self.sessions.find(session)
        plays = self.state.plays if session is None else known.plays if known else Counter()
        return [
            recording.name
            for name in self.store.names
            for recording in self.store.turns(name)
            if recording.name not in plays
        ]

    def session_clock(self, session: str) -> SessionClock:
        """Return a new clock for a session."""
        return SessionClock(self.clock, busy=partial(self._busy, session), mode=self.clock_mode)

    @property
    def renditions(self) -> Renditions:
        """The renditions of recordings at the server's pace."""
        return self.paced.standard

    @property
    def default(self) -> str | None:
        """The name of the recording that answers if nothing else does."""
        return self.indexes.options.default

    @property
    def history(self) -> History:
        """The playbacks of the default session."""
        return self.sessions.default_session.history

    @property
    def conversations(self) -> Conversations:
        """The conversations of the default session."""
        return self.sessions.default_session.conversations

    def start(
        self, request: Request, now: float | None = None, lineage: Sequence[Remembered] | None = None
    ) -> Playback:
        """Begin to play the answer to `request`: see `begin`."""
        return self.begin(request, now, lineage).playback

    def begin(
        self,
        request: Request,
        now: float | None = None,
        lineage: Sequence[Remembered] | None = None,
        *,
        arrived: float | None = None,
    ) -> Begun:
        """Begin to play the answer to `request`; the result has the reason for it.

        It begins at the session's moment `now`. If that is not given, it begins at the server's moment
        `arrived`; if that is not given either, or a test holds the session's clock, it begins at the current
        moment.

        `lineage` is for a request on a WebSocket: the responses of its connection that it continues, the
        newest first, stored or not; else None.

        Raise RequestError for a request that the API refuses, NoMatchingRecording if none answers,
        AskUpstream if an upstream answers it.
        """
        return begin(self, request, now, lineage, arrived)

    def renditions_at(self, changes: Mapping[str, Any] | None) -> Renditions:
        """Return the renditions at the server's pace with these changes."""
        return self.paced.at(changes)

    def warm_up(
        self, request: Request, now: float | None = None, lineage: Sequence[Remembered] = ()
    ) -> Playback:
        """Answer a request of a WebSocket that wants no output (``generate: false``). It is checked, but
        matches no recording and uses up no turn. Raise RequestError as `start` does."""
        return warm_up(self, request, now, lineage)

    def retrieve(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> Playback:
        """See `StoredResponses.retrieve`."""
        return self.responses.retrieve(id, now, session)

    def stream(
        self,
        id: str,
        *,
        include_obfuscation: bool = True,
        now: float | None = None,
        session: str = DEFAULT_SESSION,
    ) -> Playback:
        """See `StoredResponses.stream`."""
        return self.responses.stream(id, include_obfuscation=include_obfuscation, now=now, session=session)

    def cancel(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> Playback:
        """See `StoredResponses.cancel`."""
        return self.responses.cancel(id, now, session)

    def delete(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> None:
        """See `StoredResponses.delete`."""
        self.responses.delete(id, now, session)

    def input_items(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> list[Item]:
        """See `StoredResponses.input_items`."""
        return self.responses.input_items(id, now, session)

    def context(
        self, body: Mapping[str, Any], now: float | None = None, session: str = DEFAULT_SESSION
    ) -> list[Item]:
        """See `StoredResponses.context`."""
        return self.responses.context(body, now, session)

    def earlier_items(
        self, body: Mapping[str, Any], now: float | None = None, session: str = DEFAULT_SESSION
    ) -> Callable[[], list[Item]]:
        """See `StoredResponses.earlier_items`."""
        return self.responses.earlier_items(body, now, session)

    def _client_left(self, playback: Playback, session: str) -> None:
        self.state.run_later(session, partial(self.client_left, playback, session))

    def client_left(self, playback: Playback, session: str = DEFAULT_SESSION) -> None:
        """End a response whose client has left before the end, unless it is in the background. It cannot be
        retrieved later."""
        if (using := self.sessions.find(session)) is not None:
            detach_abandoned(playback, using)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of all sessions without faults of their own. Setting them restarts the counts of
        plays."""
        return self._faults.general

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._faults.set(faults, self.sessions)

    def faults_of(self, session: Session) -> Sequence[Fault]:
        """Return the faults of a session's answers."""
        return self._faults.general if session.faults is None else session.faults

    def draw_faults(
        self,
        recording: Recording,
        requested: Sequence[Fault] = (),
        codings: Collection[str] = (),
        session: str = DEFAULT_SESSION,
        *,
        on_socket: bool = False,
    ) -> tuple[ActiveFault, ...]:
        """Return the active faults of this play of `recording`: those of the recording, the session and the
        request, as chance and counts decide.

        `codings` are the content codings that the client accepts. Faults of WebSockets happen only
        `on_socket`. Raise RequestError for a fault that counts its plays on a stateless server.
        """
        return self._faults.draw(recording, requested, codings, session, on_socket=on_socket)

    def draw_upgrade_faults(
        self, requested: Sequence[Fault] = (), session: str = DEFAULT_SESSION
    ) -> tuple[ActiveFault, ...]:
        """Return the active faults of an upgrade to a WebSocket."""
        return self._faults.draw_upgrade(requested, session)

    def schedule(self, recording: Recording) -> Schedule:
        """Return the recording's frames and moments, computed once and shared by all its streams."""
        return self.paced.standard.get(recording).sse.schedule

    def recordings(self) -> Iterator[Recording]:
        """Iterate over all turns of all recordings. `schedule` of each may be called before it is played, so
        that no play waits for that."""
        for name in self.store.names:
            yield from self.store.turns(name)

    def stand_in(self) -> Recording | None:
        """Return the recording that answers for unknown ids, if one does."""
        return self.stand_ins.recording()
