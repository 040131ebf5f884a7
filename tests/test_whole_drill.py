"""`respool_drill` with every case there is, in a suite of a user's with the openai package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from respool.drill.cases import choose

ROOT = Path(__file__).parents[1]
# The whole call has a deadline: a stream that is silent but for comments ends no read timeout.
TEST = """
import asyncio
import openai
import pytest

@pytest.mark.respool("text/hello")
def test_no_fault_is_taken_for_a_success(respool, respool_drill):
    async def ask():
        async with openai.AsyncOpenAI(base_url=respool.base_url, api_key="any", max_retries=0) as client:
            async with asyncio.timeout(DEADLINE):
                async with client.responses.stream(model="gpt-5.2", input="Hi") as stream:
                    return await stream.get_final_response()

    try:
        response = asyncio.run(ask())
    except (openai.OpenAIError, RuntimeError, ValueError, TimeoutError):
        # A block with a retry line alone is an event without data to this SDK: see docs/faults.md.
        assert respool_drill.expect != "survive" or respool_drill.name == "retry-line"
    else:
        assert response.status == "completed" or respool_drill.expect == "notice"
    assert len(respool.requests) == 1
"""
DEADLINE = 6  # seconds, more than any case needs that a client has to survive


CASES = [case.name for case in choose("all")]
PARTS = [CASES[first : first + 16] for first in range(0, len(CASES), 16)]


@pytest.mark.parametrize("names", PARTS, ids=lambda names: names[0])
def test_every_case_runs_as_a_test(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "test_it.py").write_text(TEST.replace("DEADLINE", str(DEADLINE)))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    drill = f"respool_drill={','.join(names)}"
    done = subprocess.run([*command, "-o", drill], cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert re.search(rf"^{len(names)} passed", done.stdout, re.MULTILINE), done.stdout[-5000:]
