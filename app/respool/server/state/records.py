"""What is kept of a session in a shared store, as JSON: a core, and a record for each playback and each
conversation."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from respool.faults import parse
from respool.play.playback import Playback, PlaybackRun
from respool.play.rendition import UNCHANGED, Changes, Renditions
from respool.play.session_clock import ClockSetting
from respool.protocol.json_object import JSONObject
from respool.recordings.digest import digest_of
from respool.recordings.recording import Recording
from respool.server.session import Session


class CoreRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session remembers besides plays, playbacks and conversations.

    `epoch` is another one after each reset: what is of an earlier one is forgotten.
    """

    epoch: str = ""
    clock: ClockSetting | None = None
    faults: tuple[str, ...] | None = None
    fault_plays: dict[str, int] = {}
    fault_counts: dict[str, int] = {}
    scenarios: dict[str, str] = {}
    used: dict[str, str] = {}


class PlaybackRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A playback. `digest` is that of its recording, `cancelled` the moment at which it was."""

    token: str
    id: str
    recording: str
    digest: str
    started: float
    changes: Changes = UNCHANGED
    body: str = "{}"
    size: int = 0
    background: bool = False
    streamed: bool = True
    stored: bool = True
    cancelled: float | None = None
    epoch: str = ""


class ConversationRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A conversation, and the response under way in it."""

    id: str
    created_at: int
    metadata: dict[str, Any] = {}
    items: list[dict[str, Any]] = []
    added: int = 0
    run: PlaybackRecord | None = None
    epoch: str = ""


encode = msgspec.json.Encoder().encode
decode_core = msgspec.json.Decoder(CoreRecord).decode
decode_playback = msgspec.json.Decoder(PlaybackRecord).decode
decode_conversation = msgspec.json.Decoder(ConversationRecord).decode

# Gives the recording that a playback is of. Raises RequestError if it is not here.
FindRecording = Callable[[PlaybackRecord], Recording]


def core_of(session: Session, epoch: str) -> CoreRecord:
    """Return the core of a session."""
    return CoreRecord(
        epoch,
        session.clock.kept_setting,
        None if session.faults is None else tuple(str(fault) for fault in session.faults),
        dict(session.sampler.plays),
        dict(session.sampler.happened),
        dict(session.scenarios),
        dict(session.used),
    )


def restore_core(session: Session, core: CoreRecord) -> None:
    """Put a core into a session that has just been made."""
    session.clock.follow(core.clock)
    if core.faults is not None:
        session.faults = [fault for text in core.faults for fault in parse(text)]
    session.sampler.plays.update(core.fault_plays)
    session.sampler.happened.update(core.fault_counts)
    session.scenarios.update(core.scenarios)
    session.used.update(core.used)


def playback_record(playback: Playback, epoch: str) -> PlaybackRecord:
    """Return the record of a playback which has a token."""
    return PlaybackRecord(
        playback.run.token,
        playback.id,
        playback.recording.name,
        digest_of(playback.recording),
        playback.started,
        playback.changes,
        _text_of(playback.body),
        playback.size,
        playback.background,
        playback.streamed,
        playback.stored,
        playback.run.cancelled,
        epoch,
    )


def playback_of(
    record: PlaybackRecord, find: FindRecording, renditions: Renditions, run: PlaybackRun
) -> Playback:
    """Return the playback that a record is of. Raises RequestError if its recording is not here."""
    return Playback(
        find(record),
        renditions,
        record.started,
        record.changes,
        record.background,
        record.streamed,
        record.stored,
        JSONObject(record.body.encode("utf-8", "surrogatepass")),
        record.size,
        run=run,
    )


def _text_of(body: Mapping[str, Any]) -> str:
    if isinstance(body, JSONObject):
        try:
            return body.text.decode()
        except UnicodeDecodeError:
            pass
    return json.dumps(dict(body))
