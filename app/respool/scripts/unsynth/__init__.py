"""Recorded events -> Script: the Script from which they could have come. The inverse of `synth`.

Each output item is tried as a step. Where the step gives other events than were recorded, or another
item, the recorded events are taken literally instead: what a Script cannot say is still there, only
longer. Written out again, the Script gives the same events in the same order and the same Response
object, but for what `likeness` passes over.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from respool.scripts import Script
from respool.scripts.synth import Expansion
from respool.scripts.unsynth.to_turn import unexpand

__all__ = ["UnsynthError", "unsynth"]


class UnsynthError(ValueError):
    """A stream that no Script gives. `turn` counts from 1."""

    def __init__(self, cause: str, turn: int) -> None:
        self.turn = turn
        super().__init__(cause)


def unsynth(turns: Sequence[Expansion], *, pace: bool = False) -> Script:
    """The Script of a recording's turns; with `pace`, also with about their times.

    Raises UnsynthError for a stream that no Script gives: one that does not begin with
    `response.created`, for example.
    """
    scripted = []
    number = 1
    try:
        named = _named(turns)
        for number, turn in enumerate(turns, start=1):
            scripted.append(unexpand(turn, named, pace=pace))
    except ValueError as error:
        raise UnsynthError(str(error), number) from None
    except RecursionError:
        raise UnsynthError("its JSON is nested too deeply", number) from None
    return Script(tuple(scripted))


def _named(turns: Iterable[Expansion]) -> set[str]:
    """All texts which may name a thing by its id. An id that is not among them need not be kept."""
    found: set[str] = set()
    for turn in turns:
        found.update(_texts(turn.header.get("request"), but=()))
        for written in turn.events:
            found.update(_texts(written.event.data, but=("id", "item_id")))
    return found


def _texts(value: Any, but: Sequence[str]) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for inner in value:
                yield from _texts(inner, but)
        case dict():
            for name, inner in value.items():
                if name not in but:
                    yield from _texts(inner, but)
