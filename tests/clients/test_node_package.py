"""The npm package of clients/node: its own tests, and what would be published."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from respool import __version__

PACKAGE = Path(__file__).parents[2] / "clients" / "node"

pytestmark = pytest.mark.node


def test_its_own_tests_pass() -> None:
    environment = {**os.environ, "RESPOOL_COMMAND": f"{sys.executable} -m respool"}
    done = subprocess.run(
        ["node", "--test", "test/"], cwd=PACKAGE, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_publishes_what_its_exports_name_and_no_more() -> None:
    command = ["npm", "pack", "--dry-run", "--json"]
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    [packed] = told.values() if isinstance(told, dict) else told  # npm 11 has it by name
    files = {file["path"] for file in packed["files"]}
    package = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    exported = {path.removeprefix("./") for entry in package["exports"].values() for path in entry.values()}
    assert files == exported | {"package.json", "README.md", "LICENSE"}


def test_each_name_has_a_type() -> None:
    for module in ("index", "vitest", "jest"):
        code = (PACKAGE / f"{module}.js").read_text("utf-8")
        types = (PACKAGE / f"{module}.d.ts").read_text("utf-8")
        names = re.findall(r"^export (?:default )?(?:async )?(?:function|class) (\w+)", code, re.MULTILINE)
        assert names
        for name in names:
            assert re.search(rf"^export (default )?(function|class) {name}\b", types, re.MULTILINE), name


def test_its_version_is_ours() -> None:
    assert json.loads((PACKAGE / "package.json").read_text("utf-8"))["version"] == __version__
