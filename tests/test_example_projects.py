"""The projects of examples/projects, copied into an empty folder with the recordings of the demo."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from respool.cli import main

PROJECTS = Path(__file__).parents[1] / "examples" / "projects"


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(
        PROJECTS / request.param, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
    )
    with pytest.raises(SystemExit) as ended:
        main(["demo", str(folder / "tests" / "fixtures")])
    assert not ended.value.code
    return folder


@pytest.mark.parametrize("project", ["pytest"], indirect=True)
def test_the_project_with_pytest_passes(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^4 passed", done.stdout, re.MULTILINE), done.stdout
