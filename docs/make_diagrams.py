"""Draws the state machines of docs/architecture.md from the table of transitions.

python docs/make_diagrams.py
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from respool.protocol.event_types import ITEM_TYPES
from respool.protocol.transitions import PART_TYPES, TRANSITIONS, Machine, MachineState

PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- state machines -->", "<!-- /state machines -->"

TEXT = """\
What may follow what is a table, `TRANSITIONS` in `protocol/transitions.py`. A stream is one machine, the
response, with a machine inside it for each output item, and inside an item one for each of its parts. An
event moves the machine of the innermost thing that it is of. An event that has no arrow is an error, and
the message names those that have one.

`check/machines.py` asks the table, and `check/checker.py` judges the answers, since other
producers leave steps out (see [checks.md](checks.md)). The diagrams are drawn from the table by
`docs/make_diagrams.py`; the `response.` at the beginning of events is left out.
"""


def section() -> str:
    """What stands between the two markers of the page."""
    return "\n".join(
        [
            TEXT,
            *_diagrams(["response"]),
            "### Its items, by type\n",
            *_diagrams(ITEM_TYPES),
            "### The parts of items, by type\n",
            *_diagrams(sorted(PART_TYPES)),
        ]
    )


def page(text: str) -> str:
    """The page with the section drawn anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{section()}{END}{after}"


def _diagrams(names: Iterable[str]) -> Iterator[str]:
    """One diagram for all that have the same machine."""
    groups: list[tuple[list[str], Machine]] = []
    for name in names:
        same = next((group for group, machine in groups if machine == TRANSITIONS[name]), None)
        if same is None:
            groups.append(([name], TRANSITIONS[name]))
        else:
            same.append(name)
    for group, machine in groups:
        yield f"{', '.join(f'`{name}`' for name in group)}\n"
        yield "\n".join(["```mermaid", "stateDiagram-v2", *_arrows(machine), "```", ""])


def _arrows(machine: Machine) -> Iterator[str]:
    for state, ways in machine.items():
        for then in dict.fromkeys(ways.values()):
            events = [event.removeprefix("response.") for event, to in ways.items() if to is then]
            yield f"    {_node(state)} --> {then}: {'<br/>'.join(events)}"
        if not ways:
            yield f"    {state} --> [*]"


def _node(state: MachineState) -> str:
    return "[*]" if state is MachineState.START else state


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
