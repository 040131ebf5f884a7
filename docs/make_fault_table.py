"""What clients do with every fault: runs docs/clients and writes the table into docs/faults.md. So are the
tables of what a loop of an agent and the programs of examples/clients do with those of the model.

    python docs/make_fault_table.py
    python docs/make_fault_table.py --model-only    the last two

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
MODEL_CASES = [case for case in CASES if case.category == "model"]
EXAMPLES = DOCS.parent / "examples"
TOOL = "get_weather("  # what the agent's tool prints at each run begins so


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


def results_of(
    command: Sequence[str], recording: str, cases: Sequence[Case]
) -> tuple[dict[Case, Result], ClientRun]:
    """What the client did in each case, and without a fault."""
    trial = Trial(command, [DOCS.parent / "fixtures"], recording, Pace(speed=math.inf), TIMEOUT)
    sound = reference(trial)
    assert sound.comparable, command
    results = {result.case: result for result in drill(trial, cases, sound, JOBS)}
    # On a busy machine a client may only seem to hang. Where that would be news, it is tried again alone.
    again = [case for case, result in results.items() if result.run.hung and case.expect is not Expect.NOTICE]
    results |= {result.case: result for result in drill(trial, again, sound)}
    return {case: results[case] for case in cases}, sound.run


def column(command: Sequence[str]) -> dict[Case, str]:
    results, sound = results_of(command, RECORDING, CASES)
    return {case: cell(result, sound) for case, result in results.items()}


def tool_runs(run: ClientRun) -> int:
    """How often the agent has run its tool."""
    return sum(line.startswith(TOOL) for line in run.output.splitlines())


def outcome(run: ClientRun, sound: ClientRun) -> str:
    """What came of the loop of an agent, in a few words."""
    said, expected = (
        [line for line in one.output.splitlines() if line and not line.startswith(TOOL)]
        for one in (run, sound)
    )
    if run.hung:
        return "waits"
    if run.exit_code != 0:
        return f"`{last_line(run.errors).partition(':')[0]}`"
    if not said:
        return "no text"
    if not tool_runs(run):
        return "the tool is not run; its error goes to the model"
    if said != expected:
        return "other text"
    again = tool_runs(run) - tool_runs(sound)
    return f"ok, but the tool runs {again + 1} times" if again else "ok"


def agent_rows(results: Mapping[Case, Result], sound: ClientRun, name: str) -> Iterator[str]:
    """The table of what the loop of an agent does with faults of the model."""
    yield f"| fault | {name} | runs of the tool | requests |"
    yield "| --- | --- | --- | --- |"
    for case, result in results.items():
        run = result.run
        yield f"| `{case.fault}` | {outcome(run, sound)} | {tool_runs(run)} | {run.requests} |"


def example_rows(clients: Mapping[str, Mapping[Case, Result]]) -> Iterator[str]:
    """The table of how many faults of the model each client took in which way."""
    yield "| client | survived | coped | noticed | bad |"
    yield "| --- | --- | --- | --- | --- |"
    for name, results in clients.items():
        kinds: dict[str, list[Result]] = {kind: [] for kind in ("survived", "coped", "noticed", "bad")}
        for result in results.values():
            kinds["bad" if result.verdict.bad else result.verdict.value].append(result)
        cells = [
            f"{len(kinds['survived'])}",
            f"{len(kinds['coped'])}",
            *(_counted(kinds[kind]) for kind in ("noticed", "bad")),
        ]
        yield f"| `{name}` | {' | '.join(cells)} |"


def _counted(results: Sequence[Result]) -> str:
    """How many there are, and which."""
    told = [
        f"`{last_line(one.run.errors).partition(':')[0] or one.verdict.value}` at `{one.case.fault}`"
        for one in results
    ]
    return f"{len(results)}: {', '.join(told)}" if told else "0"


def table(cells: Mapping[str, Mapping[Case, str]]) -> Iterator[str]:
    yield f"| fault | {' | '.join(name.strip() for name in cells)} |"
    yield f"| --- |{' --- |' * len(cells)}"
    for case in CASES:
        yield f"| `{case.fault}` | {' | '.join(column[case] for column in cells.values())} |"


def marks(name: str) -> tuple[str, str]:
    """What stands before and after a table of the page."""
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def page(text: str, name: str, rows: Iterator[str]) -> str:
    """The page with one table written anew."""
    begin, end = marks(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    lines = "\n".join(rows)
    return f"{before}{begin}\n{lines}\n{end}{after}"


def write(name: str, rows: Iterator[str]) -> None:
    """Write one table into the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8"), name, rows), "utf-8")


def write_model_tables(console: Console) -> None:
    """Write the tables of what an agent and the examples do with faults of the model."""
    agent = EXAMPLES / "agents/openai_agents_loop.py"
    told = results_of([sys.executable, str(agent)], "tools/get_weather", MODEL_CASES)
    write("agents", agent_rows(*told, f"openai-agents {version('openai-agents')}"))
    programs = sorted(EXAMPLES.glob("clients/*.py"))
    clients = {
        path.name: results_of([sys.executable, str(path)], RECORDING, MODEL_CASES)[0]
        for path in track(programs, "examples", console=console)
    }
    write("examples", example_rows(clients))


def main(arguments: Sequence[str]) -> None:
    console = Console(stderr=True)
    if "--model-only" not in arguments:
        clients = track(columns().items(), "drilling", console=console)
        write("clients", table({name: column(command) for name, command in clients}))
    write_model_tables(console)


if __name__ == "__main__":
    main(sys.argv[1:])
