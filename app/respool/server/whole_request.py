"""Whole requests: with the items that they continue, and those that they refer to, in their input.

A client that relies on the service's memory sends only new items; another one sends all of them each time. As
whole requests both are the same, so that a recording of one answers the other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from respool.errors import RequestError
from respool.match.recorded import Forms, RecordedIndex
from respool.match.whole import given_items, with_items
from respool.play.offload import offload
from respool.play.playback import Playback
from respool.protocol.items import Item, type_of
from respool.server.conversations import output_items
from respool.server.lineage import items_of_chain
from respool.server.request import Request, forms_of
from respool.server.session import Session

_ITEM = 500  # bytes: about what an item takes
_MOST_LOOKED_AT = 200  # responses whose output is looked at for a reference


def whole_body(request: Request, session: Session, now: float) -> Mapping[str, Any] | None:
    """Return the equivalent body without the session's memory: no `previous_response_id`, no `conversation`,
    no item that is only referred to. Return None if that is the same body, or not all items are known."""
    body = request.body
    continues = request.previous_response_id is not None or request.conversation_id is not None
    given = given_items(body)
    refers = any(type_of(item) == "item_reference" for item in given if isinstance(item, dict))
    if not continues and not refers:
        return None
    before = items_before(request, session, now) if continues else []
    if before is None:
        return None
    items = [*before, *(_referred(given, session, now) if refers else given)]
    return with_items(body, items)


def whole_forms(request: Request, session: Session, now: float, index: RecordedIndex) -> Forms | None:
    """Return `whole_body` in the form for comparison with recorded requests; None if there is none."""
    body = whole_body(request, session, now)
    if body is None:
        return None
    return forms_of(index, body, request.size + _ITEM * len(body["input"]), "whole forms")


def items_before(request: Request, session: Session, now: float) -> list[Item] | None:
    """Return the items before a request's input, oldest first; None if not all are known."""
    if (conversation := request.conversation_id) is not None:
        return session.conversations.items(conversation, now)
    previous = request.previous_response_id
    seen: dict[str, Playback] = {}
    while previous is not None:
        playback = session.history.get(previous) or _of_connection(request, previous)
        if playback is None or previous in seen:  # forgotten, or played twice with the same id
            return None
        seen[previous] = playback
        before, of_conversation = playback.continues
        if of_conversation is not None:
            return None
        previous = before
    items = items_of_chain(seen, None)
    try:
        return offload(sum(playback.size for playback in seen.values()), "earlier items", items)
    except RequestError:  # too many
        return None


def _of_connection(request: Request, id: str) -> Playback | None:
    """Return a response that only the request's connection remembers."""
    return next((one for one in request.earlier if one.id == id), None)


def _referred(given: list[Any], session: Session, now: float) -> Iterator[Any]:
    """Yield the items, with references replaced by the items themselves; unknown references stay."""
    wanted = {str(item.get("id")) for item in given if isinstance(item, dict) and item.get("id")}
    known: dict[str, Item] = {}
    for playback in [*reversed(list(session.history))][:_MOST_LOOKED_AT]:
        text = playback.rendition.final_response
        # To look at a text is much faster than to parse it.
        if text is None or any(id_ in text for id_ in wanted - known.keys()):
            for one in output_items(playback, playback.ends):
                known.setdefault(str(one.get("id")), one)
        if wanted <= known.keys():
            break
    for item in given:
        if not isinstance(item, dict) or type_of(item) != "item_reference":
            yield item
            continue
        id_ = str(item.get("id"))
        yield known.get(id_) or session.conversations.stored_item(id_, now) or item
