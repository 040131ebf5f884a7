"""Loading: the commands that load what a decision needs, and the views made of their answers."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from respool.play.playback import Playback
from respool.server.session import DEFAULT_SESSION, Session
from respool.server.session_record import (
    ConversationRecord,
    CoreRecord,
    PlaybackRecord,
    conversation_of,
    restore_core,
)
from respool.server.state import Need
from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode, decode_name
from respool.server.state.kept_recordings import RecordingNotHere, RecordingsNotHere
from respool.server.state.link import Command
from respool.server.state.store_keys import StoreKeys
from respool.server.state.views import LoadedPlayback, View, Views

MOST_LISTED = 10_000  # responses of a session, and sessions

# Returns the playback of a record, in a session.
MakePlayback = Callable[[str, PlaybackRecord], Playback]
MakeSession = Callable[[str], Session]

_EMPTY = CoreRecord()


class LoadPlan:
    """What to load: for each session, by name, the needs of the decision."""

    def __init__(self) -> None:
        self.needs: dict[str, set[Need]] = {}
        self.sessions = False  # the names of all
        self.complete = False  # what was loaded last is all that was needed
        self._loaded: dict[str, frozenset[Need]] = {}  # what the latest commands load
        self._not_here: list[RecordingNotHere] = []

    def add(self, session: str, *needs: Need) -> None:
        """Add what a session needs."""
        wanted = self.needs.setdefault(session, set())
        for need in needs:
            if need.kind == "sessions":
                self.sessions = True
            else:
                wanted.add(need)

    def commands(self) -> list[Command]:
        """Return the commands that load all of it. Keys that the decision may change are watched."""
        watched: list[str] = []
        reads: list[Command] = []
        self._loaded = {name: frozenset(needs) for name, needs in self.needs.items()}
        for name, needs in self._loaded.items():
            keys = StoreKeys(name)
            watched.append(keys.core)
            reads += [("GET", keys.core), ("HGETALL", keys.plays)]
            for kind, id_ in sorted(needs):
                match kind:
                    case "response":
                        both = keys.responses_of(id_)
                        watched += both
                        reads += [("LRANGE", key, 0, -1) for key in both]
                    case "conversation":
                        watched.append(keys.conversation(id_))
                        reads.append(("GET", keys.conversation(id_)))
                    case "responses":
                        reads.append(("ZRANGE", keys.responses, -MOST_LISTED, -1))
                    case "conversations":
                        reads.append(("ZRANGE", keys.conversations, 0, -1))
                    case "count":
                        reads.append(("ZCARD", keys.responses))
                    case "known":
                        reads.append(("ZSCORE", key_names.SESSIONS, name))
        if self.sessions:
            reads.append(("ZRANGE", key_names.SESSIONS, -MOST_LISTED, -1))
        return [("UNWATCH",), ("WATCH", *watched), ("GET", key_names.UPLOADS_VERSION), *reads]

    @staticmethod
    def uploads_version(answers: list[Any]) -> bytes | None:
        """Return the version of the uploaded recordings in the answers: see `SharedUploads`."""
        version: bytes | None = _sound(answers)[2]
        return version

    def views(self, answers: list[Any], make: MakeSession, playback: MakePlayback) -> Views:
        """Return the views of the answers to `commands`. If they show that more is needed, that is added to
        the plan, which then is not `complete`. Raise RecordingsNotHere."""
        replies = iter(_sound(answers)[3:])
        views = Views()
        self.complete = True
        self._not_here = []
        for name, needs in self._loaded.items():
            views.by_name[name] = self._view(name, needs, replies, make, playback)
        if self._not_here:
            raise RecordingsNotHere(self._take_not_here())
        if self.sessions:
            views.names = [DEFAULT_SESSION, *(decode_name(name) for name in next(replies) if name)]
            for name in views.names:
                if name not in self._loaded:
                    self.complete = False
                    self.add(name)
        return views

    def _take_not_here(self) -> list[RecordingNotHere]:
        """Return what is not here, and forget it: a raised refusal has the frames that have this plan, which
        else would be a cycle."""
        taken, self._not_here = self._not_here, []
        return taken

    def _view(
        self,
        name: str,
        needs: frozenset[Need],
        replies: Iterator[Any],
        make: MakeSession,
        playback: MakePlayback,
    ) -> View:
        text, plays = next(replies), _pairs(next(replies))
        core = decode(text, CoreRecord) if text else _EMPTY
        session = make(name)
        restore_core(session, core)
        session.plays = Counter(plays)
        view = View(session, core, plays)
        view.known = True if name == DEFAULT_SESSION else None
        made: dict[str, Playback] = {}

        def once(record: PlaybackRecord) -> Playback:
            if record.token not in made:
                made[record.token] = playback(name, record)
            return made[record.token]

        for kind, id_ in sorted(needs):
            match kind:
                case "response":
                    self._response(view, id_, next(replies), next(replies), once)
                case "conversation":
                    self._conversation(view, id_, next(replies), once)
                case "responses":
                    self._all_of(view.history, name, "response", [decode_name(one) for one in next(replies)])
                case "conversations":
                    self._all_of(
                        view.dialogues, name, "conversation", [decode_name(one) for one in next(replies)]
                    )
                case "count":
                    view.history.count = next(replies)
                case "known":
                    kept = core != CoreRecord(core.epoch)  # that alone is left of one that was deleted
                    view.known = next(replies) is not None or kept or bool(plays)
        return view

    def _response(
        self,
        view: View,
        id: str,
        background: list[bytes],
        others: list[bytes],
        make: Callable[[PlaybackRecord], Playback],
    ) -> None:
        view.history.loaded.add(id)
        found = []
        for texts, in_background in ((background, True), (others, False)):
            for place, text in enumerate(texts):
                record = decode(text, PlaybackRecord)
                if record.epoch == view.core.epoch:
                    view.playbacks[record.token] = LoadedPlayback(id, text, place, in_background, record)
                    found.append(record)
        for record in sorted(found, key=lambda one: one.token):
            try:
                view.history.add(id, make(record))
            except RecordingNotHere as missing:  # all of them are fetched together
                self._not_here.append(missing.with_traceback(None))

    def _conversation(
        self, view: View, id: str, text: bytes | None, make: Callable[[PlaybackRecord], Playback]
    ) -> None:
        view.dialogues.loaded.add(id)
        record = decode(text, ConversationRecord) if text else None
        if text is None or record is None or record.epoch != view.core.epoch:
            return
        view.conversations[id] = text
        try:
            view.dialogues.restore(conversation_of(record, make))
        except RecordingNotHere as missing:
            self._not_here.append(missing.with_traceback(None))

    def _all_of(self, loaded: Any, session: str, kind: str, ids: list[str]) -> None:
        missing = [Need(kind, one) for one in ids if Need(kind, one) not in self._loaded[session]]
        if missing:
            self.complete = False
            self.add(session, *missing)
        loaded.all_loaded = True


def _pairs(answer: Any) -> Mapping[str, int]:
    flat = [part for pair in answer.items() for part in pair] if isinstance(answer, dict) else answer
    return {decode_name(flat[at]): int(flat[at + 1]) for at in range(0, len(flat), 2)}


def _sound(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers
