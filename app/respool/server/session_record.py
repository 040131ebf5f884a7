"""SessionRecord: all that a session remembers, as a value that can be written down and read again.

data = msgspec.json.encode(to_record(session))
restore(session, msgspec.json.decode(data, type=SessionRecord), recordings, renditions)
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from respool.faults import parse
from respool.match.stubs_file import read_stub
from respool.play.playback import Origin, Playback
from respool.play.rendition import Changes, Renditions
from respool.play.session_clock import ClockSetting
from respool.protocol.json_object import JSONObject
from respool.recordings.recording import Recording
from respool.server.conversations import ConversationState, PlaybackInConversation
from respool.server.session import Session


class PlaybackRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A playback. `recording` is the name of the turn, `stored` whether its history has it.

    `cancelled` is the moment at which it was; None: it was not.
    """

    id: str
    recording: str
    started: float
    changes: Changes
    body: dict[str, Any]
    background: bool = False
    streamed: bool = True
    stored: bool = True
    in_history: bool = True
    size: int = 0
    origin: Origin | None = None
    cancelled: float | None = None


class ConversationRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A conversation. `run` is the place of its playback among the session's."""

    id: str
    created_at: int
    metadata: dict[str, Any]
    items: list[dict[str, Any]]
    added: int
    run: int | None = None
    origin: Origin | None = None


class SessionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session. Counts of faults are those of its sampler."""

    name: str
    clock: ClockSetting | None = None
    faults: list[str] | None = None
    fault_plays: dict[str, int] = {}
    fault_counts: dict[str, int] = {}
    plays: dict[str, int] = {}
    stubs: list[tuple[str, dict[str, Any]]] = []
    answered: dict[str, int] = {}
    scenarios: dict[str, str] = {}
    used: dict[str, list[tuple[int, str]]] = {}
    served: dict[str, tuple[str, int]] = {}
    ids: dict[str, dict[str, int]] = {}
    altered: bool = False
    playbacks: list[PlaybackRecord] = []
    conversations: list[ConversationRecord] = []


# Gives the recording that a playback is of; None if it has gone.
FindRecording = Callable[[PlaybackRecord], Recording | None]


def to_record(session: Session) -> SessionRecord:
    """Return all that a session remembers. Stubs that were not read from plain data are left out."""
    playbacks = list(session.history)
    kept = len(playbacks)
    conversations = []
    for state in session.conversations.states():
        place = None
        if isinstance(state.run, PlaybackInConversation):
            if state.run.playback not in playbacks:
                playbacks.append(state.run.playback)
            place = playbacks.index(state.run.playback)
        conversations.append(
            ConversationRecord(
                state.id,
                state.created_at,
                dict(state.metadata),
                state.items,
                state.added,
                place,
                state.origin,
            )
        )
    return SessionRecord(
        session.name,
        session.clock.setting,
        None if session.faults is None else [str(fault) for fault in session.faults],
        dict(session.sampler.plays),
        dict(session.sampler.happened),
        dict(session.plays),
        [(stub.name, dict(stub.source)) for stub in session.stubs if stub.source is not None],
        dict(session.answered),
        dict(session.scenarios),
        {name: list(used) for name, used in session.used.items()},
        dict(session.served),
        {name: dict(ids) for name, ids in session.ids.items()},
        session.altered,
        [_of(playback, number < kept) for number, playback in enumerate(playbacks)],
        conversations,
    )


def restore(session: Session, record: SessionRecord, find: FindRecording, renditions: Renditions) -> None:
    """Put what was remembered into a session that has just begun. Playbacks whose recording has gone are
    forgotten."""
    if record.clock is not None:
        session.clock.restore(record.clock)
    if record.faults is not None:
        session.faults = [fault for text in record.faults for fault in parse(text)]
    session.sampler.plays.update(record.fault_plays)
    session.sampler.happened.update(record.fault_counts)
    session.plays.update(record.plays)
    session.stubs += [read_stub(source, name) for name, source in record.stubs]
    session.answered.update(record.answered)
    session.scenarios.update(record.scenarios)
    session.used.update({name: dict.fromkeys(used) for name, used in record.used.items()})
    session.served.update(record.served)
    session.ids.update({name: dict(ids) for name, ids in record.ids.items()})
    session.altered = record.altered
    playbacks = list(_playbacks(record, find, renditions))
    for one, playback in zip(record.playbacks, playbacks, strict=True):
        if playback is not None and one.in_history:
            session.history.add(one.id, playback)
    for conversation in record.conversations:
        run = None if conversation.run is None else playbacks[conversation.run]
        session.conversations.restore(
            ConversationState(
                conversation.id,
                conversation.created_at,
                conversation.metadata,
                conversation.items,
                conversation.added,
                None if run is None else PlaybackInConversation(run),
                conversation.origin,
            )
        )


def _of(playback: Playback, in_history: bool) -> PlaybackRecord:
    return PlaybackRecord(
        playback.id,
        playback.recording.name,
        playback.started,
        playback.changes,
        dict(playback.body),
        playback.background,
        playback.streamed,
        playback.stored,
        in_history,
        playback.size,
        playback.origin,
        playback.run.cancelled,
    )


def _playbacks(
    record: SessionRecord, find: FindRecording, renditions: Renditions
) -> Iterator[Playback | None]:
    for one in record.playbacks:
        recording = find(one)
        if recording is None:
            yield None
            continue
        playback = Playback(
            recording,
            renditions,
            one.started,
            one.changes,
            one.background,
            one.streamed,
            one.stored,
            JSONObject(msgspec.json.encode(one.body)),
            one.size,
            origin=one.origin,
        )
        if one.cancelled is not None:
            playback.cancel(one.cancelled)
        yield playback
