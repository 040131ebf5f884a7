"""Recorded requests, of fixtures and of published recordings, find the turn that answered them."""

import copy
from itertools import pairwise
from pathlib import Path

import pytest
from tests.published_requests import SHARED, published

from respool.match.canonical import canonical
from respool.match.recorded import Recorded, RecordedIndex
from respool.match.turn_choice import TurnFacts, TurnIndex, facts
from respool.protocol.request import check_links
from respool.recordings import formats

FIXTURES = sorted(Path("fixtures").rglob("*.jsonl"))


def turns_of(path):
    return formats.read(path.read_bytes(), path.stem, str(path))


@pytest.mark.parametrize("path", FIXTURES, ids=str)
def test_the_request_of_a_fixture_asks_for_its_turn(path):
    recordings = turns_of(path)
    index = TurnIndex([facts(recording) for recording in recordings])
    for number, recording in enumerate(recordings, 1):
        if recording.header.request:
            used = {(before, "") for before in range(1, number) if index.turns[before - 1].failed}
            assert index.choose(recording.header.request, used=used).number == number


def test_the_request_of_a_fixture_finds_it_among_all():
    entries = [
        Recorded(str(path), number, recording.header.request)
        for path in FIXTURES
        for number, recording in enumerate(turns_of(path), 1)
    ]
    index = RecordedIndex(entries)
    assert len(index) > 5
    for entry in index.entries:
        found = index.match(index.forms_of(entry.request))
        assert found is not None
        assert found.tier == "exact"
        assert index.match(index.forms_of(entry.request | {"metadata": {"x": "y"}})).place == found.place


CASE = SHARED / "cases" / "two-turn-loop.script.yaml"


@pytest.mark.skipif(not CASE.is_file(), reason="the case is not there")
@pytest.mark.parametrize("call_id", ["call_tide", "call_fresh"])
def test_a_scripted_loop_goes_on_when_the_output_is_there(call_id):
    index = TurnIndex([facts(recording) for recording in formats.read(CASE.read_bytes(), "loop", str(CASE))])
    (call,) = index.turns[0].output
    history = [{"role": "user", "content": "When is high tide?"}]
    assert index.choose({"input": history}).number == 1
    history += [call | {"call_id": call_id, "id": "fc_x"}]
    history += [{"type": "function_call_output", "call_id": call_id, "output": "noon"}]
    assert index.choose({"input": history}).number == 2
    check_links({"input": history})


def test_a_scripted_retry_succeeds_on_the_second_try():
    path = Path("fixtures/scripts/retry.script.yaml")
    index = TurnIndex([facts(recording) for recording in turns_of(path)])
    first = index.choose({"input": "hi"}, digest="d")
    second = index.choose({"input": "hi"}, digest="d", used={first.used})
    assert (first.number, second.number, second.used) == (1, 2, None)


def renamed(body, suffix):
    """The body with all ids of calls and items made afresh."""
    fresh = copy.deepcopy(body)
    for item in fresh["input"]:
        if isinstance(item, dict):
            for name in ("id", "call_id", "approval_request_id"):
                if isinstance(item.get(name), str):
                    item[name] += suffix
    return fresh


@pytest.mark.skipif(not (SHARED / "recordings").is_dir(), reason="the recordings are not there")
def test_published_requests_find_themselves_with_other_ids():
    bodies = list(published())
    assert len(bodies) > 10
    index = RecordedIndex([Recorded(name, 1, body) for name, body in bodies])
    for _, body in bodies:
        found = index.match(index.forms_of(renamed(body, "~") | {"stream": False, "store": True}))
        assert found is not None
        assert found.tier == "exact"
        assert canonical(canonical(body)) == canonical(body)


@pytest.mark.skipif(not (SHARED / "recordings").is_dir(), reason="the recordings are not there")
def test_published_loops_ask_for_turn_after_turn():
    """The outputs of a turn are what the next request has more than this one."""
    loops = 0
    bodies = [body for _, body in published()]
    for first, second in pairwise(bodies):
        before, after = first["input"], second["input"]
        if len(after) > len(before) and after[: len(before)] == before:
            made = [item for item in after[len(before) :] if "output" not in str(item.get("type")) and
                    item.get("role") not in ("user", "developer", "system")]  # fmt: skip
            if made:
                index = TurnIndex(
                    [TurnFacts(tuple(made)), TurnFacts(({"type": "message", "content": "end"},))]
                )
                assert index.choose(renamed(second, "~")).number == 2
                loops += 1
    assert loops
