"""Records of a session's state, as values that can be serialised: a core, each playback and each
conversation, and all of them together.

data = msgspec.json.encode(to_record(session))
restore(session, msgspec.json.decode(data, type=SessionRecord), recordings, renditions)
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from math import inf
from typing import Any

import msgspec

from respool.faults import parse
from respool.match.stubs import Stub
from respool.match.stubs_file import read_stub
from respool.play.edit_records import from_data, to_data
from respool.play.edits import Cancel
from respool.play.pace import Pace
from respool.play.playback import Origin, Playback, PlaybackRun
from respool.play.rendition import UNCHANGED, Changes, Renditions
from respool.play.session_clock import ClockSetting
from respool.protocol.json_object import JSONObject
from respool.recordings.digest import digest_of
from respool.recordings.hold_points import HoldPoint
from respool.recordings.recording import Recording
from respool.server.conversations import ConversationState, PlaybackInConversation
from respool.server.session import Session
from respool.server.session_holds import SessionHold

INSTANT = "instant"  # a speed for which JSON has no number


class PlaybackRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of a playback. `recording` is the name of the turn, `digest` its version; `pace` is that of
    a stub. `cancelled` is the moment of the cancel; None: it was not cancelled. `edits` are in the form of
    `edit_records`.

    `token` is its own, and `epoch` that of its session: see `CoreRecord`.
    """

    id: str
    recording: str
    digest: str
    started: float
    token: str = ""
    epoch: str = ""
    changes: Changes = UNCHANGED
    pace: dict[str, Any] = {}
    body: str = "{}"
    size: int = 0
    background: bool = False
    streamed: bool = True
    stored: bool = True
    origin: Origin | None = None
    cancelled: float | None = None
    edits: list[dict[str, Any]] = []


class HoldRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hold for streams that will begin: how many it was for, and how many it has held."""

    id: str
    point: HoldPoint
    recording: str | None = None
    nth: int | None = None
    times: int | None = None
    seen: int = 0
    held: int = 0


class ConversationRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of a conversation, and the playback in progress in it."""

    id: str
    created_at: int
    metadata: dict[str, Any] = {}
    items: list[dict[str, Any]] = []
    added: int = 0
    run: PlaybackRecord | None = None
    origin: Origin | None = None
    epoch: str = ""


class CoreRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of a session without plays, playbacks and conversations. Counts of faults are those of its
    sampler.

    `epoch` changes with each reset: records of an earlier one are invalid.
    """

    epoch: str = ""
    clock: ClockSetting | None = None
    faults: list[str] | None = None
    fault_plays: dict[str, int] = {}
    fault_counts: dict[str, int] = {}
    stubs: list[tuple[str, dict[str, Any]]] = []
    answered: dict[str, int] = {}
    scenarios: dict[str, str] = {}
    used: dict[str, list[tuple[int, str]]] = {}
    served: dict[str, tuple[str, int]] = {}
    ids: dict[str, dict[str, int]] = {}
    altered: bool = False
    default: str | None = None
    holds: list[HoldRecord] = []
    holds_made: int = 0


class SessionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of a whole session. Runs of conversations are those of the playbacks with the same
    tokens."""

    name: str
    core: CoreRecord = CoreRecord()
    plays: dict[str, int] = {}
    playbacks: list[PlaybackRecord] = []
    conversations: list[ConversationRecord] = []


# Returns the recording of a playback; None if it has gone.
FindRecording = Callable[[PlaybackRecord], Recording | None]
# Returns the playback of a record; None if its recording has gone.
MakePlayback = Callable[[PlaybackRecord], Playback | None]


def core_of(session: Session, epoch: str = "") -> CoreRecord:
    """Return the core of a session. Stubs that do not come from plain data are left out."""
    return CoreRecord(
        epoch,
        session.clock.kept_setting,
        None if session.faults is None else [str(fault) for fault in session.faults],
        dict(session.sampler.plays),
        dict(session.sampler.happened),
        [(stub.name, dict(stub.source)) for stub in session.stubs if stub.source is not None],
        dict(session.answered),
        dict(session.scenarios),
        {name: list(used) for name, used in session.used.items()},
        dict(session.served),
        {name: dict(ids) for name, ids in session.ids.items()},
        session.altered,
        session.default,
        [
            HoldRecord(
                hold.id, hold.point, hold.recording, hold.nth, hold.times, *session.holds.counts(hold.id)
            )
            for hold in session.holds
        ],
        session.holds.made,
    )


