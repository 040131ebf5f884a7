"""MockServer: the object with all state: recordings, pace, time and the journal. It has no sockets: the HTTP
floor calls it, and so can a test."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from secrets import token_hex
from typing import Any, NamedTuple, TypedDict

from respool.errors import NoMatchingRecording, OptionError, RequestError, printable
from respool.faults.applying import ActiveFault
from respool.faults.fault import Fault, limit
from respool.play.clock import Clock, SystemClock
from respool.play.connection_memory import Remembered
from respool.play.edits import CANCELLED
from respool.play.frames import Schedule
from respool.play.offload import offload
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import UNCHANGED, Changes, RenditionCache, Renditions
from respool.play.saved_answers import SavedAnswers
from respool.play.session_clock import MODES, Mode, SessionClock
from respool.play.warm_up import warm_up_recording
from respool.protocol import api_errors, profiles
from respool.protocol.events import compact
from respool.protocol.items import Item, input_items
from respool.protocol.request import Known, ValidationLevel, check_links
from respool.recordings.recording import (
    FRAMINGS,
    IDS,
    ON_UNKNOWN_ID,
    REPLAY_WINDOW,
    Recording,
)
from respool.recordings.store import Store
from respool.server.choosing import (
    AskUpstream,
    Decision,
    ask_upstream,
    asks_upstream,
    decide,
    default_of,
    remember,
    remember_stub,
)
from respool.server.conversations import Conversations, PlaybackInConversation, output_items
from respool.server.deliveries import RESET_WHILE_HELD, Deliveries
from respool.server.history import History
from respool.server.improvising import improvised
from respool.server.indexes import ASKS_UPSTREAM, Indexes, MatchOptions
from respool.server.journal import Journal
from respool.server.lineage import items_before, items_of_chain
from respool.server.links import check_history
from respool.server.memory import Memory
from respool.server.memory_limits import DEFAULT_MEMORY, HeldBytes, MemoryLimits
from respool.server.misses import Misses
from respool.server.request import Request
from respool.server.session import EVERYBODYS, Session
from respool.server.sessions import IDLE, SESSION_BY, AnySessions
from respool.server.state import NO_AUTO, State
from respool.server.state.in_memory import MemoryState
from respool.server.uploads import Uploads

_MOST_PACES = 100  # of stubs, of which the renditions are kept


class ServerOptions(TypedDict, total=False):
    """The options of `MockServer`, and of all that make one."""

    pace: Pace | None
    clock: Clock | None
    default: str | None
    ids: str
    replay_window: float
    validate: ValidationLevel | str | None
    faults: Sequence[Fault]
    profile: str
    keepalive: float | None
    framing: str
    on_unknown_id: str
    stateless: bool
    session_idle: float
    session_by: str
    state: State | None
    match: str | None
    on_miss: str
    on_exhausted: str
    asks_upstream: str
    clock_mode: Mode
    max_memory: int | None
    max_client_bytes: int | None


class Begun(NamedTuple):
    """A playback that begins, the reason for it, and its session."""

    playback: Playback
    decision: Decision
    session: Session


class MockServer:
    """A store of recordings, and how they are played.

    default        the name of the recording that answers what nothing else does
    ids            ``recorded`` ids in what is played, or ``fresh`` ones for each play
    replay_window  seconds after its end for which a background response can be streamed
    validate       how much of a request is checked: off, basic or strict; if not given, basic, but off
                   where unknown ids are answered for
    faults         what goes wrong with every answer; it may be changed between two requests
    profile        whose way of speaking Scripts and errors have, one of `PROFILES`
    keepalive      seconds of silence after which a stream is kept alive; None: it is not
    framing        of what was captured from a wire: ``captured``, as it was, or ``normal``, as the API does
    on_unknown_id  what answers for an id that is not known: ``not-found``, or ``default``, the default
                   recording's response with that id, ended; then no Response lacks a field
    stateless      nothing is remembered, so that several such servers can share the requests; what would
                   need it is refused: 400, ``needs_state``; but where unknown ids are answered for, all are
                   unknown
    session_idle   seconds after its last request for which a session is kept
    session_by     what says which session a request is of: its header and path (``name``), or, where those
                   say nothing, its API key (``api-key``)
    state          where is kept what it remembers; if not given, in memory
    match, on_miss, on_exhausted, asks_upstream   how a recording is chosen: see `MatchOptions`
    clock_mode     how the clocks of sessions run until somebody sets them: real, frozen or auto
    max_memory     bytes that it holds of what it was asked, all together: see `MemoryLimits`
    max_client_bytes  bytes of one client's unanswered requests; None: any number

    Raises OptionError for values out of range, when no recording is named `default` or there is none that
    could answer for unknown ids, when strict lacks the extra ``schema``, and for faults that count their
    plays where nothing is remembered.
    """

    def __init__(
        self,
        store: Store,
        *,
        pace: Pace | None = None,
        clock: Clock | None = None,
        default: str | None = None,
        ids: str = "recorded",
        replay_window: float = REPLAY_WINDOW,
        validate: ValidationLevel | str | None = None,
        faults: Sequence[Fault] = (),
        profile: str = "openai",
        keepalive: float | None = None,
        framing: str = FRAMINGS[0],
        on_unknown_id: str = "not-found",
        stateless: bool = False,
        session_idle: float = IDLE,
        session_by: str = "name",
        state: State | None = None,
        match: str | None = None,
        on_miss: str = "error",
        on_exhausted: str = "error",
        asks_upstream: str = ASKS_UPSTREAM[0],
        clock_mode: Mode = "real",
        max_memory: int | None = None,
        max_client_bytes: int | None = None,
    ) -> None:
        if default is not None and store.get(default) is None:
            nearest = ", ".join(store.nearest(default))
            raise OptionError(
                f"default is {default}, but no recording has that name"
                + (nearest and f"; nearest: {nearest}")
            )
        if ids not in IDS:
            raise OptionError(f"ids is {ids}, expected {' or '.join(IDS)}")
        if not replay_window >= 0:
            raise OptionError(f"replay-window is {replay_window}, expected seconds, 0 or more")
        if keepalive is not None and not keepalive > 0:
            raise OptionError(f"keepalive is {keepalive}, expected seconds, more than 0")
        if framing not in FRAMINGS:
            raise OptionError(f"framing is {framing}, expected {' or '.join(FRAMINGS)}")
        if on_unknown_id not in ON_UNKNOWN_ID:
            raise OptionError(f"on-unknown-id is {on_unknown_id}, expected {' or '.join(ON_UNKNOWN_ID)}")
        if clock_mode not in MODES:
            raise OptionError(f"clock is {clock_mode}, expected {', '.join(MODES)}")
        if session_by not in SESSION_BY:
            raise OptionError(f"session-by is {session_by}, expected {' or '.join(SESSION_BY)}")
        if not session_idle > 0:
            raise OptionError(f"session-idle is {session_idle}, expected seconds, more than 0")
        if max_client_bytes is not None and max_client_bytes < 1:
            raise OptionError(f"max-client-bytes is {max_client_bytes}, expected bytes, 1 or more")
        if on_miss == "record" and asks_upstream == "never":
            raise OptionError("on-miss is record, but this server has no upstream: --upstream URL names one")
        if on_unknown_id == "default" and default_of(store, default) is None:
            raise OptionError(
                "on-unknown-id is default, but there is none; give the name of a recording as default"
            )
        self.store = store
        self.uploads = Uploads(store)
        self.indexes = Indexes(store, MatchOptions(default, match, on_miss, on_exhausted, asks_upstream))
        self.misses = Misses(self.indexes)
        self.pace = pace or Pace()
        self.clock = clock or SystemClock()
        self.ids = ids
        self.replay_window = replay_window
        if validate is None:  # tests that make ids up send all parameters at once, or none
            validate = ValidationLevel.OFF if on_unknown_id == "default" else ValidationLevel.BASIC
        self.validate = ValidationLevel.read(validate)
        self.on_unknown_id = on_unknown_id
        self.session_by = session_by
        self.max_client_bytes = max_client_bytes
        self.profile = profiles.find(profile)
        self.keepalive = keepalive
        self.framing = framing
        self.limits = MemoryLimits(DEFAULT_MEMORY if max_memory is None else max_memory)
        self.journal = Journal(most_bytes=self.limits.journal)
        self.held_by_faults = HeldBytes(self.limits.faults)
        self._cache = RenditionCache(self.limits.renditions)
        self._renditions = Renditions(self.pace, self.profile, keepalive, framing, self._cache)
        self.saved_answers = SavedAnswers()
        self._paced: dict[tuple[Pace, float | None], Renditions] = {}  # of stubs, of requests, of sockets
        self._warm_ups = Renditions(Pace(speed=inf))
        self.memory = Memory(
            stateless, stand_in=self._said if on_unknown_id == "default" else None, limits=self.limits
        )
        self.session_idle = session_idle
        self.clock_mode: Mode = clock_mode
        self.state: State = state or MemoryState()
        if clock_mode == "auto" and self.state.shared:
            raise OptionError(f"clock is auto: {NO_AUTO}")
        self.deliveries = Deliveries(self.clock, self.state.keep_later, self.state.node)
        self.journal.shared = self.state.shared
        self.sessions: AnySessions = self.state.sessions(self)
        self.faults = faults

    def session(self, name: str = EVERYBODYS) -> Session:
        """Return the session of that name, a new one if there is none. Raise RequestError for an invalid
        name."""
        try:
            return self.sessions.get(name)
        except OptionError as error:
            raise RequestError(f"The session cannot be used: {error}.", code="invalid_session") from None

    def reset(self, session: str = EVERYBODYS) -> None:
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
        return self._renditions

    @property
    def default(self) -> str | None:
        """The name of the recording that answers if nothing else does."""
        return self.indexes.options.default

    @property
    def history(self) -> History:
        """The playbacks of the default session."""
        return self.sessions.everybodys.history

    @property
    def conversations(self) -> Conversations:
        """The conversations of the default session."""
        return self.sessions.everybodys.conversations

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
        """Begin to play the answer to `request`, and say why it was chosen.

        It begins at the session's moment `now`. If that is not given, it begins at the server's moment
        `arrived`; if that is not given either, or a test holds the session's clock, it begins at the current
        moment.

        `lineage` is for a request on a WebSocket: the responses of its connection that it continues, the
        newest first, stored or not; else None.

        Raise RequestError for a request that the API refuses, NoMatchingRecording if none answers,
        AskUpstream if an upstream is to be asked.
        """
        request.check(self.validate)
        self.memory.check(request.body, remembered=bool(lineage))
        session = self.session(request.session)
        moment = session.moment(arrived) if now is None else now
        previous, conversation = request.previous_response_id, request.conversation_id
        if previous is not None or conversation is not None:
            try:
                if previous is not None:
                    self._check_previous(session, request, lineage, moment)
                if conversation is not None:
                    session.conversations.check_free(conversation, moment)
            except RequestError as error:
                if asks_upstream(session, self.indexes) not in ("misses", "always"):
                    raise
                raise ask_upstream(error, None) from None  # which may know it
        if lineage:  # what its connection remembers may not be stored
            playbacks = [getattr(one.turn, "playback", None) for one in lineage]
            request = replace(request, earlier=[one for one in playbacks if one is not None])
        decision = self._decide(request, session, moment)
        answer = decision.recording or self._improvised(request, session, moment)
        recording = self.saved_answers.streamed(answer)
        stub, plain = decision.stub, recording.plain
        playback = Playback(
            recording,
            self._renditions_of(decision, request, on_socket=lineage is not None),
            moment,
            UNCHANGED if plain else self._changes(request, recording, stub.ids if stub else None),
            background=request.background,
            streamed=request.stream,
            stored=request.store,
            body=request.kept_body,
            size=request.size,
            origin=decision.origin,
            after=(previous, conversation),
        )
        if playback.changes is not UNCHANGED:
            playback.prepare()
        self.state.played(recording.name)
        remember(session, decision, playback)
        begun = Begun(playback, decision, session)
        if plain:
            return begun
        if conversation is not None:
            session.conversations.attach(conversation, PlaybackInConversation(playback), moment)
        if playback.stored and (id_ := playback.id):
            session.history.add(id_, playback)
            self.sessions.keep_within_bounds(session)
        return begun

    def _decide(self, request: Request, session: Session, moment: float) -> Decision:
        """Return the answer to a request. Raises as `begin`; a broken history is reported first."""
        try:
            decision = decide(request, session, moment, self.indexes)
        except AskUpstream as asked:  # which judges the history itself
            remember_stub(session, asked.decision)
            raise
        except NoMatchingRecording as error:
            self._check_history(request, session, moment, None)
            raise self.misses.explained(error, request, session, moment) from None
        if isinstance(request.body.get("input"), list):
            self._check_history(request, session, moment, decision)
        if decision.tier in ("default", "only"):
            self.misses.note(request, decision)
        return decision

    def _check_history(
        self, request: Request, session: Session, moment: float, decision: Decision | None
    ) -> None:
        if self.validate is ValidationLevel.OFF or not isinstance(request.body.get("input"), list):
            return
        known = not self.memory.stateless and self.on_unknown_id != "default"
        check_history(request, session, moment, decision, self.indexes, known=known)

    def _improvised(self, request: Request, session: Session, moment: float) -> Recording:
        """Return a recording made from a request, and from what it continues."""
        before: list[Item] = []
        if request.previous_response_id is not None or request.conversation_id is not None:
            before = self.context(request.body, moment, session.name)
        return offload(request.size, "improvised", lambda: improvised(request.body, before))

    def _renditions_of(self, decision: Decision, request: Request, *, on_socket: bool) -> Renditions:
        """Return the renditions at the server's pace, or at that of a stub or of the request."""
        stub = decision.stub
        if stub is not None and stub.pace:
            return self.renditions_at({**stub.pace, **(request.pace or {})}, on_socket=on_socket)
        if request.pace is None and not on_socket:
            return self._renditions
        return self.renditions_at(request.pace, on_socket=on_socket)

    def renditions_at(self, changes: Mapping[str, Any] | None, *, on_socket: bool = False) -> Renditions:
        """Return the renditions at the server's pace with these changes. On a WebSocket, pings keep a
        connection alive, and no event does."""
        keepalive = None if on_socket else self.keepalive
        if not changes and keepalive == self.keepalive:
            return self._renditions
        pace = replace(self.pace, **changes) if changes else self.pace
        key = pace, keepalive
        if key not in self._paced:
            if len(self._paced) >= _MOST_PACES:
                self._paced.clear()
            self._paced[key] = Renditions(pace, self.profile, keepalive, self.framing, self._cache)
        return self._paced[key]

    def warm_up(
        self, request: Request, now: float | None = None, lineage: Sequence[Remembered] = ()
    ) -> Playback:
        """Answer a request of a WebSocket that wants no output (``generate: false``). It is checked, but
        matches no recording and uses up no turn. Raise RequestError as `start` does."""
        request.check(self.validate)
        self.memory.check(request.body, remembered=bool(lineage))
        session = self.session(request.session)
        moment = session.clock.now() if now is None else now
        self._check_previous(session, request, lineage, moment)
        id_ = f"resp_{token_hex(25)}"
        playback = Playback(
            warm_up_recording(request.body, id_, moment),
            self._warm_ups,
            moment,
            stored=request.store,
            body=request.kept_body,
            size=request.size,
        )
        if playback.stored:
            session.history.add(id_, playback)
            self.sessions.keep_within_bounds(session)
        return playback

    def _check_previous(
        self, session: Session, request: Request, lineage: Sequence[Remembered] | None, moment: float
    ) -> None:
        """Check that the response exists that a request continues; on a WebSocket, also the calls in the
        input. Raise RequestError."""
        previous = request.previous_response_id
        if previous is None:
            return
        if not lineage and self._latest(session, previous) is None:
            raise api_errors.previous_response_not_found(previous)
        if lineage is None or self.validate is ValidationLevel.OFF or self.on_unknown_id == "default":
            return

        def stored(id: str) -> list[Item] | None:
            if self.memory.stateless or self._latest(session, id) is None:
                return None
            return self.context({"previous_response_id": id}, moment, session.name)

        context = items_before(lineage, stored) if lineage else stored(previous)
        check_links(request.body, Known(context))

    def retrieve(self, id: str, now: float | None = None, session: str = EVERYBODYS) -> Playback:
        """Return the latest playback of this id that can be retrieved now: a background one at any time,
        another after its end.

        Raise RequestError: 404, as the API answers.
        """
        using, moment = self._using(session, now)
        for playback in self._all(using, id, moment):
            if playback.background or playback.ended(moment):
                return playback
        raise api_errors.response_not_found(id)

    def stream(
        self,
        id: str,
        *,
        include_obfuscation: bool = True,
        now: float | None = None,
        session: str = EVERYBODYS,
    ) -> Playback:
        """Return the latest playback that can be streamed now.

        Raise RequestError: 404, or 400 for one that was not created with ``background=true`` and
        ``stream=true``, and for one whose events are no longer kept.
        """
        using, moment = self._using(session, now)
        latest = self.retrieve(id, moment, session)
        for playback in self._all(using, id, moment):
            if self._streamable(playback, moment) is None:
                return playback.with_obfuscation(include_obfuscation)
        refusal = self._streamable(latest, moment)
        assert refusal
        raise refusal

    def _streamable(self, playback: Playback, moment: float) -> RequestError | None:
        """Return the error for a playback that cannot be streamed again; None if it can."""
        if not playback.background:
            return api_errors.not_created_with("background")
        if not playback.streamed:
            return api_errors.not_created_with("stream")
        gone = moment > playback.ends + self.replay_window and playback.ended(moment)
        if gone and not playback.stands_in:
            return api_errors.no_longer_streamable(self.replay_window / 60)
        return None

    def cancel(self, id: str, now: float | None = None, session: str = EVERYBODYS) -> Playback:
        """Cancel the latest background response of this id that is queued or in progress; one that was
        cancelled stays so.

        Raise RequestError: 404, or 400 for one that has ended or is not in the background.
        """
        using, moment = self._using(session, now)
        found = self._all(using, id, moment)
        if not found:
            raise api_errors.response_not_found(id)
        playback = next((one for one in found if one.background and not one.ended(moment)), found[0])
        if playback.stands_in:  # for one that could be cancelled, too
            playback.cancel(playback.started)
            return playback
        if not playback.background:
            raise api_errors.cannot_cancel_synchronous()
        status = playback.status(moment)
        if playback.ended(moment) and status != CANCELLED:
            raise api_errors.cannot_cancel(status)
        playback.cancel(moment)
        return playback

    def delete(self, id: str, now: float | None = None, session: str = EVERYBODYS) -> None:
        """Delete a response: all playbacks of this id that have ended. Raise RequestError: 404, or 400 if the
        only ones are in progress."""
        using, moment = self._using(session, now)
        self.retrieve(id, moment, session)
        ended = [one for one in self._all(using, id, moment) if one.ended(moment) or one.stands_in]
        if not ended:
            raise api_errors.cannot_delete_in_flight()
        for playback in ended:
            using.history.discard(playback)

    def input_items(self, id: str, now: float | None = None, session: str = EVERYBODYS) -> list[Item]:
        """Return the items of the request that a response answers, oldest first. Raise RequestError: 404."""
        return input_items(self.retrieve(id, now, session).body, id)

    def context(
        self, body: Mapping[str, Any], now: float | None = None, session: str = EVERYBODYS
    ) -> list[Item]:
        """Return the items before the input of a request, oldest first: of its conversation, or of the
        responses that it continues. `body` has been checked.

        Raise RequestError: 404 for an unknown conversation, 400 for an unknown previous response, or for too
        many items.
        """
        return self.earlier_items(body, now, session)()

    def earlier_items(
        self, body: Mapping[str, Any], now: float | None = None, session: str = EVERYBODYS
    ) -> Callable[[], list[Item]]:
        """Return a function that returns the `context` of a request, in any thread. Raise RequestError as
        `context` does."""
        using, moment = self._using(session, now)
        self.memory.check(body)
        conversation = body.get("conversation")
        if conversation:
            id_ = conversation["id"] if isinstance(conversation, dict) else conversation
            items = using.conversations.items(id_, moment)
            return lambda: items
        previous = body.get("previous_response_id")
        if previous and self._latest(using, previous) is None:
            raise api_errors.previous_response_not_found(previous)
        chain: dict[str, Playback] = {}  # a recording that was played twice may continue itself
        while previous and previous not in chain and (playback := self._latest(using, previous)):
            chain[previous] = playback
            previous = playback.continues[0]
        return items_of_chain(chain, moment)

    def client_left(self, playback: Playback, session: str = EVERYBODYS) -> None:
        """End a response whose client has left before the end, unless it is in the background. It cannot be
        retrieved later."""
        using = self.sessions.find(session)
        if playback.background or using is None:
            return
        using.history.discard(playback)
        _, conversation = playback.continues
        if conversation is not None:
            using.conversations.detach(conversation, PlaybackInConversation(playback))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of all sessions without faults of their own. Setting them restarts the counts of
        plays."""
        return self._faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        limited = limit(faults)
        if counting := self.memory.counting(limited):
            raise OptionError(
                f"fault {counting} counts its plays, and this server is stateless; leave times out, or run "
                "it with --state redis://..., or as one process without --stateless"
            )
        self._faults = limited
        for session in self.sessions:
            session.sampler.clear()

    def faults_of(self, session: Session) -> Sequence[Fault]:
        """Return the faults of a session's answers."""
        return self._faults if session.faults is None else session.faults

    def draw_faults(
        self,
        recording: Recording,
        asked: Sequence[Fault] = (),
        codings: Collection[str] = (),
        session: str = EVERYBODYS,
        *,
        on_socket: bool = False,
    ) -> tuple[ActiveFault, ...]:
        """Return the active faults of this play of `recording`: those of the recording, the session and the
        request, as chance and counts decide.

        `codings` are the content codings that the client accepts. Faults of WebSockets happen only
        `on_socket`. Raise RequestError for a fault that counts its plays on a stateless server.
        """
        using = self.session(session)
        faults = (*recording.header.faults, *self.faults_of(using), *asked)
        if not on_socket:
            faults = tuple(fault for fault in faults if fault.category != "socket")
        if counting := self.memory.counting(faults):
            raise self.memory.refusal(f"The fault {printable(str(counting))} cannot count its plays")
        return using.sampler.sample(recording.name, faults, codings) if faults else ()

    def draw_upgrade_faults(
        self, asked: Sequence[Fault] = (), session: str = EVERYBODYS
    ) -> tuple[ActiveFault, ...]:
        """Return the active faults of an upgrade to a WebSocket."""
        using = self.session(session)
        faults = [fault for fault in (*self.faults_of(using), *asked) if fault.name == "socket_refused"]
        return using.sampler.sample("(upgrade)", faults) if faults else ()

    def schedule(self, recording: Recording) -> Schedule:
        """Return the recording's frames and moments, computed once and shared by all its streams."""
        return self._renditions.get(recording).sse.schedule

    def recordings(self) -> Iterator[Recording]:
        """Iterate over all turns of all recordings. `schedule` of each may be called before it is played, so
        that no play waits for that."""
        for name in self.store.names:
            yield from self.store.turns(name)

    def _using(self, session: str, now: float | None) -> tuple[Session, float]:
        """Return the session of that name, and its moment."""
        using = self.session(session)
        return using, using.clock.now() if now is None else now

    def _all(self, session: Session, id: str, now: float) -> list[Playback]:
        """Return all playbacks with this id, latest first, or the one that stands in for them."""
        self.memory.check_known(id)
        if found := session.history.all(id):
            return found
        stand_in = self._stand_in(id, now)
        return [stand_in] if stand_in else []

    def _latest(self, session: Session, id: str) -> Playback | None:
        """Return the playback that another one continues."""
        found = self._all(session, id, session.clock.now())
        return found[0] if found else None

    def stand_in(self) -> Recording | None:
        """Return the recording that answers for unknown ids, if one does."""
        return default_of(self.store, self.default) if self.on_unknown_id == "default" else None

    def _stand_in(self, id: str, now: float) -> Playback | None:
        """Return the playback for an unknown id, if there is one: in the background, streamed, ended a second
        ago. It is not stored."""
        recording = self.stand_in()
        if recording is None or (recording := self.saved_answers.streamed(recording)).plain:
            return None
        playback = Playback(
            recording,
            self._renditions,
            started=0.0,
            changes=Changes(id=id, whole=True),
            background=True,
            body=recording.header.request,
            stands_in=True,
        )
        playback.started = now - playback.schedule.end - 1.0
        return playback

    def _said(self, id: str) -> list[Item]:
        """Return the items of an unknown conversation: the default recording's input and output."""
        playback = self._stand_in(id, self.clock.now())
        given = input_items(playback.body if playback else {}, id) or input_items({"input": "Hello!"}, id)
        return [*given, *(output_items(playback, playback.ends) if playback else ())]

    def _changes(self, request: Request, recording: Recording, ids: str | None = None) -> Changes:
        fresh = (ids or recording.header.ids or self.ids) == "fresh"
        whole = self.on_unknown_id == "default"
        if not (fresh or whole or recording.scripted) and request.include_obfuscation:
            return UNCHANGED  # one object for all, which costs less to make and to compare
        return Changes(
            obfuscation=request.include_obfuscation,
            request=_repeated(request.body, recording, fresh=fresh),
            ids=(request.seed or token_hex(16)) if fresh else "",
            whole=whole,
        )


def _repeated(body: Mapping[str, Any], recording: Recording, *, fresh: bool) -> str:
    """Return the request parameters that the Response object must repeat, unless the recording has them
    already."""
    if not (recording.scripted or fresh):
        return ""
    # Who has no Scripts should not wait for all that they need.
    from respool.protocol.response import ECHOED, echo

    if recording.scripted:
        known = recording.scripted.turn.request
        # A template may take anything from the request.
        names = body if recording.scripted.turn.template else (*ECHOED, "input")
        said = {name: body[name] for name in names if body.get(name) is not None}
    else:
        known = echo(recording.header.request)
        said = echo(body)
        if said.get("service_tier") == "auto":  # which becomes another one when the response ends
            del said["service_tier"]
    new = {name: value for name, value in said.items() if known.get(name) != value}
    return compact(new) if new else ""
