"""A tool loop of three turns, recorded from one client, answers others by its recorded requests alone.

Respool plays a Script as the upstream, and `respool record` stands between. The other clients ask with other
ids, metadata, dates, models and defaults, and some let the server remember.
"""

import math
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sdk_clients import NEEDS, drive, need

from respool import Pace, running_server
from respool.testing import RunningServer

SCRIPT = """\
model: gpt-5.2
turns:
  - output:
      - reasoning: {summary: First the weather.}
      - function_call: {name: get_weather, arguments: {city: Kiel, unit: celsius}}
  - output:
      - function_call: {name: tide_table, arguments: {port: Kiel}}
  - text: It is 18 degrees in Kiel, and high tide is at noon.
"""
SAID = "It is 18 degrees in Kiel, and high tide is at noon."
INSTANT = Pace(speed=math.inf)

# Of these one has recorded. Tools are described otherwise by the frameworks, which is one tier further away.
TIERS = {
    "openai_sdk.py": "masked",
    "openai_sdk.mjs": "masked",
    "litellm_sdk.py": "masked",
    "agents_sdk.py": "skeleton",
    "agents_sdk.mjs": "skeleton",
    "langchain_sdk.py": "skeleton",
    "pydantic_ai_sdk.py": "skeleton",
    "vercel_ai_sdk.mjs": "skeleton",
}


@pytest.fixture(scope="module", params=["grown", "previous"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what was recorded from the openai package."""
    need("python", ("openai",))
    folder = tmp_path_factory.mktemp("recorded")
    script, recordings = folder / "script", folder / "recordings"
    script.mkdir()
    (script / "loop.script.yaml").write_text(SCRIPT)
    with running_server(script, default="loop", ids="fresh", pace=INSTANT) as upstream:
        command = [
            sys.executable, "-m", "respool", "record", "--port", "0", "--upstream", upstream.base_url,
            "--into", str(recordings), "--name", "loop/{turn}",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        ) as recorder:
            assert recorder.stdout is not None
            url = recorder.stdout.readline().rpartition(" ")[2].strip()
            env = {
                "RESPOOL_MODEL": "gpt-5.2-2025-12-11",
                "RESPOOL_METADATA": '{"run": "1"}',
                "RESPOOL_QUESTION": "It is 2026-11-30T10:00:00Z. May we bathe in Kiel?",
            }
            [told] = drive("openai_sdk.py", url, [f"{request.param} loop"], folder, env)
            recorder.send_signal(signal.SIGTERM)
    assert told["text"] == SAID
    assert sorted(file.name for file in recordings.rglob("*.jsonl")) == ["1.jsonl", "2.jsonl", "3.jsonl"]
    return recordings


@pytest.fixture(scope="module")
def replaying(recorded: Path) -> Iterator[RunningServer]:
    with running_server(recorded, ids="fresh", pace=INSTANT) as running:
        yield running


@pytest.mark.parametrize("driver", TIERS)
def test_another_client_gets_the_loop(driver: str, replaying: RunningServer, tmp_path: Path) -> None:
    need(*NEEDS[driver])
    session = uuid.uuid4().hex
    env = {
        "RESPOOL_MODEL": "gpt-5.2",
        "RESPOOL_QUESTION": "It is 2027-01-02T11:22:33Z. May we bathe in Kiel?",
    }
    runs = ["grown loop", "previous loop"]
    told = drive(driver, f"{replaying.url}/s/{session}/v1", runs, tmp_path, env)
    assert [(one["text"], one["calls"]) for one in told] == [(SAID, ["get_weather", "tide_table"])] * 2, told
    asked = replaying.requests.filter(session=session, method="POST")
    answered = [one for one in asked if one.path.endswith("/responses")]
    assert [one.recording for one in answered] == ["loop/1", "loop/2", "loop/3"] * 2
    tiers = {one.why.partition(":")[0] for one in answered}
    assert TIERS[driver] in tiers
    assert tiers <= {TIERS[driver], "exact"}  # the output of a tool alone is equal, where it was recorded so
