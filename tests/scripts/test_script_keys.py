"""What a Script says beside its steps: faults, and the pace."""

from typing import Any

import jsonschema
import pytest

from respool.errors import RecordingError
from respool.faults import Stall
from respool.protocol.websocket.steers import SteerAt
from respool.recordings.formats import script
from respool.recordings.recording import Header
from respool.recordings.steer_rule import SteerRule
from respool.scripts import Script, plain, read, schema
from respool.scripts.synth import expand


def gaps(pace: Any, *steps: Any) -> list[float | None]:
    (expansion,) = expand(read({"pace": pace, "output": [{"message": "Hi"}, *steps]}), "a")
    return [written.gap for written in expansion.events]


def test_a_gap_is_between_any_two_events() -> None:
    assert gaps({"gap": 0.5, "ttft": 2}) == [2.0, *[0.5] * 8]


def test_speed_divides_all_times() -> None:
    assert gaps({"gap": 1, "ttft": 3, "speed": 2})[0] == 1.5
    assert gaps({"gap": 1, "speed": 2}, {"pause": 4})[-1] == 2.5  # the pause, and the gap


FAULTS = """
faults:
  - stall(after=3, seconds=2)
  - {fault: latency, seconds: 1}
text: Hi
"""


def test_faults_are_those_of_the_recording() -> None:
    (recording,) = script.read(FAULTS.encode(), "a", "a.script.yaml")
    stall, latency = recording.header.faults
    assert isinstance(stall, Stall)
    assert latency.seconds == 1  # type: ignore[attr-defined]


def test_a_fault_that_is_none_has_its_place() -> None:
    with pytest.raises(RecordingError, match=r"a\.script\.yaml:2:.*stal"):
        script.read(b"text: Hi\nfaults: [stal]\n", "a", "a.script.yaml")


def test_they_are_written_again() -> None:
    data = {"template": True, "faults": ["cut(after=3)"], "pace": {"gap": 0.5, "speed": 2}, "text": "Hi"}
    assert plain(read(data)) == data


HOLDS = """
hold:
  - after=response.created, ttl=60
  - {before: {event: output_text.delta, nth: 2}, keepalive: 15}
deltas: 1
text: Hi
"""


def test_holds_are_those_of_the_recording() -> None:
    (recording,) = script.read(HOLDS.encode(), "a", "a.script.yaml")
    created, delta = recording.header.hold
    assert (str(created), created.ttl) == ("after=response.created", 60.0)
    assert (str(delta), delta.keepalive) == ("before=output_text.delta#2", 15.0)


def test_steer_is_that_of_the_recording() -> None:
    text = "text: Hi\nsteer: {at: immediate, successor: {text: Stopped.}}"
    (recording,) = script.read(text.encode(), "a", "a.script.yaml")
    rule = recording.header.steer
    assert rule
    assert rule.at is SteerAt.IMMEDIATE
    assert isinstance(rule.successor, Script)
    assert rule.successor.turns[0].steps[0].value == {"text": "Stopped."}


def test_steer_in_short_is_where() -> None:
    (recording,) = script.read(b"text: Hi\nsteer: never", "a", "a.script.yaml")
    assert recording.header.steer == SteerRule(SteerAt.NEVER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text: Hi\nhold: after=response.creatd", r":2:7: .*after=response.creatd: it has no such event"),
        ("text: Hi\nhold: [after=1, after=x y]", r":2:7: .*x y is no place in a stream"),
        ("text: Hi\nhold: {after: 1, tll: 5}", r":2:18: tll is not known here, did you mean ttl\?"),
        ("text: Hi\nhold: {after: 1, before: 2}", r":2:18: before and after exclude each other"),
        ("text: Hi\nhold: {after: 1, ttl: -1}", r":2:23: expected seconds from 0.001 to"),
        ("turns:\n- text: Hi\n  hold: after=99", r":3:9: .*it has no such event"),
        ("text: Hi\nsteer: sometimes", r":2:8: expected next_item_done or immediate or never"),
        ("text: Hi\nsteer: {error: no_code}", r":2:16: .*response_not_found or"),
        ("text: Hi\nsteer: {successor: {txet: Ho}}", r":2:21: txet is not known here"),
        ("text: Hi\nsteer: {successor: {text: Ho, hold: 99}}", r"it has no such event"),
    ],
)
def test_a_mistake_has_its_place(text: str, message: str) -> None:
    with pytest.raises(RecordingError, match=f"^a.script.yaml.*{message}"):
        script.read(text.encode(), "a", "a.script.yaml")


@pytest.mark.parametrize(
    "data",
    [
        {"hold": "after=response.created", "text": "Hi"},
        {"hold": ["after=1", {"before": "terminal", "ttl": 5}], "text": "Hi"},
        {"steer": "never", "text": "Hi"},
        {"steer": {"at": "immediate", "successor": {"text": "Ho"}}, "text": "Hi"},
        {"steer": {"error": {"code": "invalid_input", "message": "No."}}, "text": "Hi"},
    ],
)
def test_holds_and_steer_are_written_again(data: Any) -> None:
    assert plain(read(data)) == data
    jsonschema.Draft202012Validator(schema()).validate(data)


def test_a_recording_may_have_them_in_its_header() -> None:
    header = Header({"hold": "after=response.created", "steer": {"successor": "text/hello"}})
    assert [str(point) for point in header.hold] == ["after=response.created"]
    assert header.steer == SteerRule(successor="text/hello")
    with pytest.raises(ValueError, match='"hold": x y is no place in a stream'):
        Header({"hold": "x y"})
    with pytest.raises(ValueError, match='"steer": expected next_item_done'):
        Header({"steer": "x"})
