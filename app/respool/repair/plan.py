"""The events to make so that a stream becomes legal, and their places."""

from collections.abc import Mapping, Sequence
from typing import Any

from respool.repair.damaged_stream import DamagedStream, Made
from respool.repair.item_events import ItemEvents, find_items, folded, is_whole
from respool.repair.item_walk import ItemWalk
from respool.repair.made_events import Style
from respool.repair.response_ends import ResponseEnd, begin, closed, end


def plan(
    stream: DamagedStream,
    style: Style,
    wanted: ResponseEnd | None,
    request: Mapping[str, Any],
    seconds: float,
) -> tuple[list[Made], list[str]]:
    """Return the events to make, and notes on how a cut response ends. Raise RecordingError if too little is
    known."""
    items = find_items(stream)
    whole = [is_whole(stream, item, last=item is items[-1]) for item in items]
    if stream.ended:
        ending, notes = stream.ending and ResponseEnd(stream.ending), []
    else:
        cut = [_flaw(item, is_known) for item, is_known in zip(items, whole, strict=True)]
        why = ", ".join(filter(None, cut)) if items else "nothing has come"
        ending = wanted or (ResponseEnd.INCOMPLETE if why else ResponseEnd.COMPLETED)
        notes = [f"the response is made to end as {ending}" + (f": {why}" if why and not wanted else "")]
    made = begin(stream, running=bool(items) or ending in (ResponseEnd.COMPLETED, ResponseEnd.INCOMPLETE))
    output = []
    for number, (item, is_known) in enumerate(zip(items, whole, strict=True)):
        value = item.value or closed(folded(stream, item), ending or ResponseEnd.FAILED, whole=is_known)
        item.id = item.id or value.get("id")
        output.append(value)
        made += ItemWalk(stream, style, item, value, *_bounds(stream, items, number)).run()
    if not stream.ended and ending:
        made.append(end(stream, ending, output, request, seconds))
    return made, notes


def _flaw(item: ItemEvents, whole: bool) -> str:
    """Return why this item keeps the response from being completed; empty if it does not."""
    if not whole:
        return f"{item.name} is cut off"
    return f"{item.name} is incomplete" if item.value and item.value.get("status") == "incomplete" else ""


def _bounds(stream: DamagedStream, items: Sequence[ItemEvents], number: int) -> tuple[int, int]:
    """Return the first and last place of an item. One without events lies between the items around it."""
    if items[number].places:
        return stream.start, stream.end
    before = (item.places[-1] + 1 for item in items[:number] if item.places)
    after = (item.places[0] for item in items[number + 1 :] if item.places)
    return max((stream.start, *before)), min((stream.end, *after))
