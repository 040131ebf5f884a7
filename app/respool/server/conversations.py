"""Conversations: the items of each, by request and by response.

A response of a conversation adds its items when it has ended. No task runs for that: each call gives the
time, and responses that have ended by then are added first.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Protocol

from respool.errors import RequestError, printable
from respool.play.playback import Origin, Playback
from respool.protocol import api_errors
from respool.protocol.events import dumps
from respool.protocol.items import Item, full_items, input_items
from respool.server.history import Budget

MOST_CONVERSATIONS = 1000
MOST_CHARACTERS = 64 * 1024 * 1024  # of JSON text, of all items together

_STOOD_IN_AT = 1767225600  # 2026-01-01T00:00:00Z: when a conversation was created that never was


class ConversationRun(Protocol):
    """A response of a conversation. A cancel may move its end."""

    @property
    def ends(self) -> float:
        """The moment of its end, in the clock's seconds."""

    @property
    def input(self) -> Sequence[Item]:
        """The items of its request."""

    @property
    def origin(self) -> Origin | None:
        """Its place in a series of turns."""

    def output(self) -> Sequence[Item]:
        """Return its output items, after its end."""


@dataclass(frozen=True, slots=True, eq=False)
class PlaybackInConversation:
    """A playback as the run of a conversation. Two of the same run are equal."""

    playback: Playback

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlaybackInConversation) and other.playback.run is self.playback.run

    def __hash__(self) -> int:
        return id(self.playback.run)

    @property
    def ends(self) -> float:
        return self.playback.ends

    @property
    def input(self) -> Sequence[Item]:
        return input_items(self.playback.body, self.playback.id)

    @property
    def origin(self) -> Origin | None:
        return self.playback.origin

    def output(self) -> Sequence[Item]:
        return output_items(self.playback, self.playback.ends)


def output_items(playback: Playback, now: float) -> list[Item]:
    """Return the items that a response has made by the clock's moment `now`."""
    output = json.loads(playback.snapshot(now)).get("output")
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []


@dataclass(frozen=True, slots=True)
class ConversationState:
    """The state of one conversation."""

    id: str
    created_at: int
    metadata: Mapping[str, Any]
    items: list[Item]
    added: int
    run: ConversationRun | None = None
    origin: Origin | None = None


@dataclass(slots=True, eq=False)
class _Conversation:
    id: str
    created_at: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)  # by id, oldest first
    sizes: dict[str, int] = field(default_factory=dict)  # in characters, by item id; "" is the metadata
    added: int = 0  # how many items ever were
    run: ConversationRun | None = None
    origin: Origin | None = None  # of the last run that has ended

    def to_api(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "conversation",
            "created_at": self.created_at,
            "metadata": dict(self.metadata),
        }


