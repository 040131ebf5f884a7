"""Lookups in the table of transitions."""

from collections import deque
from collections.abc import Iterable
from functools import cache

from respool.protocol.transitions import PART_TYPES, TRANSITIONS, MachineState


@cache
def missing(machine: str, state: MachineState, event: str) -> tuple[tuple[str, ...], MachineState] | None:
    """Return the events that should have come before `event`, and the state to which it leads.

    Return no events if `event` is allowed in this state, and None if no later state allows it: it is out of
    order, or of another machine.
    """
    table = TRANSITIONS[machine]
    ways: deque[tuple[MachineState, tuple[str, ...]]] = deque([(state, ())])
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
    """Return True if `event` is of this machine, in any state."""
    return any(event in steps for steps in TRANSITIONS[machine].values())


@cache
def part_type_of(event: str) -> str | None:
    """Return the type of the parts that have `event`; None if it is not exactly one."""
    types = [name for name in PART_TYPES if knows(name, event)]
    return types[0] if len(types) == 1 else None


@cache
def opens_part(event: str) -> bool:
    """Return True if `event` opens a part and does nothing else."""
    return any(
        event in TRANSITIONS[name][MachineState.START] and event not in TRANSITIONS[name][MachineState.OPEN]
        for name in PART_TYPES
    )


def allowed(machine: str, state: MachineState) -> str:
    """Return the events that this state allows, for a message."""
    return any_of(TRANSITIONS[machine][state]) or "nothing more"


def any_of(names: Iterable[str]) -> str:
    """Return ``a, b or c``."""
    *most, last = [*names] or [""]
    return f"{', '.join(most)} or {last}" if most else last
