"""Recorded events in, a Script that gives the same events out. The inverse of `synth`.

Each output item is tried as a step. If the step gives other events than recorded, or another item, the Script
gets the recorded events literally: longer, but complete. Synthesised again, the Script gives the same events
in the same order and the same Response object, except for what `likeness` ignores.
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
    """Return the Script of a recording's turns; with `pace`, also with approximate times.

    Raise UnsynthError for a stream that no Script gives, such as one that does not begin with
    `response.created`.
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
    """Return all texts that may refer to an id. Other ids need not be kept."""
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
