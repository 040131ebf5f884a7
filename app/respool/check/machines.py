"""Questions to the table of transitions."""

from collections import deque
from collections.abc import Iterable
from functools import cache

from respool.protocol.transitions import PART_TYPES, TRANSITIONS, State


@cache
def missing(machine: str, state: State, event: str) -> tuple[tuple[str, ...], State] | None:
    """The events that should have come before `event`, and the state to which it leads.

    There are none where it is allowed as things are. None where no way forward leads to it: it is out of
    order, or of another machine.
    """
    table = TRANSITIONS[machine]
    ways: deque[tuple[State, tuple[str, ...]]] = deque([(state, ())])
    seen = {state}
    while ways:
        at, steps = ways.popleft()
        if event in table[at]:
            return steps, table[at][event]
        for step, then in table[at].items():
            if then not in seen:
                seen.add(then)
                ways.append((then, (*steps, step)))
    return None


@cache
def knows(machine: str, event: str) -> bool:
    """Whether `event` is of this machine, in whatever state."""
    return any(event in steps for steps in TRANSITIONS[machine].values())


@cache
def part_type_of(event: str) -> str | None:
    """The type of the parts that `event` is of; None where it can be of several, or is of none."""
    types = [name for name in PART_TYPES if knows(name, event)]
    return types[0] if len(types) == 1 else None


@cache
def opens_part(event: str) -> bool:
    """Whether `event` opens a part and does nothing else."""
    return any(
        event in TRANSITIONS[name][State.START] and event not in TRANSITIONS[name][State.OPEN]
        for name in PART_TYPES
    )


def allowed(machine: str, state: State) -> str:
    """What may come in this state, for a message."""
    return any_of(TRANSITIONS[machine][state]) or "nothing more"


def any_of(names: Iterable[str]) -> str:
    """ "a, b or c"."""
    *most, last = [*names] or [""]
    return f"{', '.join(most)} or {last}" if most else last
