"""The table of what clients do with every fault, in docs/faults.md."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from respool.drill.cases import CASES as ALL_CASES
from respool.drill.cases import Case, Expect
from respool.drill.verdict import ClientRun, judge

CASES = [case for case in ALL_CASES if case.happens_over("http")]
DOCS = Path(__file__).parents[1] / "docs"
NODE = Path(__file__).parent / "node" / "node_modules"
SOUND = ClientRun(0, 1.0, 1, "Hello", "Hello")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """docs/make_fault_table.py, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("make_fault_table", DOCS / "make_fault_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(maker: ModuleType, name: str) -> list[str]:
    """The rows of a table of the page."""
    begin, end = maker.marks(name)
    _, _, rest = (DOCS / "faults.md").read_text("utf-8").partition(f"{begin}\n")
    return rest.partition(end)[0].splitlines()[2:]


def test_the_page_has_a_row_for_each_case_and_a_cell_for_each_client(maker: ModuleType) -> None:
    rows = rows_of(maker, "clients")
    assert [row.split(" | ")[0] for row in rows] == [f"| `{case.fault}`" for case in CASES]
    clients = len(
        [path for path in (DOCS / "clients").iterdir() if path.name not in ("README.md", "node.mjs")]
    )
    assert {row.count(" | ") for row in rows} == {clients}


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (SOUND, "ok"),
        (ClientRun(0, 1.0, 3, "Hello", "Hello"), "ok, 3 requests"),
        (ClientRun(1, 1.0, 1, "Hel", "Hel", "a warning\nAPIError\n"), "APIError"),
        (ClientRun(0, 1.0, 1, "Hel", "Hel"), "**other text**"),
        (ClientRun(0, 1.0, 1, "\n", "\n"), "**no text**"),
        (ClientRun(None, 12.0, 1, "Hel", "Hel"), "waits"),
        (ClientRun(-6, 1.0, 1, "Hel", "Hel"), "killed by SIGABRT"),
    ],
)
@pytest.mark.parametrize("expect", Expect)
def test_a_cell_says_what_was_seen_and_not_what_it_is_worth(
    run: ClientRun, words: str, expect: Expect, maker: ModuleType
) -> None:
    case = Case("a", "abort", expect, "why")
    assert maker.cell(judge(case, run, SOUND, comparable=True), SOUND) == words


def test_the_table_is_put_between_the_marks(maker: ModuleType) -> None:
    cells = {"one 1.0": dict.fromkeys(CASES, "ok"), "two 2.0": dict.fromkeys(CASES, "waits")}
    begin, end = maker.marks("clients")
    text = maker.page(f"above\n{begin}\nold\n{end}\nbelow\n", "clients", maker.table(cells))
    above, mark, head, _, first, *_, last, below = text.splitlines()
    assert (above, mark, last, below) == ("above", begin, end, "below")
    assert head == "| fault | one 1.0 | two 2.0 |"
    assert first == f"| `{CASES[0].fault}` | ok | waits |"


@pytest.mark.skipif(not NODE.is_dir(), reason="tests/node/node_modules is missing: run npm ci in tests/node")
def test_the_columns_are_the_clients_with_their_versions(maker: ModuleType) -> None:
    commands = maker.columns()
    names = {Path(command[-1]).name for command in commands.values()}
    assert names == {path.name for path in (DOCS / "clients").iterdir()} - {"README.md", "node.mjs"}
    assert all(any(character.isdigit() for character in name) or "helper" in name for name in commands)


def test_the_page_has_a_row_for_each_fault_of_the_model_and_for_each_example(maker: ModuleType) -> None:
    told = [row.split(" | ")[0] for row in rows_of(maker, "agents")]
    assert told == [f"| `{case.fault}`" for case in CASES if case.category == "model"]
    programs = sorted(path.name for path in (DOCS.parent / "examples/clients").glob("*.py"))
    rows = rows_of(maker, "examples")
    assert [row.split(" | ")[0] for row in rows] == [f"| `{name}`" for name in programs]
    counts = [[int(cell.split(":")[0]) for cell in row.strip("| ").split(" | ")[1:]] for row in rows]
    assert {sum(numbers) for numbers in counts} == {len(told)}


AGENT = "get_weather(Paris, c)\n18 degrees.\n"


@pytest.mark.parametrize(
    ("output", "code", "errors", "words", "runs"),
    [
        (AGENT, 0, "", "ok", 1),
        (f"get_weather(Paris, c)\n{AGENT}", 0, "", "ok, but the tool runs 2 times", 2),
        ("get_weather(Paris, c)\n19 degrees.\n", 0, "", "other text", 1),
        ("18 degrees.\n", 0, "", "the tool is not run; its error goes to the model", 0),
        ("get_weather(Paris, c)\n\n", 0, "", "no text", 1),
        (AGENT, 1, "MaxTurnsExceeded: Max turns (5) exceeded\n", "`MaxTurnsExceeded`", 1),
        (AGENT, None, "", "waits", 1),
    ],
)
def test_what_comes_of_an_agent_is_said_in_a_few_words(
    output: str, code: int | None, errors: str, words: str, runs: int, maker: ModuleType
) -> None:
    sound = ClientRun(0, 1.0, 2, AGENT, AGENT)
    run = ClientRun(code, 1.0, 2, output, output, errors)
    assert (maker.outcome(run, sound), maker.tool_runs(run)) == (words, runs)


def test_the_examples_are_counted_by_their_verdicts_and_failures_are_named(maker: ModuleType) -> None:
    cases = [Case("a", "abort", expect, "why") for expect in (Expect.COPE, Expect.EITHER, Expect.SURVIVE)]
    runs = [ClientRun(0, 1.0, 1, "Hel", "Hel"), *[ClientRun(1, 1.0, 1, "", "", "KeyError: 'a'\n")] * 2]
    results = {case: judge(case, run, SOUND, comparable=True) for case, run in zip(cases, runs, strict=True)}
    *_, row = maker.example_rows({"one.py": results})
    assert row == "| `one.py` | 0 | 1 | 1: `KeyError` at `abort` | 1: `KeyError` at `abort` |"
