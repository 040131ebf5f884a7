"""Views: what one decision sees of a shared state: the sessions loaded for it, and its changes.

Rule: what was not loaded never counts as absent. Reading it raises `NotLoaded`, which says what is missing;
that is loaded, and the decision runs again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from respool.errors import OptionError
from respool.play.playback import Playback
from respool.protocol.items import Item
from respool.server.conversations import ConversationRun, Conversations, ConversationState
from respool.server.history import History
from respool.server.session import DEFAULT_SESSION, Session, check_name
from respool.server.session_record import CoreRecord, PlaybackRecord
from respool.server.state import Need


class NotLoaded(Exception):
    """A decision reads something that was not loaded: `need` of `session`."""

    def __init__(self, session: str, need: Need) -> None:
        super().__init__(session, need)
        self.session = session
        self.need = need


class LoadedHistory(History):
    """The loaded playbacks of a session."""

    def __init__(self, session: str) -> None:
        super().__init__()
        self._session = session
        self.loaded: set[str] = set()  # ids
        self.all_loaded = False
        self.cleared = False
        self.count: int | None = None  # of all playbacks, if it was loaded

    def __len__(self) -> int:
        if self.all_loaded:
            return super().__len__()
        if self.count is None:
            raise NotLoaded(self._session, Need("count"))
        return self.count

    def __iter__(self) -> Iterator[Playback]:
        self._need_all()
        return super().__iter__()

    def get(self, id: str) -> Playback | None:
        self._need(id)
        return super().get(id)

    def all(self, id: str) -> list[Playback]:
        self._need(id)
        return super().all(id)

    def remove(self, id: str) -> None:
        self._need(id)
        super().remove(id)

    def discard(self, playback: Playback) -> None:
        self._need(playback.id)
        super().discard(playback)

    def clear(self) -> None:
        super().clear()
        self.cleared = self.all_loaded = True

    @property
    def present(self) -> list[Playback]:
        """The loaded playbacks, oldest first."""
        return list(super().__iter__())

    def _need(self, id: str) -> None:
        if id not in self.loaded and not self.all_loaded:
            raise NotLoaded(self._session, Need("response", id))

    def _need_all(self) -> None:
        if not self.all_loaded:
            raise NotLoaded(self._session, Need("responses"))


class LoadedConversations(Conversations):
    """The loaded conversations of a session."""

    def __init__(self, session: str, stand_in: Callable[[str], Iterable[Any]] | None) -> None:
        super().__init__(stand_in=stand_in)
        self._session = session
        self.loaded: set[str] = set()
        self.all_loaded = False

    def states(self) -> list[ConversationState]:
        if not self.all_loaded:
            raise NotLoaded(self._session, Need("conversations"))
        return super().states()

    def stored_item(self, item_id: str, now: float) -> Item | None:
        if not self.all_loaded:
            raise NotLoaded(self._session, Need("conversations"))
        return super().stored_item(item_id, now)

    @property
    def present(self) -> list[ConversationState]:
        """The loaded conversations."""
        return super().states()

    def detach(self, id: str, run: ConversationRun) -> None:
        self._need(id)
        super().detach(id, run)

    def clear(self) -> None:
        super().clear()
        self.all_loaded = True

    def _known(self, id: str) -> bool:
        self._need(id)
        return super()._known(id)

    def _need(self, id: str) -> None:
        if id not in self.loaded and not self.all_loaded and not super()._known(id):
            raise NotLoaded(self._session, Need("conversation", id))


class LoadedPlayback(NamedTuple):
    """The place of a playback in the store."""

    id: str
    text: bytes
    place: int  # in its list
    background: bool  # which list that is
    record: PlaybackRecord  # the decoded text


@dataclass(slots=True)
class View:
    """One session as it was loaded. `playbacks` are by their tokens; `conversations` have their texts in the
    store."""

    session: Session
    core: CoreRecord
    plays: Mapping[str, int]
    known: bool | None = None  # whether there was such a session; None: not yet loaded
    playbacks: dict[str, LoadedPlayback] = field(default_factory=dict)
    conversations: dict[str, bytes] = field(default_factory=dict)
    deleted: bool = False

    @property
    def history(self) -> LoadedHistory:
        history = self.session.history
        assert isinstance(history, LoadedHistory)
        return history

    @property
    def dialogues(self) -> LoadedConversations:
        conversations = self.session.conversations
        assert isinstance(conversations, LoadedConversations)
        return conversations

    @property
    def new_plays(self) -> Counter[str]:
        """The plays since loading."""
        before = {} if self.history.cleared else self.plays
        return Counter(
            {
                name: more
                for name, now in self.session.plays.items()
                if (more := now - before.get(name, 0)) > 0
            }
        )


class Views:
    """All sessions that one decision sees."""

    def __init__(self) -> None:
        self.by_name: dict[str, View] = {}
        self.names: list[str] | None = None  # of all sessions, if they were loaded


current: ContextVar[Views] = ContextVar("views")


class LoadedSessions:
    """The sessions of a server with a shared state: those loaded by the current decision."""

    def __iter__(self) -> Iterator[Session]:
        views = current.get(None)
        if views is None:
            return iter(())
        if views.names is None:
            raise NotLoaded(DEFAULT_SESSION, Need("sessions"))
        return iter([self._view(name).session for name in views.names])

    def __len__(self) -> int:
        return len(list(iter(self)))

    @property
    def default_session(self) -> Session:
        """The default session."""
        return self.get(DEFAULT_SESSION)

    def get(self, name: str) -> Session:
        """Return the session of that name. Raise OptionError for an invalid name."""
        if name != DEFAULT_SESSION:
            check_name(name)
        view = self._view(name)
        view.known = True  # it begins now, if it has not
        return view.session

    def find(self, name: str) -> Session | None:
        """Return the session of that name, or None."""
        if name == DEFAULT_SESSION:
            return self.get(name)
        try:
            check_name(name)
        except OptionError:
            return None
        view = self._view(name)
        if view.known is None:
            raise NotLoaded(name, Need("known"))
        return view.session if view.known else None

    def delete(self, name: str) -> bool:
        """Delete a session; reset the default one. Return False if there was none."""
        session = self.find(name)
        if session is None:
            return False
        session.reset()
        self._view(name).deleted = name != DEFAULT_SESSION
        return True

    def keep_within_bounds(self, using: Session) -> None:
        """Do nothing: the store expires old sessions itself."""

    def _view(self, name: str) -> View:
        views = current.get(None)
        if views is None:
            raise RuntimeError(f"session {name!r} is asked for outside of State.run")
        if name not in views.by_name:
            raise NotLoaded(name, Need("session"))
        return views.by_name[name]
