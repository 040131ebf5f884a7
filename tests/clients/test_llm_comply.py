"""llm-comply, which holds a server against the Open Responses specification.

One run has one default recording. One that has all passes all tests; with others, a test that wants something
special is sent to the recording which has that.
"""

import json
import math
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from respool import Pace, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
WHOLE = Path(__file__).parents[1] / "data/open_responses.script.yaml"
COMMAND = Path(sysconfig.get_path("scripts")) / "llm-comply"

# Which recording answers a test; text/hello answers the others.
RECORDINGS = {"tool-calling": "tools/get_weather", "reasoning-summary": "reasoning/summary"}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server(FIXTURES, default="text/hello", pace=Pace(speed=math.inf)) as running:
        yield running


def comply(server: RunningServer, *options: str) -> dict[str, str]:
    """What came of each of its tests, by id: the empty text where it passed."""
    # The name of a model which reasons: it skips a test for others.
    command = [COMMAND, "-u", server.base_url, "-k", "any", "-m", "gpt-5.2", "--json", *options]
    output = subprocess.run(command, stdout=subprocess.PIPE, timeout=60).stdout
    results = json.loads(output)["results"]
    return {
        one["id"]: "" if one["status"] == "passed" and not one.get("warnings") else json.dumps(one)
        for one in results
    }


def test_every_test_passes_that_any_text_can_answer(server: RunningServer) -> None:
    results = comply(server)
    assert len(results) >= 13
    assert {test: said for test, said in results.items() if said and test not in RECORDINGS} == {}


def test_every_test_passes_with_the_script_that_answers_them_all() -> None:
    with running_server(WHOLE, pace=Pace(speed=math.inf)) as running:
        results = comply(running)
    assert len(results) >= 13
    assert {test: said for test, said in results.items() if said} == {}


def test_every_test_passes_with_answers_that_are_improvised(tmp_path: Path) -> None:
    with running_server(tmp_path, on_miss="improvise", pace=Pace(speed=math.inf)) as running:
        results = comply(running)
    assert len(results) >= 13
    assert {test: said for test, said in results.items() if said} == {}


@pytest.mark.parametrize("id", RECORDINGS)
def test_a_test_passes_with_the_recording_that_answers_it(id: str, server: RunningServer) -> None:
    assert comply(server, "-f", id, "-H", f"x-respool-play:{RECORDINGS[id]}") == {id: ""}
