"""Edits as plain data: each is read back as it was written, through JSON."""

import json
import math
from typing import get_args

import pytest

from respool.play.edit_records import from_data, to_data
from respool.play.edits import (
    Comment,
    Edit,
    Ending,
    Finish,
    Hold,
    Insert,
    MadeEdit,
    Postpone,
    Release,
    Replace,
    Steer,
)
from respool.protocol.events import Event

EVENT = Event('{ "type":"a", "x":"\\ud800" }', "a")
EDITS: list[Edit] = [
    Hold(),
    Hold(3),
    Release(),
    Release(2),
    Postpone(1.5),
    Postpone(1.5, 1),
    Insert(EVENT),
    Insert(EVENT, 4, renumber=False),
    Replace(2),
    Replace(2, EVENT),
    Comment(),
    Comment("x"),
    *(Finish(how) for how in get_args(Ending)),
    Finish("close", EVENT),
    Steer(3, EVENT.text),
]


@pytest.mark.parametrize("now", [0.0, 1e9 + 1 / 3, -math.inf])
@pytest.mark.parametrize(
    "edit", EDITS, ids=[f"{number}-{type(e).__name__}" for number, e in enumerate(EDITS)]
)
def test_an_edit_is_read_back_as_it_was_written(edit: Edit, now: float) -> None:
    text = json.dumps(to_data(MadeEdit(now, edit)), allow_nan=False)
    assert from_data(json.loads(text)) == MadeEdit(now, edit)


def test_what_is_as_usual_is_not_written() -> None:
    assert to_data(MadeEdit(2.5, Release())) == {"edit": "release", "now": 2.5}


def test_an_edit_of_a_newer_version_is_not_passed_over() -> None:
    with pytest.raises(KeyError, match="reverse"):
        from_data({"edit": "reverse"})
