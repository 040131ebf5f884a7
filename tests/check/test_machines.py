import pytest

from respool.check.machines import allowed, any_of, knows, missing, opens_part, part_type_of
from respool.protocol.transitions import ITEM, State


@pytest.mark.parametrize(
    ("machine", "state", "event", "steps", "then"),
    [
        ("response", State.START, "response.created", [], State.CREATED),
        ("response", State.CREATED, ITEM, ["response.in_progress"], State.RUNNING),
        ("function_call", State.OPEN, "response.function_call_arguments.delta", [], State.OPEN),
        (
            "function_call",
            State.OPEN,
            "response.output_item.done",
            ["response.function_call_arguments.done"],
            State.CLOSED,
        ),
        (
            "web_search_call",
            State.OPEN,
            "response.web_search_call.completed",
            ["response.web_search_call.in_progress", "response.web_search_call.searching"],
            State.FINISHED,
        ),
    ],
)
def test_the_steps_that_are_missing_are_told(
    machine: str, state: State, event: str, steps: list[str], then: State
) -> None:
    assert missing(machine, state, event) == (tuple(steps), then)


@pytest.mark.parametrize(
    ("machine", "state", "event"),
    [
        ("response", State.RUNNING, "response.created"),
        ("response", State.CLOSED, ITEM),
        ("web_search_call", State.SEARCHING, "response.web_search_call.in_progress"),
        ("message", State.OPEN, "response.web_search_call.in_progress"),
    ],
)
def test_no_steps_lead_backwards_or_to_another_machine(machine: str, state: State, event: str) -> None:
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
    assert allowed("refusal", State.OPEN) == "response.refusal.delta or response.refusal.done"
    assert allowed("refusal", State.CLOSED) == "nothing more"
    assert any_of(["a"]) == "a"
    assert any_of(["a", "b", "c"]) == "a, b or c"
