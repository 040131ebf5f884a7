"""Repair takes time in proportion to what is damaged: function calls are counted, not seconds."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from respool.errors import RecordingError
from respool.repair import Options, repair

CREATED = {"type": "response.created", "response": {"id": "r", "object": "response", "status": "in_progress"}}


def delta(number: int, item: str, output: int) -> str:
    place = {"item_id": item, "output_index": output, "content_index": 0, "delta": "a"}
    return json.dumps({"type": "response.output_text.delta", "sequence_number": number, **place})


def damaged(count: int) -> Sequence[str]:
    return [
        text for number in range(count // 2) for text in (delta(number, "m", 0), delta(number, "m", 0)[:-3])
    ]


def stray(count: int) -> Sequence[str]:
    begin = {**CREATED, "sequence_number": 0}
    return [json.dumps(begin), *(delta(number + 1, f"m{number}", number) for number in range(count))]


def calls(lines: Sequence[str]) -> int:
    """How many functions a repair calls."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    data = "\n".join(lines).encode() + b"\n"
    sys.setprofile(note)
    try:
        repair(data, "a.jsonl", Options(renumber=True))
    except RecordingError:
        pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("make", [damaged, stray])
def test_twice_as_many_lines_take_twice_the_effort(make: Callable[[int], Sequence[str]]) -> None:
    calls(make(50))  # what is made once is made
    assert calls(make(800)) < 2.3 * calls(make(400))
