"""The examples of examples/sdks, run by `respool run`. Those whose packages are not there are skipped.

RESPOOL_EXAMPLES_PYTHON may name another interpreter, RESPOOL_EXAMPLES_NODE a folder with node_modules that
have them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "sdks"
PYTHON = os.environ.get("RESPOOL_EXAMPLES_PYTHON", sys.executable)
NODE = Path(os.environ.get("RESPOOL_EXAMPLES_NODE", ROOT / "tests" / "node"))

# What each needs: a program, and packages.
NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "curl.sh": ("curl", ()),
    "JavaHttpClient.java": ("java", ()),
    "main.go": ("go", ()),
    "openai_python.py": (PYTHON, ("openai",)),
    "openai_agents.py": (PYTHON, ("agents",)),
    "langchain_openai_chat.py": (PYTHON, ("langchain_openai",)),
    "pydantic_ai_agent.py": (PYTHON, ("pydantic_ai", "openai")),
    "litellm_responses.py": (PYTHON, ("litellm", "mcp")),
    "openai_node.mjs": ("node", ("openai",)),
    "openai_agents.mjs": ("node", ("@openai/agents", "openai", "zod")),
    "vercel_ai.mjs": ("node", ("ai", "@ai-sdk/openai", "zod")),
}
RUN = {".sh": ["sh"], ".java": ["java"], ".go": ["go", "run"], ".py": [PYTHON], ".mjs": ["node"]}


def missing(name: str) -> str:
    """What of all that an example needs is not there."""
    program, packages = NEEDS[name]
    if shutil.which(program) is None:
        return program
    if program == "node":
        return ", ".join(one for one in packages if not (NODE / "node_modules" / one).is_dir())
    look = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if not u.find_spec(n)])"
    if not packages:
        return ""
    return subprocess.check_output([PYTHON, "-c", look, *packages], text=True).strip()


@pytest.mark.parametrize("name", NEEDS)
def test_an_example_streams_text_loops_with_a_tool_and_meets_an_error(name: str, tmp_path: Path) -> None:
    if lacks := missing(name):
        pytest.skip(f"examples/sdks/{name} needs {lacks}")
    file = EXAMPLES / name
    if file.suffix == ".mjs":  # packages are looked for beside the file
        (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
        file = Path(shutil.copy(file, tmp_path))
    command = [sys.executable, "-m", "respool", "run", str(ROOT / "fixtures"), "--speed", "instant", "--"]
    done = subprocess.run(
        [*command, *RUN[file.suffix], str(file)], capture_output=True, text=True, timeout=120, cwd=tmp_path
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
    assert {file.name for file in EXAMPLES.iterdir() if file.suffix in RUN} == set(NEEDS)
