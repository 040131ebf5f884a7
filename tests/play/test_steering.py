from typing import Any

import pytest
from tests.play.socket_playbook import call, message, turn

from respool.check.checker import check
from respool.check.findings import Level
from respool.play.steering import input_list, place_to_cut, required_input, steered_text
from respool.protocol.events import Event

CALL = {"type": "function_call", "call_id": "c", "name": "f", "id": "fc"}


@pytest.mark.parametrize(
    ("output", "required"),
    [
        ([CALL], [{"type": "function_call_output", "call_id": "c", "name": "f"}]),
        ([CALL, {"type": "function_call_output", "call_id": "c"}], []),
        (
            [{"type": "custom_tool_call", "call_id": "c"}],
            [{"type": "custom_tool_call_output", "call_id": "c"}],
        ),
        ([{"type": "computer_call", "call_id": "c"}], [{"type": "computer_call_output", "call_id": "c"}]),
        ([{"type": "shell_call", "call_id": "c"}, {"type": "shell_call_output", "call_id": "c"}], []),
        (
            [{"type": "apply_patch_call", "call_id": "c"}],
            [{"type": "apply_patch_call_output", "call_id": "c"}],
        ),
        (
            [{"type": "tool_search_call", "call_id": "c", "execution": "client"}],
            [{"type": "tool_search_output", "call_id": "c", "execution": "client"}],
        ),
        ([{"type": "tool_search_call", "call_id": "c", "execution": "server"}], []),
        (
            [{"type": "mcp_approval_request", "id": "mcpr_1"}],
            [{"type": "mcp_approval_response", "approval_request_id": "mcpr_1"}],
        ),
        ([{"type": "message"}, {"type": ["x"]}, {"type": "function_call", "call_id": []}, 7], None),
        (None, []),
    ],
)
def test_what_the_client_owes(output: Any, required: list[dict[str, Any]] | None) -> None:
    found = required_input(output)
    assert len(found) == 1 if required is None else found == required


A, B = message("a", 0), message("b", 1)


@pytest.mark.parametrize(
    ("items", "sent", "place"),
    [
        ([A, B], 1, 4),  # at the end of the first message
        ([A, B], 4, 4),
        ([A, B], 5, None),  # the second is the last
        ([A, call("x", 1)], 1, 4),
        ([call("x", 0), A, B], 1, None),  # the client owes something first
        ([A], 1, None),
        ([], 1, None),
        ([[A[0], *B], [A[2]], message("c", 2)], 1, 6),  # two are open at one time
    ],
)
def test_where_a_steer_cuts(items: Any, sent: int, place: int | None) -> None:
    live = turn("r1", items=items)
    assert place_to_cut(live.events, sent, live.frames.end) == place


@pytest.mark.parametrize("count", range(1, 8))
def test_a_steered_response_is_told_whole(count: int) -> None:
    events = turn("r1", items=[A, B]).events[:count]
    ending = Event.parse(steered_text(events, count))
    assert ending.type == "response.incomplete"
    assert ending.sequence_number == count
    assert ending.data["response"]["status"] == "incomplete"
    assert [item["status"] for item in ending.data["response"]["output"]] == (
        []
        if count < 3
        else ["incomplete"]
        if count < 5
        else ["completed"]
        if count == 5
        else ["completed", "incomplete"]
    )


def test_a_response_that_is_cut_between_two_items_is_a_legal_stream() -> None:
    events = [*turn("r1", items=[A, B]).events[:5]]
    findings = check([*events, Event.parse(steered_text(events, 5))])
    before = check([*events])
    known = {finding.message for finding in before}
    new = [one for one in findings if one.level is Level.ERROR and one.message not in known]
    assert new == []


def test_numbers_are_left_out_where_the_recording_has_none() -> None:
    assert "sequence_number" not in Event.parse(steered_text([Event("{}", "response.created")], None)).data


@pytest.mark.parametrize(
    ("given", "items"),
    [
        (
            "Hi",
            [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        ),
        ([1, 2], [1, 2]),
        (None, []),
    ],
)
def test_input_is_a_list_of_items(given: Any, items: list[Any]) -> None:
    assert input_list(given) == items
