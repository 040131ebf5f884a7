"""Lineage: the items of the responses that a socket's request continues, stored or not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from respool.errors import RequestError
from respool.play.connection_memory import Remembered
from respool.play.live_turn import LiveTurn
from respool.play.playback import Playback
from respool.play.steering import ITEM_DONE, output_of
from respool.protocol.items import Item, input_items
from respool.server.conversations import output_items

MOST_EARLIER = 50_000  # items of the responses that a request continues


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


def items_of_chain(chain: Mapping[str, Playback], now: float | None) -> Callable[[], list[Item]]:
    """Return a function that returns the items of responses, the oldest first, as they are at the clock's
    moment `now`, or at its end. Each response in `chain` (by ids) is continued by the one before it. It
    may be called in any thread.

    That raises RequestError for more than `MOST_EARLIER` items.
    """
    # A playback caches how far its events are folded: a copy for the thread leaves the loop's cache alone.
    own = {id_: replace(playback) for id_, playback in chain.items()}

    def items() -> list[Item]:
        turns: list[list[Item]] = []
        count = 0
        for id_, playback in own.items():
            turns.append(
                [
                    *input_items(playback.body, id_),
                    *output_items(playback, playback.ends if now is None else now),
                ]
            )
            count += len(turns[-1])
            if count > MOST_EARLIER:
                raise RequestError(
                    f"What this request continues has more than {MOST_EARLIER} items; begin anew.",
                    code="too_many_items",
                    param="previous_response_id",
                )
        return [item for turn in reversed(turns) for item in turn]

    return items


def output_items_of(turn: LiveTurn) -> list[dict[str, Any]]:
    """Return the output items of a response that has ended."""
    done = [event.data.get("item") for event in turn.events if event.type == ITEM_DONE]
    output = done or output_of(turn.events)
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
