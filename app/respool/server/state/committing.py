"""Committing: the commands that write the changes of a decision."""

import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from respool.play.playback import Playback
from respool.recordings.digest import digest_of
from respool.server.conversations import MOST_CONVERSATIONS, ConversationState
from respool.server.history import MOST, MOST_OF_ONE_ID
from respool.server.session_record import (
    ConversationRecord,
    PlaybackRecord,
    conversation_record,
    core_of,
)
from respool.server.state import Need
from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode_name, encode
from respool.server.state.kept_recordings import input_of_improvised
from respool.server.state.link import Command
from respool.server.state.store_keys import StoreKeys
from respool.server.state.views import NotLoaded, View, Views

DEFAULT_SESSION_IDLE = 86400.0  # seconds for which the default session is kept
AFTER_END = 3600.0  # seconds for which a response is kept after its end
MOST_WAKES = 10_000


class Commit:
    """The changes of one decision, as commands.

    idle   seconds for which a session is kept after its last use
    node   the server that commits
    token  returns a token for a playback: later ones sort later
    write  returns the record of a playback, for an epoch of its session
    """

    def __init__(
        self,
        views: Views,
        idle: float,
        node: str,
        token: Callable[[], str],
        write: Callable[[Playback, str], PlaybackRecord],
    ) -> None:
        self._idle = idle
        self._node = node
        self._token = token
        self._write = write
        self.commands: list[Command] = []
        self.begun: list[tuple[str, Playback]] = []  # and the session of each
        # Commands that return the ids of what is evicted, and the keys of each.
        self.evicting: list[tuple[int, Callable[[str], Sequence[str]]]] = []
        for name, view in views.by_name.items():
            self._session(name, view)

    def evictions(self, answers: list[Any]) -> list[Command]:
        """Return the commands that delete the oldest responses and conversations of sessions with too many;
        `answers` are those of `commands`."""
        return [
            ("UNLINK", *keys_of(decode_name(id_)))
            for place, keys_of in self.evicting
            for id_ in answers[place]
        ]

    def _limit(self, key: str, most: int, keys_of: Callable[[str], Sequence[str]]) -> None:
        """Keep the latest `most` members of a sorted set, and of what `keys_of` returns for each."""
        self.evicting.append((len(self.commands), keys_of))
        self._add("ZRANGE", key, 0, -(most + 1))
        self._add("ZREMRANGEBYRANK", key, 0, -(most + 1))

    def _session(self, name: str, view: View) -> None:
        keys, session, history = StoreKeys(name), view.session, view.history
        epoch = self._token() if history.cleared else view.core.epoch
        ttl = round((self._idle if name else max(self._idle, DEFAULT_SESSION_IDLE)) * 1000)
        core = core_of(session, epoch)
        if core != view.core:
            self._add("SET", keys.core, encode(core), "PX", ttl)
            if name and not history.cleared:
                self._add("ZADD", key_names.SESSIONS, time.time(), name)
        if core.clock != view.core.clock:
            self._wake(name)
        if history.cleared:
            self._wake(name, "", "x", 1)
            self._add("DEL", keys.plays, keys.responses, keys.conversations)
            if view.deleted:
                self._add("ZREM", key_names.SESSIONS, name)
        for turn, more in view.new_plays.items():
            self._add("HINCRBY", keys.plays, turn, more)
            self._add("HINCRBY", key_names.PLAYS, turn, more)
        if view.new_plays:
            self._add("PEXPIRE", keys.plays, ttl)
        present = {playback.run.token: playback for playback in history.present}
        if not history.cleared:
            self._kept_playbacks(name, view, keys, present, ttl)
        for playback in history.present:
            if not playback.run.token:
                self._begin(name, playback, keys, epoch, ttl)
        self._conversations(name, view, keys, epoch, ttl)

    def _kept_playbacks(
        self, name: str, view: View, keys: StoreKeys, present: dict[str, Playback], ttl: int
    ) -> None:
        for token, (id_, text, place, background, record) in view.playbacks.items():
            playback = present.get(token)
            if playback is None:
                self._add("LREM", keys.response(id_, background), 0, text)
                continue
            written = self._write(playback, view.core.epoch)
            # Compare records first: most are unchanged, and to encode a large one takes long.
            if written != record and (changed := encode(written)) != text:
                _, conversation = playback.continues
                if conversation is not None and conversation not in view.dialogues.loaded:
                    raise NotLoaded(name, Need("conversation", conversation))  # the end of its run has moved
                self._add("LSET", keys.response(id_, background), place, changed)
                if (end := playback.schedule.end) < inf:  # it may have been held for long
                    lasts = max(ttl, round((end + AFTER_END) * 1000))
                    self._add("PEXPIRE", keys.response(id_, background), lasts)
                    self._keep_input(playback, lasts)
                self._wake(name, id_)

    def _begin(self, name: str, playback: Playback, keys: StoreKeys, epoch: str, ttl: int) -> None:
        playback.run.token = self._token()
        self.begun.append((name, playback))
        key = keys.response(playback.id, playback.background)
        # The end before any hold: a held response is kept longer when it is released or aborted.
        lasts = max(ttl, round((playback.rendition.sse.schedule.end + AFTER_END) * 1000))
        self._add("LPUSH", key, encode(self._write(playback, epoch)))
        self._add("LTRIM", key, 0, MOST_OF_ONE_ID - 1)
        self._add("PEXPIRE", key, lasts)
        self._keep_input(playback, lasts)
        self._add("ZADD", keys.responses, playback.started, playback.id)
        self._limit(keys.responses, MOST, keys.responses_of)
        self._add("PEXPIRE", keys.responses, lasts)

    def _keep_input(self, playback: Playback, lasts: int) -> None:
        """Store the continued input of an improvised answer, from which other servers make it again."""
        if (data := input_of_improvised(playback)) is not None:
            self._add("SET", key_names.improvised_input(digest_of(playback.recording)), data, "PX", lasts)

    def _conversations(self, name: str, view: View, keys: StoreKeys, epoch: str, ttl: int) -> None:
        present = {state.id: state for state in view.dialogues.present}
        for id_ in view.conversations:
            if id_ not in present and not view.history.cleared:
                self._add("DEL", keys.conversation(id_))
                self._add("ZREM", keys.conversations, id_)
        for id_, state in present.items():
            changed = encode(self._record(name, state, epoch, ttl))
            before = view.conversations.get(id_)
            if before != changed:
                self._add("SET", keys.conversation(id_), changed, "PX", ttl)
                self._add("ZADD", keys.conversations, time.time(), id_)
                self._add("PEXPIRE", keys.conversations, ttl)
            if before is None:
                self._limit(keys.conversations, MOST_CONVERSATIONS, lambda one: [keys.conversation(one)])

    def _record(self, name: str, state: ConversationState, epoch: str, ttl: int) -> ConversationRecord:
        def write(playback: Playback) -> PlaybackRecord:
            if not playback.run.token:  # one that is not stored
                playback.run.token = self._token()
                self.begun.append((name, playback))
                self._keep_input(playback, ttl)
            return self._write(playback, epoch)

        return conversation_record(state, epoch, write)

    def _wake(self, session: str, response: str = "", *more: object) -> None:
        self._add(
            "XADD", key_names.WAKE, "MAXLEN", "~", MOST_WAKES, "*",
            "n", self._node, "s", session, "r", response, *more,
        )  # fmt: skip

    def _add(self, *command: object) -> None:
        self.commands.append(command)
