"""Checks that the references in a request's input exist, as far as a session knows.

What is not known for certain is never refused: see `respool.protocol.request.links`.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from respool.play.playback import Playback
from respool.play.rendition import UNCHANGED
from respool.protocol.items import Item, input_items
from respool.protocol.request import Known, check_links
from respool.server.conversations import output_items
from respool.server.decision import IMPROVISED, Decision
from respool.server.indexes import Indexes
from respool.server.request import Request
from respool.server.session import Session
from respool.server.whole_request import items_before

_PLAIN = (None, "message")
_MOST_LOOKED_AT = 200  # playbacks whose events are made again, to find items by their ids
# Bytes of requests that are searched for the ids of one request, and the cost of one search, in such bytes.
_MOST_BYTES = 32 * 1024 * 1024
_LOOK = 4096


class _TooManyError(Exception):
    """Finding out whether an item is known would take too long."""


def check_history(
    request: Request,
    session: Session,
    now: float,
    decision: Decision | None,
    indexes: Indexes,
    *,
    known: bool,
) -> None:
    """Raise RequestError, in the service's words, for what the service refuses in the history of a request.

    `known`: earlier plays can be looked up. `decision` is the answer to the request.
    """
    body = request.body
    given = body["input"]
    if all(isinstance(item, dict) and item.get("type") in _PLAIN and "id" not in item for item in given):
        return  # messages alone refer to nothing
    if session.altered:  # a fault may have damaged the history
        return
    if not known:
        check_links(body)
        return
    context, repeated = items_before(request, session, now), _Repeated(session, indexes)
    find = _Stored(session, now, decision, indexes).find if decision else None
    try:
        check_links(body, Known(context, find, repeated=repeated))
    except _TooManyError:
        check_links(body, Known(context, repeated=repeated))


class _Stored:
    """Finds items by their ids: those of responses, of conversations, and of the current answer."""

    def __init__(self, session: Session, now: float, decision: Decision | None, indexes: Indexes) -> None:
        self._session = session
        self._now = now
        self._decision = decision
        self._indexes = indexes
        self._left = _MOST_LOOKED_AT
        self._bytes_left = _MOST_BYTES

    def find(self, id: str) -> Mapping[str, Any] | None:
        """Return the item with this id, or None."""
        if item := self._session.conversations.stored_item(id, self._now):
            return item
        for playback in self._session.history:
            self._left -= playback.changes is not UNCHANGED  # its events have to be made again
            self._bytes_left -= playback.size + _LOOK
            if self._left < 0 or self._bytes_left < 0:
                raise _TooManyError
            for item in _items_with(playback, id):
                if item.get("id") == id:
                    return item
        # Another server may have played an earlier turn of this recording to the client.
        return next((item for item in self._recorded() if item.get("id") == id), None)

    def _recorded(self) -> Sequence[Mapping[str, Any]]:
        decision = self._decision
        if decision is None or decision.origin is None or decision.recording is None:
            return ()
        turns = self._indexes.store.turns(decision.origin.series)
        return [item for turn in turns for item in self._indexes.facts(turn).output]


def _items_with(playback: Playback, id: str) -> Sequence[Item]:
    """Return the items of a playback if the id may be among them. Searching a text is much faster than
    parsing it."""
    found: list[Item] = []
    if id in (playback.rendition.final_response or id):
        found += output_items(playback, playback.ends)
    text = getattr(playback.body, "text", None)
    if text is None or id.encode("utf-8", "replace") in text:
        found += input_items(playback.body, playback.id)
    return found


class _Repeated(Container[str]):
    """The ids that a session got more than once, from recordings played twice with their recorded ids."""

    def __init__(self, session: Session, indexes: Indexes) -> None:
        self._session = session
        self._indexes = indexes

    def __contains__(self, id: object) -> bool:
        given = 0
        for name, count in self._session.plays.items():
            recording = self._indexes.store.get(name)
            if recording is None:
                if name != IMPROVISED or count > 1:
                    return True  # a Script of a stub that may have been removed
                continue
            if any(item.get("id") == id for item in self._indexes.facts(recording).output):
                given += count
        return given > 1
