"""schemathesis, which reads /openapi.json and sends what that allows, and what it does not."""

import math
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from respool import Pace, running_server

FIXTURES = Path(__file__).parents[2] / "fixtures"
COMMAND = Path(sysconfig.get_path("scripts")) / "schemathesis"
EXAMPLES = 10  # of each operation, beside those which it derives from the page


@pytest.mark.parametrize("options", [{}, {"on_unknown_id": "default"}], ids=["not found", "found"])
def test_nothing_that_follows_from_the_page_is_an_error_of_the_server(
    options: dict[str, Any], tmp_path: Path
) -> None:
    with running_server(FIXTURES, default="text/hello", pace=Pace(speed=math.inf), **options) as running:
        command = [COMMAND, "run", f"{running.url}/openapi.json", "--checks", "not_a_server_error"]
        command += ["--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color"]
        # It finds that many names which a path can have are hard to make, which is nothing to us.
        command += ["--suppress-health-check", "filter_too_much", "--warnings", "off"]
        run = subprocess.run(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
    assert run.returncode == 0, run.stdout
    assert "Selected: 19/19" in run.stdout