def restore_core(session: Session, core: CoreRecord) -> None:
    """Restore a core in a new session."""
    session.clock.follow(core.clock)
    if core.faults is not None:
        session.faults = [fault for text in core.faults for fault in parse(text)]
    session.sampler.plays.update(core.fault_plays)
    session.sampler.happened.update(core.fault_counts)
    session.stubs += [_stub(name, json.dumps(source)) for name, source in core.stubs]
    session.answered.update(core.answered)
    session.scenarios.update(core.scenarios)
    session.used.update({name: dict.fromkeys(used) for name, used in core.used.items()})
    session.served.update(core.served)
    session.ids.update({name: dict(ids) for name, ids in core.ids.items()})
    session.altered = core.altered
    session.default = core.default
    for one in core.holds:
        hold = SessionHold(one.id, one.point, one.recording, one.nth, one.times)
        session.holds.restore(hold, one.seen, one.held)
    session.holds.made = core.holds_made


@lru_cache(1024)
def _stub(name: str, source: str) -> Stub:
    """Return one object for each stub: what it plays is cached by it."""
    return read_stub(json.loads(source), name)


def playback_record(
    playback: Playback, token: str = "", epoch: str = "", pace: Mapping[str, Any] | None = None
) -> PlaybackRecord:
    """Return the record of a playback. `pace` is the result of `pace_changes`."""
    return PlaybackRecord(
        playback.id,
        playback.recording.name,
        digest_of(playback.recording),
        playback.started,
        token,
        epoch,
        playback.changes,
        dict(pace or {}),
        _text_of(playback.body),
        playback.size,
        playback.background,
        playback.streamed,
        playback.stored,
        playback.origin,
        playback.run.cancelled,
        [to_data(made) for made in playback.run.edits if type(made.edit) is not Cancel],
    )


def playback_of(
    record: PlaybackRecord,
    recording: Recording,
    renditions: Renditions,
    run: PlaybackRun | None = None,
    now: float = -inf,
) -> Playback:
    """Return the playback of a record, which plays `recording`. `run` is its run, if known, at the session's
    moment `now`."""
    playback = Playback(
        recording,
        renditions,
        record.started,
        record.changes,
        record.background,
        record.streamed,
        record.stored,
        JSONObject(record.body.encode("utf-8", "surrogatepass")),
        record.size,
        origin=record.origin,
        run=run or PlaybackRun(token=record.token),
    )
    if record.edits or record.cancelled is not None:
        playback.follow([from_data(data) for data in record.edits], record.cancelled, now)
    return playback


def conversation_record(
    state: ConversationState, epoch: str, write: Callable[[Playback], PlaybackRecord]
) -> ConversationRecord:
    """Return the record of a conversation. `write` returns that of a playback."""
    run = write(state.run.playback) if isinstance(state.run, PlaybackInConversation) else None
    return ConversationRecord(
        state.id,
        state.created_at,
        dict(state.metadata),
        list(state.items),
        state.added,
        run,
        state.origin,
        epoch,
    )


def conversation_of(record: ConversationRecord, make: MakePlayback) -> ConversationState:
    """Return the conversation of a record."""
    playback = None if record.run is None else make(record.run)
    run = None if playback is None else PlaybackInConversation(playback)
    return ConversationState(
        record.id, record.created_at, record.metadata, record.items, record.added, run, record.origin
    )


def pace_changes(pace: Pace, base: Pace) -> dict[str, Any]:
    """Return the differences of a pace from another, as JSON data."""
    changed = {one.name: getattr(pace, one.name) for one in fields(Pace)}
    return {
        name: INSTANT if value == inf else value
        for name, value in changed.items()
        if value != getattr(base, name)
    }


def pace_options(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of `pace_changes` as options of a Pace."""
    return {name: inf if value == INSTANT else value for name, value in changes.items()}


def to_record(session: Session) -> SessionRecord:
    """Return the record of a session."""
    tokens = {id(playback.run): str(number) for number, playback in enumerate(session.history)}

    def write(playback: Playback) -> PlaybackRecord:
        token = tokens.setdefault(id(playback.run), str(len(tokens)))
        return playback_record(playback, token)

    return SessionRecord(
        session.name,
        core_of(session),
        dict(session.plays),
        [write(playback) for playback in session.history],
        [conversation_record(state, "", write) for state in session.conversations.states()],
    )


def restore(session: Session, record: SessionRecord, find: FindRecording, renditions: Renditions) -> None:
    """Restore a record in a new session. Playbacks whose recording is gone are dropped."""
    restore_core(session, record.core)
    session.plays.update(record.plays)
    made: dict[str, Playback | None] = {}

    def make(one: PlaybackRecord) -> Playback | None:
        if one.token not in made:
            recording = find(one)
            made[one.token] = None if recording is None else playback_of(one, recording, renditions)
        return made[one.token]

    for one in record.playbacks:
        if (playback := make(one)) is not None:
            session.history.add(one.id, playback)
    for conversation in record.conversations:
        session.conversations.restore(conversation_of(conversation, make))


def _text_of(body: Mapping[str, Any]) -> str:
    if isinstance(body, JSONObject):
        try:
            return body.text.decode()
        except UnicodeDecodeError:
            pass
    return json.dumps(dict(body))
