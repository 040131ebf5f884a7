"""docs/faults.md has all faults, as they are."""

import importlib.util
from pathlib import Path

from respool.faults import FAULTS, parse

DOCS = Path(__file__).parents[2] / "docs"


def test_the_tables_of_the_page_are_those_of_the_docstrings() -> None:
    spec = importlib.util.spec_from_file_location("make_faults", DOCS / "make_faults.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    text = (DOCS / "faults.md").read_text()
    assert text == tables.page(text), "run python docs/make_faults.py"
    assert all(f"| `{name}` |" in text for name in FAULTS)


def test_the_fault_that_does_nothing_does_nothing() -> None:
    page = (DOCS / "faults.md").read_text()
    names: dict[str, object] = {"__name__": "respool.noop"}
    exec(page.split("```python\n")[1].split("```")[0], names)
    noop = names["Noop"]
    assert callable(noop)
    frames = [object()]
    assert list(noop().apply(frames, None)) == frames


def test_the_example_of_the_syntax_that_is_quoted_can_be_read() -> None:
    assert str(parse('comments(text="are you there?")')[0]) == 'comments(text="are you there?")'
