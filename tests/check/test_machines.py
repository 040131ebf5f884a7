import pytest

from respool.check.machines import allowed, any_of, knows, missing, opens_part, part_type_of
from respool.protocol.transitions import ITEM, MachineState


@pytest.mark.parametrize(
    ("machine", "state", "event", "steps", "then"),
    [
        ("response", MachineState.START, "response.created", [], MachineState.CREATED),
        ("response", MachineState.CREATED, ITEM, ["response.in_progress"], MachineState.RUNNING),
        ("function_call", MachineState.OPEN, "response.function_call_arguments.delta", [], MachineState.OPEN),
        (
            "function_call",
            MachineState.OPEN,
            "response.output_item.done",
            ["response.function_call_arguments.done"],
            MachineState.CLOSED,
        ),
        (
            "web_search_call",
            MachineState.OPEN,
            "response.web_search_call.completed",
            ["response.web_search_call.in_progress", "response.web_search_call.searching"],
            MachineState.FINISHED,
        ),
    ],
)
def test_the_missing_steps_are_returned(
    machine: str, state: MachineState, event: str, steps: list[str], then: MachineState
) -> None:
    assert missing(machine, state, event) == (tuple(steps), then)


@pytest.mark.parametrize(
    ("machine", "state", "event"),
    [
        ("response", MachineState.RUNNING, "response.created"),
        ("response", MachineState.CLOSED, ITEM),
        ("web_search_call", MachineState.SEARCHING, "response.web_search_call.in_progress"),
        ("message", MachineState.OPEN, "response.web_search_call.in_progress"),
    ],
)
def test_no_steps_lead_backwards_or_to_another_machine(machine: str, state: MachineState, event: str) -> None:
    assert missing(machine, state, event) is None


def test_a_machine_knows_its_own_events() -> None:
    assert knows("refusal", "response.refusal.delta")
    assert not knows("refusal", "response.output_text.delta")


def test_an_event_tells_the_type_of_its_part_unless_several_have_it() -> None:
    assert part_type_of("response.reasoning_summary_part.added") == "summary_text"
    assert part_type_of("response.content_part.added") is None
    assert part_type_of("response.created") is None


def test_an_event_opens_a_part_if_it_does_nothing_else() -> None:
    assert opens_part("response.content_part.added")
    assert opens_part("response.shell_call_command.added")
    assert not opens_part("response.shell_call_output_content.delta")


def test_what_is_allowed_is_told_in_words() -> None:
    assert allowed("refusal", MachineState.OPEN) == "response.refusal.delta or response.refusal.done"
    assert allowed("refusal", MachineState.CLOSED) == "nothing more"
    assert any_of(["a"]) == "a"
    assert any_of(["a", "b", "c"]) == "a, b or c"
