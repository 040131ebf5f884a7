from typing import Any

import pytest

from respool.match.turn_choice import TurnFacts
from respool.record.continuation import Lineage

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
YES = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "5"}
USER = {"role": "user", "content": "Is it?"}


@pytest.fixture
def lineage() -> Lineage:
    lineage = Lineage()
    lineage.learn("a", TurnFacts((CALL, YES), {"input": "Is it?", "conversation": "conv_1"}), "resp_1")
    return lineage


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"previous_response_id": "resp_1"}, "a"),
        ({"previous_response_id": "resp_2"}, None),
        ({"conversation": {"id": "conv_1"}}, "a"),
        ({"input": [RESULT]}, "a"),
        ({"input": [USER, {**CALL, "id": "other"}, RESULT]}, "a"),
        ({"input": [USER, YES, {"role": "user", "content": "Sure?"}]}, "a"),
        ({"input": [{"role": "user", "content": "Is she?"}, YES]}, None),
        ({"input": "Is it?"}, None),
        ({}, None),
    ],
)
def test_a_request_continues_what_it_holds(lineage: Lineage, body: dict[str, Any], name: str | None) -> None:
    assert lineage.continues(body) == name
