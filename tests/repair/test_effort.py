"""Repair takes time in proportion to what is damaged: function calls are counted, not seconds."""

import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from respool.errors import RecordingError
from respool.protocol.events import Event
from respool.repair import Options, repair
from respool.repair.damaged_stream import DamagedStream

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


@pytest.mark.parametrize(
    "ask",
    [
        lambda stream: stream.troubled(0, stream.size),
        lambda stream: stream.has_room(0, stream.size),
        lambda stream: stream.missing_within(0, stream.size),
        lambda stream: stream.take(0, stream.size, 1, latest=True, default=0),
    ],
)
def test_asking_for_what_is_missing_copies_no_list_of_all_of_it(
    ask: Callable[[DamagedStream], object],
) -> None:
    events = [Event.parse(delta(2 * number, f"m{number}", number)) for number in range(2_000)]
    stream = DamagedStream(events)
    tracemalloc.start()
    try:
        ask(stream)
        assert tracemalloc.get_traced_memory()[1] < 2_000
    finally:
        tracemalloc.stop()


def test_what_is_missing_is_counted_between_places() -> None:
    numbers = [0, 1, 4, 5, 7]
    stream = DamagedStream([Event.parse(delta(number, "m", 0)) for number in numbers])
    assert [stream.missing_within(*span) for span in [(0, 1), (0, 2), (2, 4), (3, 3), (4, 2)]] == [
        0,
        2,
        3,
        0,
        0,
    ]
    assert stream.take(0, 4, 1, latest=False, default=9) == 2
    assert [stream.has_room(0, 4, beside) for beside in (0, 1, 2)] == [True, True, False]
    assert stream.take(0, 3, 1, latest=True, default=9) == 2
    assert [stream.take(0, 3, 1, latest=False, default=9), stream.has_room(0, 3)] == [9, False]
    assert stream.take(0, 4, 1, latest=True, default=9) == 4
