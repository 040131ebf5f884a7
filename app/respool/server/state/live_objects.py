"""LiveObjects: the clocks, playbacks and recordings of one process that loaded sessions have in common."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from respool.errors import RequestError, RespoolError, printable
from respool.play.playback import Playback, PlaybackRun
from respool.play.session_clock import SessionClock
from respool.play.warm_up import WARM_UP, warm_up_recording
from respool.recordings.digest import digest_of
from respool.recordings.recording import Recording
from respool.server.improvising import IMPROVISED, improvised
from respool.server.session import Session
from respool.server.session_record import (
    PlaybackRecord,
    pace_changes,
    pace_options,
    playback_of,
    playback_record,
)
from respool.server.state.kept_recordings import RecordingNotHere
from respool.server.state.views import LoadedConversations, LoadedHistory

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

MOST_PLAYED = 1000  # recordings that are kept because they were played, even if their files change


class LiveObjects:
    """What views of the state refer to: each clock and each running playback is one object in this process,
    so that a loaded edit reaches the open stream.

    clocks  of the sessions that are in use here
    places  the session and the response of each running playback
    """

    def __init__(self, server: "MockServer", node: str) -> None:
        self._server = server
        self._node = node
        self._number = 0
        self.clocks: WeakValueDictionary[str, SessionClock] = WeakValueDictionary()
        self._runs: WeakValueDictionary[str, PlaybackRun] = WeakValueDictionary()
        self.places: WeakKeyDictionary[PlaybackRun, tuple[str, str]] = WeakKeyDictionary()
        self._played: dict[tuple[str, str], Recording] = {}  # by name and digest

    def token(self) -> str:
        """Return a token that sorts after all earlier ones, by the servers' clocks."""
        self._number += 1
        return f"{time.time_ns() // 1000:015x}{self._number % 65536:04x}{self._node[:6]}"

    def session(self, name: str) -> Session:
        """Return a session to be loaded, with the clock that it has in this process."""
        history = LoadedHistory(name)
        server = self._server
        conversations = LoadedConversations(name, server.memory.stand_in)
        clock = self.clocks.get(name)
        if clock is None:
            clock = self.clocks[name] = server.session_clock(name)
        return Session(name, clock, history, conversations, server.pace.seed)

    def playback(self, session: str, record: PlaybackRecord) -> Playback:
        """Return the playback of a record. One that is open here gets the record's edits, too. Raise
        RecordingNotHere."""
        run = self._runs.get(record.token) or PlaybackRun(token=record.token)
        renditions = self._server.renditions_at(pace_options(record.pace))
        clock = self.clocks.get(session)
        now = clock.now() if clock else -inf
        playback = playback_of(record, self._recording(record), renditions, run, now)
        self.add(session, playback)
        return playback

    def record(self, playback: Playback, epoch: str) -> PlaybackRecord:
        """Return the record of a playback, for an epoch of its session."""
        base = self._server.renditions
        changes = {} if playback.renditions is base else pace_changes(playback.renditions.pace, base.pace)
        return playback_record(playback, playback.run.token, epoch, changes)

    def add(self, session: str, playback: Playback) -> None:
        """Share the run of a playback, and its recording, with all views."""
        run = playback.run
        self._runs[run.token] = run
        self.places[run] = (session, playback.id)
        self.add_recording(playback.recording, digest_of(playback.recording))

    def add_recording(self, recording: Recording, digest: str) -> None:
        """Share a recording with all views, whatever its file becomes."""
        known = (recording.name, digest)
        if known not in self._played:
            self._played[known] = recording
            if len(self._played) > MOST_PLAYED:
                del self._played[next(iter(self._played))]

    def _recording(self, record: PlaybackRecord) -> Recording:
        """Return the recording that a record names. Raise RecordingNotHere."""
        known = self._played.get((record.recording, record.digest))
        if known is not None:
            return known
        found = self._server.store.get(record.recording)
        if found is not None and digest_of(found) == record.digest:
            return found
        for other in self._others(record):
            if digest_of(other) == record.digest:
                return other
        what = "does not have it" if found is None else f"has it in another version ({digest_of(found)})"
        refusal = RequestError(
            f"Response '{printable(record.id)}' plays the recording {printable(record.recording)} "
            f"({record.digest}), and this server {what}. Serve the same recordings with all servers.",
            status=503,
            code="recording_not_here",
            type="server_error",
        )
        raise RecordingNotHere(record, refusal)

    def _others(self, record: PlaybackRecord) -> Iterator[Recording]:
        """Yield the recordings that are in no file: those of stubs, and those made from the request."""
        server = self._server
        if (found := server.store.get(record.recording)) is not None:
            yield server.saved_answers.streamed(found)
        if record.origin is not None and record.origin.stub:
            for stub in server.indexes.rule_set.stubs:
                if stub.name == record.origin.stub and stub.play.word is None:
                    with suppress(RespoolError):
                        yield from server.indexes.playable(stub).turns
        if record.recording == WARM_UP:
            yield warm_up_recording(json.loads(record.body), record.id, record.started)
        if record.recording == IMPROVISED:
            with suppress(RespoolError):
                yield improvised(json.loads(record.body))
