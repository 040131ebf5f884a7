"""MockServer: the one object that remembers. It knows recordings, pace, time and the journal, but
no sockets: the HTTP floor asks it, and so can a test."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from secrets import token_hex
from typing import Any, TypedDict

from respool.clock import Clock, SystemClock
from respool.conversations import PlaybackRun, output_items
from respool.errors import OptionError, printable
from respool.faults.applying import Drawn, Draws
from respool.faults.fault import Fault
from respool.frames import Schedule
from respool.journal import Journal
from respool.matching import Request, choose, default_of
from respool.memory import Memory
from respool.pace import Pace
from respool.playback import CANCELLED, Playback
from respool.protocol import api_errors, profiles
from respool.protocol.events import compact
from respool.protocol.items import Item, input_items
from respool.protocol.request import Level
from respool.recording import FRAMINGS, IDS, ON_UNKNOWN_ID, REPLAY_WINDOW, Recording
from respool.rendition import UNCHANGED, Changes, Renditions
from respool.store import Store


class ServerOptions(TypedDict, total=False):
    """What may be said to `MockServer`, and to whatever makes one."""

    pace: Pace | None
    clock: Clock | None
    default: str | None
    ids: str
    replay_window: float
    validate: Level | str | None
    faults: Sequence[Fault]
    profile: str
    keepalive: float | None
    framing: str
    on_unknown_id: str
    workers: int


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
    workers        how many such servers share the requests, in processes of their own. With more than one
                   nothing is remembered, and what would need that is refused: 400, ``needs_one_worker``; but
                   where unknown ids are answered for, all are unknown

    Raises OptionError for values out of range, when no recording is named `default` or there is none that
    could answer for unknown ids, when strict lacks the extra ``schema``, and for faults that count their
    plays with several workers.
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
        validate: Level | str | None = None,
        faults: Sequence[Fault] = (),
        profile: str = "openai",
        keepalive: float | None = None,
        framing: str = FRAMINGS[0],
        on_unknown_id: str = "not-found",
        workers: int = 1,
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
        if on_unknown_id == "default" and default_of(store, default) is None:
            raise OptionError(
                "on-unknown-id is default, but there is none; give the name of a recording as default"
            )
        self.store = store
        self.memory = Memory(workers, stand_in=self._said if on_unknown_id == "default" else None)
        self.history, self.conversations = self.memory.history, self.memory.conversations
        self.pace = pace or Pace()
        self.clock = clock or SystemClock()
        self.default = default
        self.ids = ids
        self.replay_window = replay_window
        if validate is None:  # tests that make ids up send all parameters at once, or none
            validate = Level.OFF if on_unknown_id == "default" else Level.BASIC
        self.validate = Level.read(validate)
        self.journal = Journal()
        self.on_unknown_id = on_unknown_id
        self._draws = Draws(self.pace.seed)
        self.faults = faults
        self.profile = profiles.find(profile)
        self.keepalive = keepalive
        self._renditions = Renditions(self.pace, self.profile, keepalive, framing)

    def start(self, request: Request, now: float | None = None) -> Playback:
        """Begin to play what answers `request`, at the clock's moment `now` (this one, if not given).

        Raises RequestError for a request which the API refuses, NoMatchingRecording if none answers.
        """
        request.check(self.validate)
        self.memory.check(request.body)
        previous = request.previous_response_id
        if previous is not None and self._stored(previous) is None:
            raise api_errors.previous_response_not_found(previous)
        moment = self._moment(now)
        conversation = request.conversation_id
        if conversation is not None:
            self.conversations.check_free(conversation, moment)
        recording = choose(request, self.store, self.default)
        playback = Playback(
            recording,
            self._renditions,
            moment,
            self._changes(request, recording),
            background=request.background,
            streamed=request.stream,
            stored=request.store,
            body=request.body,
            size=request.size,
        )
        if recording.plain:
            return playback
        if conversation is not None:
            self.conversations.attach(conversation, PlaybackRun(playback), moment)
        if playback.stored and playback.id:
            self.history.add(playback.id, playback)
        return playback

    def retrieve(self, id: str, now: float | None = None) -> Playback:
        """The playback whose response has this id, if it can be retrieved now: a background one at any
        time, another when it has ended.

        Raises RequestError: 404, as the API answers.
        """
        moment = self._moment(now)
        playback = self._stored(id, moment)
        if playback is None or not (playback.background or playback.ended(moment)):
            raise api_errors.response_not_found(id)
        return playback

    def stream(self, id: str, *, include_obfuscation: bool = True, now: float | None = None) -> Playback:
        """The same, if it can be streamed now.

        Raises RequestError: 404, or 400 for one that was not created with ``background=true`` and
        ``stream=true``, and for one whose events are no longer kept.
        """
        moment = self._moment(now)
        playback = self.retrieve(id, moment)
        if not playback.background:
            raise api_errors.not_created_with("background")
        if not playback.streamed:
            raise api_errors.not_created_with("stream")
        gone = moment > playback.ends + self.replay_window and playback.ended(moment)
        if gone and not playback.stands_in:
            raise api_errors.no_longer_streamable(self.replay_window / 60)
        return playback.with_obfuscation(include_obfuscation)

    def cancel(self, id: str, now: float | None = None) -> Playback:
        """Cancel a background response that is queued or in progress; one that was cancelled stays so.

        Raises RequestError: 404, or 400 for one that has ended or is not in the background.
        """
        moment = self._moment(now)
        playback = self._stored(id, moment)
        if playback is None:
            raise api_errors.response_not_found(id)
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

    def delete(self, id: str, now: float | None = None) -> None:
        """Forget a response. Raises RequestError: 404, or 400 for one that is in progress."""
        moment = self._moment(now)
        playback = self.retrieve(id, moment)
        if not playback.ended(moment) and not playback.stands_in:
            raise api_errors.cannot_delete_in_flight()
        self.history.remove(id)

    def input_items(self, id: str, now: float | None = None) -> list[Item]:
        """The items of the request to which a response answers, oldest first. Raises RequestError: 404."""
        return input_items(self.retrieve(id, now).body, id)

    def context(self, body: Mapping[str, Any], now: float | None = None) -> list[Item]:
        """The items that come before the input of a request: of its conversation, or of the responses that it
        continues, oldest first. `body` has been checked.

        Raises RequestError: 404 for a conversation, 400 for a previous response that is not there.
        """
        moment = self._moment(now)
        self.memory.check(body)
        conversation = body.get("conversation")
        if conversation:
            id_ = conversation["id"] if isinstance(conversation, dict) else conversation
            return self.conversations.items(id_, moment)
        previous = body.get("previous_response_id")
        if previous and self._stored(previous) is None:
            raise api_errors.previous_response_not_found(previous)
        turns: list[list[Item]] = []
        seen: set[object] = set()  # a recording that was played twice may continue itself
        while previous and previous not in seen and (playback := self._stored(previous)):
            seen.add(previous)
            turns.append([*input_items(playback.body, previous), *output_items(playback, moment)])
            previous = playback.body.get("previous_response_id")
        return [item for turn in reversed(turns) for item in turn]

    def client_left(self, playback: Playback) -> None:
        """A client has left before the end of its answer: a response that is not in the background ends
        with that, and is never seen again."""
        if playback.background:
            return
        if self.history.get(playback.id) is playback:
            self.history.remove(playback.id)
        conversation = Request(playback.body).conversation_id
        if conversation is not None:
            self.conversations.detach(conversation, PlaybackRun(playback))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What goes wrong with every answer. When it is set, plays are counted anew."""
        return self._faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        if counting := self.memory.counting(faults):
            raise OptionError(
                f"fault {counting} counts its plays, but each of {self.memory.workers} workers would count "
                "its own; leave times out, or run with --workers 1"
            )
        self._faults = tuple(faults)
        self._draws.clear()

    def draw_faults(
        self, recording: Recording, asked: Sequence[Fault] = (), codings: Collection[str] = ()
    ) -> tuple[Drawn, ...]:
        """What goes wrong with this play of `recording`: the recording's own faults, the server's, and
        those that the request asked for, so far as chance and count let them.

        `codings` are the content codings that the client accepts. Raises RequestError for one that counts its
        plays, with several workers.
        """
        faults = (*recording.header.faults, *self.faults, *asked)
        if counting := self.memory.counting(faults):
            raise self.memory.refusal(f"The fault {printable(str(counting))} cannot count its plays")
        return self._draws.draw(recording.name, faults, codings) if faults else ()

    def schedule(self, recording: Recording) -> Schedule:
        """The recording's frames and moments: worked out once, shared by all its streams."""
        return self._renditions.get(recording).schedule

    def prepare(self) -> Iterator[Recording]:
        """Work out all schedules, one at each step, so that no play waits for its own. One that is not
        prepared is worked out at its first play."""
        for name in self.store.names:
            for recording in self.store.turns(name):
                self.schedule(recording)
                yield recording

    def _moment(self, now: float | None) -> float:
        return self.clock.now() if now is None else now

    def _stored(self, id: str, now: float | None = None) -> Playback | None:
        self.memory.check_known(id)
        return self.history.get(id) or self._stand_in(id, now)

    def stand_in(self) -> Recording | None:
        """The recording that answers for ids which are not known, if they are answered for."""
        return default_of(self.store, self.default) if self.on_unknown_id == "default" else None

    def _stand_in(self, id: str, now: float | None) -> Playback | None:
        """What answers for a response that is not known, if anything does: one of the background that was
        streamed, and ended a second ago. Nothing remembers it."""
        recording = self.stand_in()
        if recording is None or recording.plain:
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
        playback.started = self._moment(now) - playback.schedule.end - 1.0
        return playback

    def _said(self, id: str) -> list[Item]:
        """What was said in a conversation that is not known: the default recording's input and output."""
        playback = self._stand_in(id, None)
        given = input_items(playback.body if playback else {}, id) or input_items({"input": "Hello!"}, id)
        return [*given, *(output_items(playback, playback.ends) if playback else ())]

    def _changes(self, request: Request, recording: Recording) -> Changes:
        if recording.plain:
            return UNCHANGED
        fresh = (recording.header.ids or self.ids) == "fresh"
        whole = self.on_unknown_id == "default"
        if not (fresh or whole or recording.scripted) and request.include_obfuscation:
            return UNCHANGED  # one object for all, which costs less to make and to compare
        return Changes(
            obfuscation=request.include_obfuscation,
            request=_repeated(request.body, recording, fresh=fresh),
            ids=token_hex(16) if fresh else "",
            whole=whole,
        )


def _repeated(body: Mapping[str, Any], recording: Recording, *, fresh: bool) -> str:
    """What the Response object is to repeat of a request, where that is not in the recording already."""
    if not (recording.scripted or fresh):
        return ""
    # Who has no Scripts should not wait for all that they need.
    from respool.protocol.script.tables import ECHOED
    from respool.protocol.synth.response import echo

    if recording.scripted:
        known = recording.scripted.turn.request
        said = {name: body[name] for name in (*ECHOED, "input") if body.get(name) is not None}
    else:
        known = echo(recording.header.request)
        said = echo(body)
        if said.get("service_tier") == "auto":  # which becomes another one when the response ends
            del said["service_tier"]
    new = {name: value for name, value in said.items() if known.get(name) != value}
    return compact(new) if new else ""
