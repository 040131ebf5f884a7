from typing import Any

import pytest

from respool.check.checker import check
from respool.check.findings import Level
from respool.play.warm_up import warm_up_turn


@pytest.mark.parametrize(
    "body", [{}, {"store": False, "model": "m", "metadata": {"a": "b"}, "temperature": 0}]
)
def test_a_warm_up_is_a_stream_of_two_events_that_repeats_the_request(body: dict[str, Any]) -> None:
    live = warm_up_turn(body, "resp_1", 1_800_000_000, 5.0)
    errors = [finding.message for finding in check(live.events) if finding.level is Level.ERROR]
    assert errors == ["response.completed: expected response.in_progress before it"]  # nothing is between
    created, completed = (event.data["response"] for event in live.events)
    assert (created["status"], completed["status"]) == ("in_progress", "completed")
    assert completed["output"] == []
    assert {name: completed[name] for name in body} == body
    assert [live.due_at(place) for place in range(len(live.frames))] == [5.0, 5.0]
    assert live.stored == ("store" not in body)


def test_a_body_that_cannot_be_written_again_is_not_repeated() -> None:
    live = warm_up_turn({"temperature": float("inf"), "model": "m"}, "resp_1", 0, 0.0)
    assert live.events[0].data["response"]["temperature"] == 1.0
