"""What a Script says beside its steps: faults, and the pace."""

from typing import Any

import pytest

from respool.errors import RecordingError
from respool.faults import Stall
from respool.recordings.formats import script
from respool.scripts import plain, read
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