class Conversations:
    """All conversations. `now` is the clock's moment, in seconds.

    There are at most `most` of them, and together they have at most `most_characters` of JSON: beyond that
    the oldest conversations are dropped, and of the last one its oldest items. With `most` of 0, none is
    stored. A missing conversation or item is a RequestError, 404, in the API's words. `token` returns what
    follows ``conv_``, new each time.

    `shared` counts the total of all sessions. With `stand_in` nothing is refused: an unknown conversation has
    the items, one or more, that `stand_in` returns for its id; an unknown item is like the first of them; and
    none of it is stored.
    """

    def __init__(
        self,
        *,
        most: int = MOST_CONVERSATIONS,
        most_characters: int = MOST_CHARACTERS,
        token: Callable[[], str] = lambda: token_hex(24),
        stand_in: Callable[[str], Iterable[Any]] | None = None,
        shared: Budget | None = None,
    ) -> None:
        self._most = most
        self._most_characters = most_characters
        self._token = token
        self._stand_in = stand_in
        self._shared = shared or Budget(most_characters)
        self._all: dict[str, _Conversation] = {}
        self._characters = 0

    def create(
        self, created_at: int, items: Iterable[Any] = (), metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Create a conversation, and return it as the API does. `created_at` is in seconds since 1970."""
        conversation = _Conversation(f"conv_{self._token()}", created_at)
        if self._most:
            self._all[conversation.id] = conversation
        self._describe(conversation, metadata)
        self._add(conversation, items)
        return conversation.to_api()

    def get(self, id: str) -> dict[str, Any]:
        """Return the conversation, as the API does."""
        return self._find(id).to_api()

    def update(self, id: str, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Replace the metadata."""
        conversation = self._find(id)
        self._describe(conversation, metadata)
        return conversation.to_api()

    def delete(self, id: str) -> dict[str, Any]:
        """Delete a conversation and its items. A response in progress goes on without it."""
        self._forget(self._find(id))
        return {"id": id, "object": "conversation.deleted", "deleted": True}

    def items(self, id: str, now: float) -> list[Item]:
        """Return its items, oldest first."""
        return list(self._settled(id, now).items.values())

    def origin(self, id: str, now: float) -> Origin | None:
        """Return the origin of the last response of a conversation."""
        return self._settled(id, now).origin

    def item(self, id: str, item_id: str, now: float) -> Item:
        """Return one of its items."""
        conversation = self._settled(id, now)
        if item_id in conversation.items:
            return conversation.items[item_id]
        if self._stand_in is None:
            raise api_errors.item_not_found(item_id)
        first, *_ = full_items(self._stand_in(id), id)
        return {**first, "id": item_id}

    def stored_item(self, item_id: str, now: float) -> Item | None:
        """Return an item of any conversation; None if none has it."""
        for id_ in list(self._all):
            if (item := self._settled(id_, now).items.get(item_id)) is not None:
                return item
        return None

    def add(self, id: str, items: Iterable[Any], now: float) -> list[Item]:
        """Add items at the end. Return them as they are listed from now on."""
        return self._add(self._settled(id, now), items)

    def remove(self, id: str, item_id: str, now: float) -> dict[str, Any]:
        """Remove an item. Return the conversation, as the API does."""
        self.item(id, item_id, now)
        conversation = self._find(id)
        self._drop(conversation, item_id)
        return conversation.to_api()

    def check_free(self, id: str, now: float) -> None:
        """Raise RequestError if no response of this conversation may begin: 404, or 400 with the code
        ``conversation_locked`` while another one is in progress."""
        if self._settled(id, now).run is not None:
            raise api_errors.conversation_locked()

    def attach(self, id: str, run: ConversationRun, now: float) -> None:
        """Add the run's input and output to the conversation when it has ended. Raise as check_free."""
        self.check_free(id, now)
        self._find(id).run = run

    def detach(self, id: str, run: ConversationRun) -> None:
        """Remove a run when its client has left. The conversation is as before the run, and free."""
        conversation = self._all.get(id)
        if conversation is not None and conversation.run == run:
            conversation.run = None

    def states(self) -> list[ConversationState]:
        """Return the state of all conversations, oldest first."""
        return [
            ConversationState(
                one.id, one.created_at, one.metadata, list(one.items.values()), one.added, one.run, one.origin
            )
            for one in self._all.values()
        ]

    def restore(self, state: ConversationState) -> None:
        """Add a conversation from its state, as `states` returns it."""
        conversation = _Conversation(state.id, state.created_at)
        if self._most:
            self._all[state.id] = conversation
        self._describe(conversation, state.metadata)
        for item in state.items:
            conversation.items[item["id"]] = item
            self._weigh(conversation, item["id"], item)
        conversation.added, conversation.run, conversation.origin = state.added, state.run, state.origin
        self._bound(conversation)

    def clear(self) -> None:
        """Remove all conversations."""
        self._all.clear()
        self._count(-self._characters)

    def _known(self, id: str) -> bool:
        return id in self._all

    def _find(self, id: str) -> _Conversation:
        if self._known(id):
            return self._all[id]
        if self._stand_in is None:
            raise api_errors.conversation_not_found(id)
        items = full_items(self._stand_in(id), id)
        return _Conversation(id, _STOOD_IN_AT, items={item["id"]: item for item in items}, added=len(items))

    def _settled(self, id: str, now: float) -> _Conversation:
        conversation = self._find(id)
        run = conversation.run
        if run is not None and run.ends <= now:
            conversation.run = None
            conversation.origin = run.origin
            self._add(conversation, [*run.input, *run.output()])
        return conversation

    def _describe(self, conversation: _Conversation, metadata: Mapping[str, Any] | None) -> None:
        conversation.metadata = dict(metadata or {})
        self._weigh(conversation, "", conversation.metadata)
        self._bound(conversation)

    def _add(self, conversation: _Conversation, items: Iterable[Any]) -> list[Item]:
        given = list(items)
        added = full_items(given, conversation.id, first=conversation.added, taken=conversation.items)
        conversation.added += len(given)
        for item in added:
            conversation.items[item["id"]] = item
            self._weigh(conversation, item["id"], item)
        self._bound(conversation)
        return added

    def _weigh(self, conversation: _Conversation, part: str, value: Any) -> None:
        if self._all.get(conversation.id) is not conversation:
            return  # it only stands in
        before = conversation.sizes.get(part, 0)
        conversation.sizes[part] = len(dumps(value))
        self._count(conversation.sizes[part] - before)

    def _bound(self, newest: _Conversation) -> None:
        """Drop what exceeds the limits: other conversations first, of `newest` its oldest items."""
        others = (conversation for conversation in list(self._all.values()) if conversation is not newest)
        while self._is_too_much() and (oldest := next(others, None)) is not None:
            self._forget(oldest)
        while self._is_too_much() and len(newest.items) > 1:
            self._drop(newest, next(iter(newest.items)))

    def _is_too_much(self) -> bool:
        return len(self._all) > self._most or self._characters > self._most_characters

    def _forget(self, conversation: _Conversation) -> None:
        self._all.pop(conversation.id, None)
        self._count(-sum(conversation.sizes.values()))

    def _drop(self, conversation: _Conversation, item_id: str) -> None:
        conversation.items.pop(item_id, None)
        self._count(-conversation.sizes.pop(item_id, 0))

    def _count(self, characters: int) -> None:
        self._characters += characters
        self._shared.used += characters


class StatelessConversations(Conversations):
    """The conversations of a stateless server: creating or naming one raises the `refusal`."""

    def __init__(self, refusal: Callable[[str], RequestError]) -> None:
        super().__init__(most=0)
        self._refusal = refusal

    def create(
        self, created_at: int, items: Iterable[Any] = (), metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raise self._refusal("No conversation can be created")

    def _find(self, id: str) -> _Conversation:
        raise self._refusal(f"Conversation '{printable(id)}' cannot be looked up")
