"""Lineage: the items of the responses that a socket's request continues, stored or not."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from respool.play.connection_memory import Remembered
from respool.play.live_turn import LiveTurn
from respool.play.steering import ITEM_DONE, output_of
from respool.protocol.items import Item, input_items


def items_before(
    lineage: Sequence[Remembered], stored: Callable[[str], Iterable[Item] | None]
) -> list[Item] | None:
    """Return the items of the responses in `lineage` (the newest first) and of those before, oldest first.

    `stored` returns the items up to a stored response; None: it is not stored. Return None if not all items
    are known.
    """
    if not lineage:
        return None
    items: list[Item] = []
    earlier = lineage[-1].previous
    if earlier is not None:
        known = stored(earlier)
        if known is None:
            return None
        items += known
    for entry in reversed(lineage):
        items += [*input_items(entry.body, entry.id), *output_items_of(entry.turn)]
    return items


def output_items_of(turn: LiveTurn) -> list[dict[str, Any]]:
    """Return the output items of a response that has ended."""
    done = [event.data.get("item") for event in turn.events if event.type == ITEM_DONE]
    output = done or output_of(turn.events)
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
