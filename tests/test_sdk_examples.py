"""The examples of examples/sdks, run by `respool run`, as a reader would."""

import subprocess
import sys
from pathlib import Path

import pytest
from sdk_clients import ROOT, command_of, need

EXAMPLES = ROOT / "examples" / "sdks"

# What each needs: a program, and packages.
NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "curl.sh": ("curl", ()),
    "JavaHttpClient.java": ("java", ()),
    "main.go": ("go", ()),
    "openai_python.py": ("python", ("openai",)),
    "openai_agents.py": ("python", ("agents",)),
    "langchain_openai_chat.py": ("python", ("langchain_openai",)),
    "pydantic_ai_agent.py": ("python", ("pydantic_ai", "openai")),
    "litellm_responses.py": ("python", ("litellm", "mcp")),
    "openai_node.mjs": ("node", ("openai",)),
    "openai_agents.mjs": ("node", ("@openai/agents", "openai", "zod")),
    "vercel_ai.mjs": ("node", ("ai", "@ai-sdk/openai", "zod")),
}


@pytest.mark.parametrize("name", NEEDS)
def test_an_example_streams_text_loops_with_a_tool_and_meets_an_error(name: str, tmp_path: Path) -> None:
    program, packages = NEEDS[name]
    need(program, packages)
    command = [sys.executable, "-m", "respool", "run", str(ROOT / "fixtures"), "--speed", "instant", "--"]
    done = subprocess.run(
        [*command, *command_of(EXAMPLES / name, tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    text, tool, error = [
        line for line in done.stdout.splitlines() if line.startswith(("text:", "tool:", "error:"))
    ]
    assert text.startswith("text: Hello! 👋 A café is a good place to begin")
    assert text.endswith("the day is kind.")
    assert tool.startswith("tool: It is 18 °C in Paris")
    assert error == "error: 429"


def test_each_example_is_run() -> None:
    assert {file.name for file in EXAMPLES.iterdir() if file.suffix != ".md"} == set(NEEDS)
