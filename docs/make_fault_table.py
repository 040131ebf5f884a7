"""What clients do with every fault: runs docs/clients and writes the table into docs/faults.md.

    python docs/make_fault_table.py

It takes some minutes, and wants node and the packages of tests/node. What it writes is what was seen.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import track

from respool.drill.cases import CASES as ALL_CASES
from respool.drill.cases import Case, Expect
from respool.drill.running import Trial, drill, reference
from respool.drill.verdict import ClientRun, Result, Verdict, last_line
from respool.play.pace import Pace

CASES = [case for case in ALL_CASES if case.happens_over("http")]
DOCS = Path(__file__).parent
PAGE = DOCS / "faults.md"
NODE = DOCS.parent / "tests/node/node_modules"
RECORDING = "text/hello"
TIMEOUT = 12  # seconds
JOBS = 3
BEGIN, END = "<!-- clients -->", "<!-- /clients -->"


def node_version(package: str) -> str:
    told = json.loads((NODE / package / "package.json").read_text("utf-8"))
    return str(told["version"])


def columns() -> Mapping[str, Sequence[str]]:
    """The head of each column, and the command."""
    clients = DOCS / "clients"
    openai_node = node_version("openai")
    return {
        f"openai-python {version('openai')}": [sys.executable, f"{clients}/openai_python.py"],
        "its helper": [sys.executable, f"{clients}/openai_python_helper.py"],
        f"openai-node {openai_node}": ["node", f"{clients}/openai_node.mjs"],
        "its helper ": ["node", f"{clients}/openai_node_helper.mjs"],
        f"httpx-sse {version('httpx-sse')}": [sys.executable, f"{clients}/httpx_sse_connect.py"],
        f"eventsource-parser {node_version('eventsource-parser')}": [
            "node",
            f"{clients}/eventsource_parser.mjs",
        ],
    }


def cell(result: Result, sound: ClientRun) -> str:
    """What one client did with one fault, in a few words."""
    run = result.run
    match result.verdict:
        case Verdict.HUNG:
            words = "waits"
        case Verdict.CRASHED:
            words = result.reason
        case Verdict.NOTICED | Verdict.GAVE_UP:
            words = last_line(run.errors)
        case Verdict.FOOLED | Verdict.COPED:
            words = "**other text**" if run.output.strip() else "**no text**"
        case _:
            words = "ok"
    return words if run.requests == sound.requests else f"{words}, {run.requests} requests"


def column(command: Sequence[str]) -> dict[Case, str]:
    trial = Trial(command, [DOCS.parent / "fixtures"], RECORDING, Pace(speed=math.inf), TIMEOUT)
    sound = reference(trial)
    assert sound.comparable, command
    results = {result.case: result for result in drill(trial, CASES, sound, JOBS)}
    # On a busy machine a client may only seem to hang. Where that would be news, it is tried again alone.
    again = [case for case, result in results.items() if result.run.hung and case.expect is not Expect.NOTICE]
    results |= {result.case: result for result in drill(trial, again, sound)}
    return {case: cell(result, sound.run) for case, result in results.items()}


def table(cells: Mapping[str, Mapping[Case, str]]) -> Iterator[str]:
    yield f"| fault | {' | '.join(name.strip() for name in cells)} |"
    yield f"| --- |{' --- |' * len(cells)}"
    for case in CASES:
        yield f"| `{case.fault}` | {' | '.join(column[case] for column in cells.values())} |"


def page(text: str, rows: Iterator[str]) -> str:
    """The page with the table written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = "\n".join(rows)
    return f"{before}{BEGIN}\n{lines}\n{END}{after}"


def main() -> None:
    console = Console(stderr=True)
    clients = track(columns().items(), "drilling", console=console)
    cells = {name: column(command) for name, command in clients}
    PAGE.write_text(page(PAGE.read_text("utf-8"), table(cells)), "utf-8")


if __name__ == "__main__":
    main()
