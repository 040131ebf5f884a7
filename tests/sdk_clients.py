"""The clients of other people: where `make test-clients` has put them, and how their drivers are run.

The SDKs for Python are in .venv-clients (RESPOOL_CLIENTS_PYTHON names another interpreter), those for Node
and the Codex CLI in tests/node-clients. What is not there skips its tests, and with CI=true it fails them.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DRIVERS = TESTS / "clients" / "sdks"
NODE_CLIENTS = TESTS / "node-clients"
_BIN = "Scripts" if sys.platform == "win32" else "bin"
PYTHON = Path(os.environ.get("RESPOOL_CLIENTS_PYTHON") or ROOT / ".venv-clients" / _BIN / "python")

# What a driver needs: a program, and packages of its language.
NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "openai_sdk.py": ("python", ("openai",)),
    "agents_sdk.py": ("python", ("agents",)),
    "langchain_sdk.py": ("python", ("langchain_openai",)),
    "pydantic_ai_sdk.py": ("python", ("pydantic_ai", "openai")),
    "litellm_sdk.py": ("python", ("litellm", "mcp")),
    "openai_sdk.mjs": ("node", ("openai",)),
    "agents_sdk.mjs": ("node", ("@openai/agents", "openai", "ws", "zod")),
    "vercel_ai_sdk.mjs": ("node", ("ai", "@ai-sdk/openai", "zod")),
    "curl.sh": ("curl", ()),
    "JavaClient.java": ("java", ()),
}


TOOLCHAINS = ("java", "go")  # no target of ours installs them


def need(program: str, packages: Iterable[str] = ()) -> None:
    """Skip the test if a program or a package is missing; with CI=true fail it, but for toolchains."""
    lacks = missing(program, tuple(packages))
    if lacks in TOOLCHAINS:
        pytest.skip(f"{lacks} is not installed")
    if lacks:
        told = f"{lacks} is not installed: make test-clients installs the clients of other people"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)


@cache
def missing(program: str, packages: tuple[str, ...]) -> str:
    """Name what is missing of a program (or "python" of the clients, "node") and its packages."""
    if program == "python":
        if not PYTHON.exists():
            return str(PYTHON)
        look = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if not u.find_spec(n)])"
        return subprocess.check_output([PYTHON, "-c", look, *packages], text=True).strip()
    if shutil.which(program) is None:
        return program
    return ", ".join(one for one in packages if not (NODE_CLIENTS / "node_modules" / one).is_dir())


def command_of(file: Path, folder: Path) -> list[str]:
    """Give the command that runs a program for Python, Node, Java, Go or sh; ``folder`` is one to work in."""
    if file.suffix == ".mjs":  # packages are looked for beside the file
        modules = folder / "node_modules"
        if not modules.exists():
            modules.symlink_to(NODE_CLIENTS / "node_modules")
        for one in (file, *file.parent.glob("driver.mjs")):
            shutil.copy(one, folder)
        return ["node", str(folder / file.name)]
    run = {".py": [str(PYTHON)], ".sh": ["sh"], ".java": ["java"], ".go": ["go", "run"]}[file.suffix]
    return [*run, str(file)]


def drive(
    driver: str, base_url: str, runs: Iterable[str], folder: Path, env: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Run a driver of tests/clients/sdks, each run "KIND NAME"; gives what it tells of each."""
    arguments = [word for run in runs for word in run.split(" ", 1)]
    done = subprocess.run(
        [*command_of(DRIVERS / driver, folder), base_url, *arguments],
        env={**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1", **(env or {})},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in lines]
