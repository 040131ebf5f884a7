import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES, EventKind, EventType
from respool.protocol.transitions import AUDIO, ITEM, PART, PART_TYPES, TRANSITIONS, MachineState

DOCS = Path(__file__).parents[2] / "docs"
SYMBOLS = {ITEM, PART, AUDIO}

each_machine = pytest.mark.parametrize("name", TRANSITIONS)


def events_of(machine: str) -> set[str]:
    return {event for ways in TRANSITIONS[machine].values() for event in ways} - SYMBOLS


def reachable(machine: str, start: MachineState) -> set[MachineState]:
    seen, new = set(), {start}
    while new:
        seen |= new
        new = {then for state in new for then in TRANSITIONS[machine][state].values()} - seen
    return seen


def test_each_type_of_item_and_part_has_a_machine_and_there_is_one_for_the_response() -> None:
    assert set(TRANSITIONS) == {"response"} | set(ITEM_TYPES) | PART_TYPES
    assert not PART_TYPES & set(ITEM_TYPES)


@each_machine
def test_every_state_can_be_reached_and_leads_to_the_end(name: str) -> None:
    assert reachable(name, MachineState.START) == set(TRANSITIONS[name])
    for state in TRANSITIONS[name]:
        assert MachineState.CLOSED in reachable(name, state)
    assert [state for state, ways in TRANSITIONS[name].items() if not ways] == [MachineState.CLOSED]


@each_machine
def test_every_event_is_known_and_is_of_this_machine(name: str) -> None:
    for event in events_of(name):
        row = EVENT_TYPES[event]
        if name in PART_TYPES:
            assert row.index
        elif name in ITEM_TYPES:
            assert row.of_item
            assert not row.index
            assert not row.items or name in row.items
        else:
            assert not row.of_item


@pytest.mark.parametrize("row", EVENT_TYPES.values(), ids=lambda row: row.name)
def test_every_event_has_a_machine_unless_it_is_of_the_connection(row: EventType) -> None:
    machines = {name for name in TRANSITIONS if row.name in events_of(name)}
    if row.kind is EventKind.CONNECTION or row.name.startswith("response.audio."):
        assert machines == set()
    elif row.index:
        assert machines
        assert machines <= PART_TYPES
    elif row.kind is EventKind.ITEM:
        assert machines == set(ITEM_TYPES)
    elif row.of_item:
        assert machines == row.items
    else:
        assert machines == {"response"}


def test_items_with_parts_are_those_that_have_events_of_parts() -> None:
    with_parts = {name for name in ITEM_TYPES if any(PART in ways for ways in TRANSITIONS[name].values())}
    assert with_parts == {item for row in EVENT_TYPES.values() if row.index for item in row.items}


@each_machine
def test_each_machine_is_deterministic_and_opens_and_closes_by_events_of_its_own(name: str) -> None:
    machine: Mapping[MachineState, Mapping[str, MachineState]] = TRANSITIONS[name]
    opening = set(machine[MachineState.START])
    closing = {
        event for ways in machine.values() for event, then in ways.items() if then is MachineState.CLOSED
    }
    if name in ITEM_TYPES:
        assert opening == {"response.output_item.added"}
        assert closing == {"response.output_item.done"}
    assert not (opening | closing) & SYMBOLS


@pytest.fixture(scope="module")
def diagrams() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_diagrams", DOCS / "make_diagrams.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_diagrams_in_the_documentation_are_those_of_the_table(diagrams: ModuleType) -> None:
    text = (DOCS / "architecture.md").read_text()
    assert diagrams.BEGIN in text
    assert text == diagrams.page(text), "run python docs/make_diagrams.py"


def test_drawing_the_diagrams_changes_nothing_else_of_the_page(diagrams: ModuleType) -> None:
    page = diagrams.page("before\n<!-- state machines -->\nold\n<!-- /state machines -->\nafter\n")
    assert page.startswith("before\n<!-- state machines -->\n")
    assert page.endswith("<!-- /state machines -->\nafter\n")
    assert "old" not in page
    assert page.count("```mermaid") == len({str(machine) for machine in TRANSITIONS.values()})
