"""The drill finds the bug of each client in examples/clients, and passes the careful one."""

import json
import sys
from pathlib import Path

import pytest

from respool.cli import main

CLIENTS = Path(__file__).parents[1] / "examples" / "clients"

# Each client, and the cases in which it does badly.
BUGS = {
    "ignores_failed.py": {"failed": "fooled"},
    "loses_characters.py": {"single-bytes": "fooled"},
    "waits_for_ever.py": {"stall": "hung", "stall-keepalive": "hung"},
    "careful.py": {},
}
# The seconds that a client waits for an answer which stalls, and those that it waits here: a test needs no
# more than what a short answer takes on a busy machine.
LIMITS = {
    "ignores_failed.py": ("asyncio.timeout(5)", "asyncio.timeout(3)"),
    "loses_characters.py": ("time.monotonic() + 5", "time.monotonic() + 3"),
    "careful.py": ("DEADLINE = 5 ", "DEADLINE = 3 "),
}
CASES = "failed,single-bytes,stall,stall-keepalive,close"


def drill(client: str, cases: str, tmp_path: Path) -> dict:
    """The report of a drill."""
    report = tmp_path / "drill.json"
    # A short answer: its single bytes arrive within the clients' few seconds on a busy machine, too.
    (tmp_path / "hello.script.yaml").write_text("text: Grüße! 👋\n", "utf-8")
    options = [
        "--recording",
        "hello",
        "--set",
        cases,
        "--timeout",
        "20",
        "--jobs",
        "2",
        "--json",
        str(report),
    ]
    source = (CLIENTS / client).read_text("utf-8")
    longer, shorter = LIMITS.get(client, ("", ""))
    assert longer in source
    command = [sys.executable, "-c", source.replace(longer, shorter) if longer else source]
    with pytest.raises(SystemExit):
        main(["drill", *options, str(tmp_path), "--", *command])
    return json.loads(report.read_text("utf-8"))


@pytest.mark.parametrize("client", BUGS)
def test_the_drill_finds_the_bug_of_a_client_and_no_other(client: str, tmp_path: Path) -> None:
    report = drill(client, CASES, tmp_path)
    bad = {case["name"]: case["verdict"] for case in report["cases"] if case["bad"]}
    assert bad == BUGS[client]
    assert report["passed"] is not bool(BUGS[client])


def test_every_client_is_drilled() -> None:
    assert {path.name for path in CLIENTS.glob("*.py")} == set(BUGS)
